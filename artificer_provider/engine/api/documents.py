"""The documents of a project."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from artificer_provider.client.models.projects import (
    Document,
    DocumentMatch,
    DocumentProposal,
    DocumentStats,
    ProposeDocumentUpdate,
    SearchProject,
    UpdateDocument,
    UploadDocument,
)
from artificer_provider.engine import finding, library, projects, proposals, uploads
from artificer_provider.engine.api.paging import Page, gives_page, list_reply, page_reply
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
from artificer_provider.engine.documents.bodies import read_document_body
from artificer_provider.engine.gate import read_body
from artificer_provider.engine.payloads import read_payload
from artificer_provider.engine.presence import while_there

if TYPE_CHECKING:
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.documents.pool import Documents
    from artificer_provider.engine.indexing import Indexer
    from artificer_provider.engine.retrieval import Retrieval
    from artificer_provider.engine.store import Store

NO_SUCH_DOCUMENT: Final = {404: "There is no such document, or it is another owner's."}
NOT_INSTALLED: Final = {503: "No model that finds meaning is installed; the message names the extra."}

_EXAMPLE: Final = {
    "filename": "bridge.md",
    "contentType": "text/markdown",
    "content": "VGhlIGJyaWRnZSBpcyBjbG9zZWQu",
}


def documents_api(
    store: Store, answerers: Answerers, documents: Documents, indexer: Indexer, retrieval: Retrieval
) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api", tags=["documents"])
    _add_upload(api, store, documents, indexer)
    _add_lists(api, store)
    _add_search(api, retrieval)
    _add_document(api, store, indexer)
    _add_proposal(api, store, answerers)
    return api


def _add_upload(api: APIRouter, store: Store, documents: Documents, indexer: Indexer) -> None:
    field = uploads.document_field(documents)

    @api.post(
        "/projects/{project_id}/documents",
        summary="Add a document to a project",
        description="It is kept when this answers, and found once it is indexed, a little later: "
        "`getEmbeddingStats` tells.",
        responses={
            **gives(Document, "The document, without its text."),
            **refuses(
                BODY_REFUSALS,
                NO_SUCH_PROJECT,
                {503: "It takes OCR, and there is none.", 504: "Reading it took too long, and was ended."},
            ),
        },
        openapi_extra=takes(UploadDocument, _EXAMPLE),
    )
    async def upload_document(request: Request, project_id: str, caller: By) -> Response:
        body = await read_document_body(request, {(field.name,): field})
        try:
            asked = read_payload(body.rest, UploadDocument)
            uploads.check_filename(asked.filename)
            # An unknown project is told of before a reader works for minutes.
            await store.read(partial(projects.found, owner=caller.owner, project_id=project_id))
            work = uploads.read(asked.filename, asked.content_type, body.uploads[field.name,], documents)
            new = await while_there(request, work)
        finally:
            body.close()
        add = partial(library.add, owner=caller.owner, project_id=project_id, new=new)
        number, document = await store.write(add)
        indexer.index(number)
        return json_reply(document)


def _add_lists(api: APIRouter, store: Store) -> None:
    @api.get(
        "/projects/{project_id}/documents",
        summary="List a project's documents",
        responses={
            **gives_page(list[Document], "A page of them without their texts, newest first."),
            **refuses(QUERY_REFUSALS, NO_SUCH_PROJECT),
        },
    )
    async def list_documents(project_id: str, page: Annotated[Page, Query()], caller: By) -> Response:
        look = partial(
            library.page, owner=caller.owner, project_id=project_id, limit=page.limit, offset=page.offset
        )
        return page_reply(*await store.read(look))

    @api.get(
        "/projects/{project_id}/document-stats",
        summary="Count a project's documents",
        responses={
            **gives(DocumentStats, "How many, how large, of which kinds."),
            **refuses(NO_SUCH_PROJECT),
        },
    )
    async def get_document_stats(project_id: str, caller: By) -> Response:
        return json_reply(await store.read(partial(library.stats, owner=caller.owner, project_id=project_id)))


def _add_search(api: APIRouter, retrieval: Retrieval) -> None:
    @api.post(
        "/projects/{project_id}/search",
        summary="Find documents by what they mean",
        description="Each comes with its best passage and that one's cosine.",
        responses={
            **gives(list[DocumentMatch], "The nearest documents, the nearest first."),
            **refuses(BODY_REFUSALS, NO_SUCH_PROJECT, NOT_INSTALLED),
        },
        openapi_extra=takes(SearchProject, {"query": "which roads are shut?"}),
    )
    async def search_project(request: Request, project_id: str, caller: By) -> Response:
        asked = await asked_of(request, SearchProject)
        found = await retrieval.documents(
            caller.owner, project_id, asked.query, asked.limit or finding.MATCHES
        )
        return list_reply(
            [
                DocumentMatch(
                    id=document.id,
                    filename=document.filename,
                    content=passage.text,
                    metadata=document.metadata,
                    similarity=passage.score,
                )
                for document, passage in found
            ]
        )


def _add_document(api: APIRouter, store: Store, indexer: Indexer) -> None:
    @api.get(
        "/documents/{document_id}",
        summary="Read a document",
        responses={**gives(Document, "The document with its text."), **refuses(NO_SUCH_DOCUMENT)},
    )
    async def get_document(document_id: str, caller: By) -> Response:
        look = partial(library.whole, owner=caller.owner, document_id=document_id)
        return json_reply(await store.read(look))

    @api.patch(
        "/documents/{document_id}",
        summary="Give a document another text",
        description="It is indexed anew; until then a search does not find it. The reason is kept in its "
        "`metadata` as `updateReason`.",
        responses={
            **gives(Document, "The document, without its text."),
            **refuses(BODY_REFUSALS, NO_SUCH_DOCUMENT),
        },
        openapi_extra=takes(UpdateDocument),
    )
    async def update_document(request: Request, document_id: str, caller: By) -> Response:
        asked = await run_in_threadpool(read_payload, await read_body(request), UpdateDocument)
        change = partial(
            library.rewrite,
            owner=caller.owner,
            document_id=document_id,
            content=uploads.kept_text(asked.content),
            reason=asked.reason,
        )
        number, document = await store.write(change)
        indexer.index(number)
        return json_reply(document)

    @api.delete(
        "/documents/{document_id}",
        status_code=204,
        summary="Delete a document",
        responses={204: {"description": "It is gone."}, **refuses(NO_SUCH_DOCUMENT)},
    )
    async def delete_document(document_id: str, caller: By) -> Response:
        await store.write(partial(library.delete, owner=caller.owner, document_id=document_id))
        return Response(status_code=204)


def _add_proposal(api: APIRouter, store: Store, answerers: Answerers) -> None:
    @api.post(
        "/documents/{document_id}/propose-update",
        summary="Have a language model revise a document",
        description="Nothing is changed: `updateDocument` takes the proposal.",
        responses={
            **gives(DocumentProposal, "The document as the model would have it."),
            **refuses(
                BODY_REFUSALS,
                NO_SUCH_DOCUMENT,
                {502: "The model gave no answer; the message says why.", 503: "There is no language model."},
            ),
        },
        openapi_extra=takes(ProposeDocumentUpdate),
    )
    async def propose_document_update(request: Request, document_id: str, caller: By) -> Response:
        asked = await asked_of(request, ProposeDocumentUpdate)
        look = partial(library.whole, owner=caller.owner, document_id=document_id)
        document = await store.read(look)
        return json_reply(await proposals.propose(asked, document, answerers, store, owner=caller.owner))
