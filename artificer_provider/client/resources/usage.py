"""What the caller used."""

from __future__ import annotations

from artificer_provider.client._core import C, Request, Resource, Rest, endpoint, query
from artificer_provider.client.models.usage import ModelUsage, SessionStats

USAGE = "/api/usage"


class Usage(Resource[C]):
    """What the caller used. A deployed engine counts the conversations of all callers together (WIRE §4)."""

    @endpoint
    def get_session_stats(self) -> Request[SessionStats]:
        """Count conversations, messages and tokens, and add up what they cost, in US dollars."""
        rest = Rest("GET", f"{USAGE}/session")
        return Request("fetching the usage", SessionStats, rest, query("usage.getSessionStats"))

    @endpoint
    def get_model_usage(self) -> Request[ModelUsage]:
        """Count messages by who wrote them, each with its share in percent."""
        rest = Rest("GET", f"{USAGE}/models")
        return Request("fetching the usage by role", ModelUsage, rest, query("usage.getModelUsage"))
