"""Search for what texts mean, over a project's documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.client._core import C, Repeat, Request, Resource, Rest, endpoint, mutation, query
from artificer_provider.client.models.search import (
    EmbeddingStats,
    ReindexDocument,
    ReindexedDocument,
    SearchDocuments,
    SearchHealth,
    SearchResults,
)
from artificer_provider.client.resources._checked import checked, known_by

if TYPE_CHECKING:
    from collections.abc import Sequence

SEARCH = "/api/search"
#: All of a document is embedded before this is answered.
REINDEX_TIMEOUT = 300.0


class Search(Resource[C]):
    """Search for what texts mean. A document can be found some moments after it was uploaded."""

    @endpoint
    def documents(
        self,
        project_id: str,
        query: str,
        *,
        limit: int | None = None,
        min_score: float | None = None,
        document_ids: Sequence[str] | None = None,
    ) -> Request[SearchResults]:
        """
        Find the pieces of a project's documents that are nearest to a question.

        :param query: the question, 1 to 1,000 characters.
        :param limit: how many pieces at most, 1 to 50; 10 unless given.
        :param min_score: leave out what is less near, 0 to 1.
        :param document_ids: look in these documents alone.
        :raises NotFoundError: when there is no such project.
        """
        doing = f"searching project {project_id}"
        body = checked(
            SearchDocuments,
            doing,
            project_id=known_by(project_id),
            query=query,
            limit=limit,
            min_score=min_score,
            document_ids=None if document_ids is None else [known_by(one) for one in document_ids],
        )
        # It is called a mutation, and changes nothing.
        trpc = mutation("search.searchDocuments", body)
        return Request(doing, SearchResults, Rest("POST", f"{SEARCH}/documents", body=body), trpc)

    @endpoint
    def get_stats(self, project_id: str) -> Request[EmbeddingStats]:
        """
        Say how much of a project can be found.

        :raises NotFoundError: when there is no such project.
        """
        said = {"projectId": known_by(project_id)}
        rest = Rest("GET", f"{SEARCH}/stats", dict(said))
        trpc = query("search.getEmbeddingStats", said)
        return Request(f"fetching the search figures of project {project_id}", EmbeddingStats, rest, trpc)

    @endpoint
    def reindex(self, document_id: str) -> Request[ReindexedDocument]:
        """
        Make the pieces by which a document is found anew. No answer within 300 s is an error.

        :raises NotFoundError: when there is no such document.
        """
        doing = f"indexing document {document_id}"
        body = checked(ReindexDocument, doing, document_id=known_by(document_id))
        return Request(
            doing,
            ReindexedDocument,
            rest=Rest("POST", f"{SEARCH}/reindex", body=body),
            trpc=mutation("search.reindexDocument", body),
            repeat=Repeat.UNSENT,
            timeout=REINDEX_TIMEOUT,
        )

    @endpoint
    def health(self) -> Request[SearchHealth]:
        """Say whether search works. It never fails: what does not work is said in the answer."""
        trpc = query("search.healthCheck")
        return Request("asking whether search works", SearchHealth, Rest("GET", f"{SEARCH}/health"), trpc)
