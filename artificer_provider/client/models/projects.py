"""Projects: documents, and conversations about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Base64Bytes, Field, JsonValue, StringConstraints

from artificer_provider.client import limits
from artificer_provider.client.models._base import (
    NULL_IS_EMPTY_DICT,
    NULL_IS_EMPTY_LIST,
    Instant,
    Payload,
    Reply,
)
from artificer_provider.client.models.conversations import ConversationSummary

Name = Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_PROJECT_NAME_CHARS)]
Description = Annotated[str, StringConstraints(max_length=limits.MAX_DESCRIPTION_CHARS)]
Filename = Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_FILENAME_CHARS)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_DOCUMENT_CHARS)]


class CreateProject(Payload):
    """The body of ``POST /api/projects``; ``settings`` are the caller's own: no engine reads them."""

    name: Name
    description: Description | None = None
    settings: dict[str, JsonValue] | None = None


class UpdateProject(Payload):
    """The body of ``PATCH /api/projects/{id}``: what is not given stays as it is."""

    name: Name | None = None
    description: Description | None = None
    settings: dict[str, JsonValue] | None = None


class AssociateConversation(Payload):
    """The body of ``POST /api/projects/{id}/conversations``."""

    conversation_id: str


class UploadDocument(Payload):
    """
    The body of ``POST /api/projects/{id}/documents``.

    :param content: the file, in base64 on the wire, at most 50 MB.
    :param content_type: such as ``text/markdown`` or ``application/pdf``.
    """

    filename: Filename
    content: Annotated[Base64Bytes, Field(max_length=limits.MAX_DOCUMENT_BYTES)]
    content_type: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class SearchProject(Payload):
    """The body of ``POST /api/projects/{id}/search``."""

    query: Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_SEARCH_CHARS)]
    limit: Annotated[int, Field(ge=1, le=limits.MAX_PROJECT_MATCHES)] | None = None


class UpdateDocument(Payload):
    """
    The body of ``PATCH /api/documents/{id}``.

    :param content: the text that takes the place of the old.
    :param reason: why; kept with the document.
    """

    content: Text
    reason: str | None = None


class ProposeDocumentUpdate(Payload):
    """The body of ``POST /api/documents/{id}/propose-update``: what a model is to make of the document."""

    conversation_context: Annotated[str, StringConstraints(max_length=limits.MAX_TEXT_CHARS)]
    user_request: Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_MESSAGE_CHARS)]


class ProjectStats(Reply):
    """What a project holds."""

    conversation_count: int | None = None
    document_count: int | None = None
    knowledge_entity_count: int | None = None
    last_activity: Instant | None = None


class Document(Reply):
    """
    A document of a project.

    :param size: bytes, of the file as it was sent.
    :param content: its text; left out in a list.
    """

    id: str
    filename: str
    content_type: str | None = None
    project_id: str | None = None
    original_name: str | None = None
    size: int | None = None
    content: str | None = None
    metadata: Annotated[dict[str, JsonValue], NULL_IS_EMPTY_DICT] = Field(
        default_factory=dict[str, JsonValue]
    )
    uploaded_at: Instant | None = None
    updated_at: Instant | None = None


class Project(Reply):
    """
    A project.

    :param stats: what it holds; left out where it was only made or changed.
    :param conversations: newest first; None where only the project itself is told of.
    :param documents: newest first; None where only the project itself is told of.
    """

    id: str
    name: str
    description: str | None = None
    user_id: str | None = None
    settings: Annotated[dict[str, JsonValue], NULL_IS_EMPTY_DICT] = Field(
        default_factory=dict[str, JsonValue]
    )
    stats: ProjectStats | None = None
    conversations: list[ConversationSummary] | None = None
    documents: list[Document] | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class DocumentMatch(Reply):
    """
    A document that fits what was looked for.

    :param content: the piece of it that fits best; a deployed engine gives all of it.
    :param similarity: a cosine, at most 1; a deployed engine says 0.8 of whatever it finds (WIRE §5).
    """

    id: str
    filename: str
    content: str | None = None
    metadata: Annotated[dict[str, JsonValue], NULL_IS_EMPTY_DICT] = Field(
        default_factory=dict[str, JsonValue]
    )
    similarity: float | None = None


class ContentTypeCount(Reply):
    """How many documents of one kind there are."""

    content_type: str
    count: int


class DocumentStats(Reply):
    """A project's documents, counted; ``total_size`` in bytes."""

    total_count: int
    total_size: int
    type_breakdown: Annotated[list[ContentTypeCount], NULL_IS_EMPTY_LIST] = Field(
        default_factory=list[ContentTypeCount]
    )


class DocumentProposal(Reply):
    """What a model would make of a document. Nothing is changed by it."""

    document_id: str
    document_name: str | None = None
    original_content: str | None = None
    proposed_content: str
    reason: str | None = None
    change_summary: str | None = None
