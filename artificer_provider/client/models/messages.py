"""What was said in conversations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from artificer_provider.client import limits
from artificer_provider.client.models._base import Instant, Payload, Reply
from artificer_provider.client.states import Role

Content = Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_MESSAGE_CHARS)]


class Message(Reply):
    """
    One thing that was said.

    :param conversation_id: where; left out where it is listed within its conversation.
    :param cost: US dollars; None where it is not known.
    """

    id: str
    role: Role
    content: str
    conversation_id: str | None = None
    parent_id: str | None = None
    model: str | None = None
    cost: float | None = None
    tokens: int | None = None
    created_at: Instant | None = None


class CreateMessage(Payload):
    """
    The body of ``POST /api/conversations/{id}/messages``: it is kept, and nobody answers.

    :param tokens: how many it has; an engine counts them itself, and asks for the field all the same.
    """

    role: Role
    content: Content
    tokens: Annotated[int, Field(ge=0)] | None = None


class UpdateMessage(Payload):
    """The body of ``PATCH /api/messages/{id}``."""

    content: Content
