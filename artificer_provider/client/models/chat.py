"""Chat: a message, its answer, and the answer while it is given."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artificer_provider.client.models._base import (
    NULL_IS_EMPTY_DICT,
    NULL_IS_EMPTY_LIST,
    Instant,
    Payload,
    Reply,
)
from artificer_provider.client.models.messages import Content
from artificer_provider.client.states import Role


class SendMessage(Payload):
    """
    The body of ``POST /api/chat/send`` and of ``POST /api/chat/stream``.

    :param use_rag: whether the project's documents are looked up for the answer; they are, where the
        conversation belongs to a project that has any, unless this is false.
    """

    content: Content
    conversation_id: str
    use_rag: bool | None = None


class Source(Reply):
    """
    A piece of a document that an answer was given from.

    :param score: how near it is to what was asked, as a cosine, at most 1.
    """

    document_id: str
    filename: str
    chunk_index: int | None = None
    score: float | None = None


class ChatReply(Reply):
    """
    An answer, which the engine has kept in the conversation.

    :param conversation_title: the title that the first message gave the conversation.
    :param sources: which documents it was given from.
    """

    id: str
    content: str
    role: Role
    timestamp: Instant | None = None
    model: str | None = None
    cost: float | None = None
    tokens: int | None = None
    conversation_title: str | None = None
    sources: Annotated[list[Source], NULL_IS_EMPTY_LIST] = Field(default_factory=list[Source])


class ChunkMetadata(Reply):
    """Who gives the answer; the last chunk tells also what it took, and as which message it was kept."""

    model: str | None = None
    token_count: int | None = None
    cost: float | None = None
    message_id: str | None = None
    sources: Annotated[list[Source], NULL_IS_EMPTY_LIST] = Field(default_factory=list[Source])


class ChatChunk(Reply):
    """A piece of an answer; the last one is finished, and empty."""

    content: str
    finished: bool = False
    metadata: Annotated[ChunkMetadata, NULL_IS_EMPTY_DICT] = Field(default_factory=ChunkMetadata)
