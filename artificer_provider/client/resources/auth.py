"""Who the engine takes the caller for."""

from __future__ import annotations

from artificer_provider.client._core import C, Request, Resource, Rest, endpoint, query
from artificer_provider.client.models.auth import Authenticated, Greeting, Identity

AUTH = "/api/auth"


class Auth(Resource[C]):
    """Who the engine takes the caller for."""

    @endpoint
    def public(self) -> Request[Greeting]:
        """Ask for what the engine says to anybody. Needs no key."""
        rest = Rest("GET", f"{AUTH}/public")
        return Request("asking for a greeting", Greeting, rest, query("auth.public"))

    @endpoint
    def protected(self) -> Request[Authenticated]:
        """
        Ask whether the API key is good, and what for.

        :raises AuthenticationError: when it is not.
        """
        rest = Rest("GET", f"{AUTH}/protected")
        return Request("checking the API key", Authenticated, rest, query("auth.protected"))

    @endpoint
    def whoami(self) -> Request[Identity]:
        """
        Ask whose key it is.

        :raises AuthenticationError: when the key is not good.
        :raises ServerError: when a deployed engine asks for no keys: it knows nobody then, and stumbles over
            that (WIRE §4).
        """
        rest = Rest("GET", f"{AUTH}/whoami")
        return Request("asking who is calling", Identity, rest, query("auth.whoami"))
