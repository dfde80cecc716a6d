"""Search for what texts mean, over a project's documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from artificer_provider.client import limits
from artificer_provider.client.models._base import (
    NULL_IS_EMPTY_DICT,
    NULL_IS_EMPTY_LIST,
    Instant,
    Payload,
    Reply,
)


class SearchDocuments(Payload):
    """
    The body of ``POST /api/search/documents``.

    :param limit: how many pieces at most, 1 to 50; 10 unless given.
    :param min_score: leave out what is less near than that, 0 to 1.
    :param document_ids: look in these alone.
    """

    project_id: str
    query: Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_SEARCH_CHARS)]
    limit: Annotated[int, Field(ge=1, le=limits.MAX_SEARCH_RESULTS)] | None = None
    min_score: Annotated[float, Field(ge=0, le=1)] | None = None
    document_ids: list[str] | None = None


class ChunkPlace(Reply):
    """Where in its document a piece stands; characters are counted from 0."""

    start_char: int | None = None
    end_char: int | None = None
    chunk_index: int | None = None
    total_chunks: int | None = None


class SearchResult(Reply):
    """
    A piece of a document that fits what was looked for.

    :param score: how near it is, as a cosine, at most 1.
    """

    id: str
    document_id: str
    content: str
    project_id: str | None = None
    filename: str | None = None
    score: float | None = None
    metadata: Annotated[ChunkPlace, NULL_IS_EMPTY_DICT] = Field(default_factory=ChunkPlace)


class SearchResults(Reply):
    """What was found, the nearest first."""

    query: str
    results: list[SearchResult]
    count: int


class IndexedFile(Reply):
    """A document, as the index knows it; ``size`` in bytes."""

    id: str
    filename: str | None = None
    size: int | None = None
    uploaded_at: Instant | None = None


class EmbeddingStats(Reply):
    """How much of a project can be searched."""

    total_chunks: int
    total_documents: int
    indexed_documents: int
    unindexed_documents: int
    indexed_files: Annotated[list[IndexedFile], NULL_IS_EMPTY_LIST] = Field(default_factory=list[IndexedFile])
    unindexed_files: Annotated[list[IndexedFile], NULL_IS_EMPTY_LIST] = Field(
        default_factory=list[IndexedFile]
    )


class ReindexDocument(Payload):
    """The body of ``POST /api/search/reindex``."""

    document_id: str


class ReindexedDocument(Reply):
    """A document whose pieces were made anew."""

    document_id: str
    filename: str | None = None
    chunks_created: int


class SearchHealth(Reply):
    """
    Whether search works.

    :param chroma: whether a deployed engine reaches its vector store; the embedded one needs none.
    """

    chroma: bool | None = None
    embeddings: bool | None = None
    overall: bool
