"""The procedures of ``search``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.search import ReindexDocument, SearchDocuments
from artificer_provider.engine import finding, indexing
from artificer_provider.engine.errors import UnknownError
from artificer_provider.engine.trpc.envelope import UNDEFINED
from artificer_provider.engine.trpc.errors import Code, RefusedError
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, taking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from artificer_provider.client.models.search import SearchResult
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Answer, Call, Rooms

M = TypeVar("M", bound=BaseModel)


class OfProject(Payload):
    """Which project is asked about."""

    project_id: str


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``search``. They show rows of an owner: none of them is open to all."""
    return {
        "search.searchDocuments": Procedure(
            Kind.MUTATION, _of_rows(SearchDocuments, partial(_search, rooms))
        ),
        "search.getEmbeddingStats": Procedure(Kind.QUERY, _of_rows(OfProject, partial(_stats, rooms))),
        "search.reindexDocument": Procedure(
            Kind.MUTATION, _of_rows(ReindexDocument, partial(_reindex, rooms))
        ),
        "search.healthCheck": Procedure(Kind.QUERY, protected(partial(_health, rooms))),
    }


def _of_rows(model: type[M], act: Callable[[Caller, M], Awaitable[Value]]) -> Answer:
    """Say in this wire's words what there is not."""

    async def answer(caller: Caller, asked: M) -> Value:
        try:
            return await act(caller, asked)
        except UnknownError as error:
            raise RefusedError(Code.NOT_FOUND, f"{error.noun.capitalize()} not found") from error

    return protected(taking(model, answer))


async def _search(rooms: Rooms, caller: Caller, asked: SearchDocuments) -> Value:
    found = await finding.search(rooms.retrieval, caller.owner, asked)
    results: list[Value] = [_result(one) for one in found.results]
    return {"query": found.query, "results": results, "count": found.count}


def _result(one: SearchResult) -> Value:
    place = one.metadata
    return {
        "id": one.id,
        "documentId": one.document_id,
        "projectId": one.project_id,
        "content": one.content,
        "filename": one.filename,
        "score": one.score,
        "metadata": {
            "projectId": one.project_id,
            "documentId": one.document_id,
            "filename": one.filename,
            "startChar": place.start_char,
            "endChar": place.end_char,
            "chunkIndex": place.chunk_index,
            "totalChunks": place.total_chunks,
        },
    }


async def _stats(rooms: Rooms, caller: Caller, asked: OfProject) -> Value:
    look = partial(indexing.stats, owner=caller.owner, project_id=asked.project_id)
    shown: Value = (await rooms.store.read(look)).model_dump(by_alias=True)
    return shown


async def _reindex(rooms: Rooms, caller: Caller, asked: ReindexDocument) -> Value:
    rooms.retrieval.require()
    done = await finding.reindex(rooms.store, rooms.indexer, caller.owner, asked.document_id)
    shown: Value = done.model_dump(by_alias=True)
    return shown


async def _health(rooms: Rooms, _: Call) -> Value:
    """Say nothing of a Chroma: there is none here, and none is needed."""
    is_there = rooms.retrieval.is_installed
    return {"chroma": UNDEFINED, "embeddings": is_there, "overall": is_there}
