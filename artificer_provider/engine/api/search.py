"""Search over the passages of a project's documents."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.client.models.search import (
    EmbeddingStats,
    ReindexDocument,
    ReindexedDocument,
    SearchDocuments,
    SearchHealth,
    SearchResults,
)
from artificer_provider.engine import indexing
from artificer_provider.engine.api.documents import NO_SUCH_DOCUMENT, NOT_INSTALLED
from artificer_provider.engine.api.projects import NO_SUCH_PROJECT
from artificer_provider.engine.api.replies import (
    BODY_REFUSALS,
    QUERY_REFUSALS,
    asked_of,
    gives,
    json_reply,
    refuses,
    takes,
)
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route
from artificer_provider.engine.finding import reindex, search

if TYPE_CHECKING:
    from artificer_provider.engine.indexing import Indexer
    from artificer_provider.engine.retrieval import Retrieval
    from artificer_provider.engine.store import Store


class OfProject(BaseModel):
    """Which project is asked about."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    project_id: Annotated[str, Field(description="The project.")]


def search_api(store: Store, indexer: Indexer, retrieval: Retrieval) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api/search", tags=["search"])
    _add_search(api, retrieval)
    _add_index(api, store, indexer, retrieval)
    return api


def _add_search(api: APIRouter, retrieval: Retrieval) -> None:
    @api.post(
        "/documents",
        summary="Find passages by what they mean",
        description="A score is the cosine of the query and the passage. Documents that are not indexed yet "
        "are not found.",
        responses={
            **gives(SearchResults, "The nearest passages, the nearest first."),
            **refuses(BODY_REFUSALS, NO_SUCH_PROJECT, NOT_INSTALLED),
        },
        openapi_extra=takes(SearchDocuments),
    )
    async def search_documents(request: Request, caller: By) -> Response:
        asked = await asked_of(request, SearchDocuments)
        return json_reply(await search(retrieval, caller.owner, asked))

    @api.get(
        "/health",
        summary="Ask whether search works",
        responses=gives(SearchHealth, "Whether a model that finds meaning is installed."),
    )
    async def get_search_health() -> Response:
        is_there = retrieval.is_installed
        return json_reply(SearchHealth(embeddings=is_there, overall=is_there))


def _add_index(api: APIRouter, store: Store, indexer: Indexer, retrieval: Retrieval) -> None:
    @api.get(
        "/stats",
        summary="Say how much of a project can be searched",
        responses={
            **gives(EmbeddingStats, "Which documents are indexed, and which are not yet."),
            **refuses(QUERY_REFUSALS, NO_SUCH_PROJECT),
        },
    )
    async def get_embedding_stats(asked: Annotated[OfProject, Query()], caller: By) -> Response:
        look = partial(indexing.stats, owner=caller.owner, project_id=asked.project_id)
        return json_reply(await store.read(look))

    @api.post(
        "/reindex",
        summary="Index a document anew",
        description="Answers when it is done: some ten pieces a second, after the documents before it.",
        responses={
            **gives(ReindexedDocument, "How many pieces it has now."),
            **refuses(BODY_REFUSALS, NO_SUCH_DOCUMENT, NOT_INSTALLED),
        },
        openapi_extra=takes(ReindexDocument),
    )
    async def reindex_document(request: Request, caller: By) -> Response:
        asked = await asked_of(request, ReindexDocument)
        retrieval.require()
        return json_reply(await reindex(store, indexer, caller.owner, asked.document_id))
