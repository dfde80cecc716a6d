"""Who the engine takes the caller for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artificer_provider.client.models._base import NULL_IS_EMPTY_LIST, Instant, Reply


class Greeting(Reply):
    """What an engine says to anybody."""

    message: str
    timestamp: Instant | None = None


class Authenticated(Reply):
    """
    That the key is good.

    :param scopes: what it is good for; ``*`` is everything. Empty where the engine asks for no key.
    :param client_ip: where the engine sees the call coming from.
    """

    message: str | None = None
    user_id: str | None = None
    key_id: str | None = None
    scopes: Annotated[list[str], NULL_IS_EMPTY_LIST] = Field(default_factory=list[str])
    client_ip: str | None = None
    timestamp: Instant | None = None


class User(Reply):
    """Whose rows the caller sees."""

    id: str
    email: str | None = None
    name: str | None = None
    created_at: Instant | None = None


class Identity(Reply):
    """
    Who the caller is.

    :param key_id: the key's id, never the key; None where the engine asks for none.
    """

    user: User
    key_id: str | None = None
    scopes: Annotated[list[str], NULL_IS_EMPTY_LIST] = Field(default_factory=list[str])
