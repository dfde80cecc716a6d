"""Search as both dialects ask for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.client.models.search import (
    ChunkPlace,
    ReindexedDocument,
    SearchResult,
    SearchResults,
)
from artificer_provider.engine import indexing

if TYPE_CHECKING:
    from artificer_provider.client.models.search import SearchDocuments
    from artificer_provider.engine.indexing import Indexer
    from artificer_provider.engine.retrieval import Passage, Retrieval
    from artificer_provider.engine.store import Store

#: How many passages a search gives unless it says otherwise.
RESULTS = 10
#: How many documents.
MATCHES = 5


async def search(retrieval: Retrieval, owner: str, asked: SearchDocuments) -> SearchResults:
    """
    Find passages.

    :raises EngineError: 404 when the owner has no such project, 503 where no model for it is installed.
    """
    passages = await retrieval.passages(
        owner,
        asked.project_id,
        asked.query,
        asked.limit or RESULTS,
        min_score=asked.min_score,
        document_ids=asked.document_ids,
    )
    results = [_result(asked.project_id, passage) for passage in passages]
    return SearchResults(query=asked.query, results=results, count=len(results))


async def reindex(store: Store, indexer: Indexer, owner: str, document_id: str) -> ReindexedDocument:
    """
    Cut a document anew and give its chunks new vectors.

    :raises EngineError: 404 when the owner has no such document.
    """
    change = partial(indexing.begin_again, owner=owner, document_id=document_id)
    number, document = await store.write(change)
    return ReindexedDocument(
        document_id=document.id, filename=document.filename, chunks_created=await indexer.index(number)
    )


def _result(project_id: str, passage: Passage) -> SearchResult:
    return SearchResult(
        id=f"{passage.document_id}_chunk_{passage.chunk_index}",
        document_id=passage.document_id,
        project_id=project_id,
        content=passage.text,
        filename=passage.filename,
        score=passage.score,
        metadata=ChunkPlace(
            start_char=passage.start,
            end_char=passage.end,
            chunk_index=passage.chunk_index,
            total_chunks=passage.total_chunks,
        ),
    )
