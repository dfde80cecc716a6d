"""What the caller used."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artificer_provider.client.models._base import NULL_IS_EMPTY_LIST, Reply


class SessionStats(Reply):
    """All conversations, counted; the cost in US dollars, None where one is not known."""

    conversation_count: int
    message_count: int
    total_tokens: int | None = None
    total_cost: float | None = None


class RoleUsage(Reply):
    """How many messages one side wrote; ``percentage`` of all, 0 to 100."""

    role: str
    count: int
    percentage: float | None = None


class ModelUsage(Reply):
    """How messages are spread over who wrote them."""

    total_messages: int
    by_role: Annotated[list[RoleUsage], NULL_IS_EMPTY_LIST] = Field(default_factory=list[RoleUsage])
