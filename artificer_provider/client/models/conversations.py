"""Conversations: what a model is told before, and what was said."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from artificer_provider.client import limits
from artificer_provider.client.models._base import NULL_IS_EMPTY_LIST, Instant, Payload, Reply
from artificer_provider.client.models.messages import Message

Title = Annotated[str, StringConstraints(max_length=limits.MAX_TITLE_CHARS)]
SystemPrompt = Annotated[str, StringConstraints(max_length=limits.MAX_TEXT_CHARS)]
Temperature = Annotated[float, Field(ge=0, le=limits.MAX_TEMPERATURE)]
MaxTokens = Annotated[int, Field(ge=1, le=limits.MAX_ANSWER_TOKENS)]


class CreateConversation(Payload):
    """
    The body of ``POST /api/conversations``.

    :param model: who answers; the engine's default unless given.
    :param max_tokens: of an answer, 1 to 4,000.
    :param project_id: whose documents are looked up for answers.
    """

    title: Title | None = None
    model: str | None = None
    system_prompt: SystemPrompt | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    project_id: str | None = None


class UpdateConversation(Payload):
    """The body of ``PATCH /api/conversations/{id}``: what is not given stays as it is."""

    title: Title | None = None
    model: str | None = None
    system_prompt: SystemPrompt | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None


class NameConversation(Payload):
    """The body of ``POST /api/conversations/{id}/title``: the title is made of its first 47 characters."""

    first_message: Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_MESSAGE_CHARS)]


class _Described(Reply):
    """What is known of a conversation, however it is shown."""

    id: str
    title: str | None = None
    model: str | None = None
    system_prompt: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    project_id: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class ConversationSummary(_Described):
    """A conversation in a list."""

    message_count: int | None = None
    last_message_preview: str | None = None


class Conversation(_Described):
    """A conversation with what was said in it, oldest first."""

    messages: Annotated[list[Message], NULL_IS_EMPTY_LIST] = Field(default_factory=list[Message])
