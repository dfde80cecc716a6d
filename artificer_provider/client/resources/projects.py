"""Projects: documents, and conversations about them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from artificer_provider.client._core import (
    C,
    Flow,
    Many,
    Repeat,
    Request,
    Resource,
    Rest,
    endpoint,
    flow,
    many,
    mutation,
    query,
)
from artificer_provider.client.models.conversations import ConversationSummary
from artificer_provider.client.models.projects import (
    AssociateConversation,
    CreateProject,
    Document,
    DocumentMatch,
    DocumentProposal,
    DocumentStats,
    Project,
    ProposeDocumentUpdate,
    SearchProject,
    UpdateDocument,
    UpdateProject,
)
from artificer_provider.client.resources import _deployed, _uploads
from artificer_provider.client.resources._answers import ANSWER_TIMEOUT, answered
from artificer_provider.client.resources._checked import Told, checked, known_by, path, told
from artificer_provider.client.resources._pages import page, pages
from artificer_provider.client.resources.conversations import Summaries, of_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from artificer_provider.client.bodies import Source
    from artificer_provider.client.resources._pages import Page

PROJECTS = "/api/projects"
DOCUMENTS = "/api/documents"
#: How much of a name an error tells.
TOLD_NAME_CHARS = 60

ProjectList = list[Project]
DocumentList = list[Document]
Matches = list[DocumentMatch]


class Projects(Resource[C]):
    """
    Projects, their documents and conversations.

    A deployed engine does not say why a change failed: one of an unknown thing is a ``ServerError`` there.
    """

    @endpoint
    def create(
        self,
        name: str,
        *,
        description: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Request[Project]:
        """
        Create a project.

        :param name: 1 to 100 characters.
        :param description: at most 500 characters.
        :param settings: JSON of your own; no engine reads it.
        """
        doing = f"creating project {str(name)[:TOLD_NAME_CHARS]!r}"
        body = checked(CreateProject, doing, name=name, description=description, settings=settings)
        trpc = mutation("projects.create", body, read=_deployed.part("project"))
        return Request(doing, Project, Rest("POST", PROJECTS, body=body), trpc, Repeat.UNSENT)

    @endpoint
    def list(self, *, limit: int = 20, offset: int = 0) -> Request[ProjectList]:
        """
        List your projects and what they hold, newest first.

        :param limit: how many at most, 1 to 100.
        :param offset: how many of the newest to leave out.
        """
        return _listing(page("listing projects", limit, offset))

    @many
    def iter(self) -> Many[Project]:
        """Iterate over your projects, newest first, asking for a page of 100 at a time."""
        return pages(_listing)

    @endpoint
    def get(self, project_id: str) -> Request[Project]:
        """
        Fetch a project, and the newest of its conversations and documents, 100 of each at most.

        :raises NotFoundError: when there is no such project.
        """
        rest = Rest("GET", path(PROJECTS, project_id))
        trpc = query("projects.getById", {"id": project_id}, read=_deployed.project)
        return Request(f"fetching project {project_id}", Project, rest, trpc)

    @endpoint
    def update(
        self,
        project_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Request[Project]:
        """
        Change a project. What is not given stays as it is, and limits are those of :meth:`create`.

        :param settings: take the place of all that were there.
        :raises NotFoundError: when there is no such project.
        """
        doing = f"changing project {project_id}"
        body = checked(UpdateProject, doing, name=name, description=description, settings=settings)
        trpc = mutation(
            "projects.update",
            Told.model_validate({"id": project_id, "data": body}),
            read=_deployed.part("project"),
        )
        return Request(
            doing, Project, Rest("PATCH", path(PROJECTS, project_id), body=body), trpc, Repeat.UNSENT
        )

    @endpoint
    def delete(self, project_id: str) -> Request[None]:
        """
        Remove a project and its documents. The embedded engine keeps its conversations.

        :raises NotFoundError: when there is no such project.
        """
        rest = Rest("DELETE", path(PROJECTS, project_id))
        trpc = mutation("projects.delete", {"id": project_id}, read=_deployed.nothing)
        return Request(f"deleting project {project_id}", type(None), rest, trpc, Repeat.UNSENT)

    @endpoint
    def add_conversation(self, project_id: str, conversation_id: str) -> Request[ConversationSummary]:
        """
        Make a conversation one of a project's, whose documents are looked up for its answers from then on.

        :raises NotFoundError: when there is no such project or conversation.
        """
        doing = f"adding conversation {conversation_id} to project {project_id}"
        body = checked(AssociateConversation, doing, conversation_id=known_by(conversation_id))
        rest = Rest("POST", path(PROJECTS, project_id) + "/conversations", body=body)
        said, read = told(body, projectId=project_id), _deployed.part("conversation")
        trpc = mutation("projects.associateConversation", said, read=read)
        return Request(doing, ConversationSummary, rest, trpc, Repeat.UNSENT)

    @endpoint
    def list_conversations(self, project_id: str, *, limit: int = 20, offset: int = 0) -> Request[Summaries]:
        """
        List the conversations of a project, the latest changed first.

        :param limit: how many at most, 1 to 100.
        :param offset: how many of the latest to leave out.
        :raises NotFoundError: when there is no such project.
        """
        return _conversations(project_id, page("listing conversations", limit, offset))

    @many
    def iter_conversations(self, project_id: str) -> Many[ConversationSummary]:
        """
        Iterate over the conversations of a project, the latest changed first, a page of 100 at a time.

        :raises NotFoundError: when there is no such project.
        """
        return pages(partial(_conversations, project_id))

    @endpoint
    def upload_document(
        self,
        project_id: str,
        content: Source,
        filename: str | None = None,
        content_type: str | None = None,
    ) -> Request[Document]:
        r"""
        Put a document into a project. It is encoded while it is sent.

        A deployed engine never comes back from a text of under 200 characters, so newlines are put behind
        one there; and it takes none but texts. No answer within 300 s is an error.

        :param content: bytes, the path of a file, or a file object, 1 byte to 50 MB.
        :param filename: at most 255 characters without ``/``, ``\`` and ``..``; that of the file unless
            given, so that bytes need one.
        :param content_type: such as ``text/markdown``; unless given it is told from the name, and
            ``text/plain`` where that tells nothing.
        :raises ConfigurationError: when one of these is none, before anything is sent.
        :raises NotFoundError: when there is no such project.
        """
        documents = path(PROJECTS, project_id) + "/documents"
        return _uploads.upload(documents, project_id, content, filename, content_type)

    @endpoint
    def list_documents(self, project_id: str, *, limit: int = 20, offset: int = 0) -> Request[DocumentList]:
        """
        List the documents of a project without their texts, newest first.

        :param limit: how many at most, 1 to 100.
        :param offset: how many of the newest to leave out.
        :raises NotFoundError: when there is no such project.
        """
        return _documents(project_id, page("listing documents", limit, offset))

    @many
    def iter_documents(self, project_id: str) -> Many[Document]:
        """
        Iterate over the documents of a project without their texts, newest first, a page of 100 at a time.

        :raises NotFoundError: when there is no such project.
        """
        return pages(partial(_documents, project_id))

    @endpoint
    def get_document_stats(self, project_id: str) -> Request[DocumentStats]:
        """
        Count the documents of a project and their bytes.

        :raises NotFoundError: when there is no such project.
        """
        rest = Rest("GET", path(PROJECTS, project_id) + "/document-stats")
        said, read = {"projectId": project_id}, _deployed.part("stats")
        trpc = query("projects.getDocumentStats", said, read=read)
        return Request(f"counting the documents of project {project_id}", DocumentStats, rest, trpc)

    @endpoint
    def search_documents(self, project_id: str, query: str, *, limit: int | None = None) -> Request[Matches]:
        """
        Find the documents of a project that fit a question, the best first.

        ``search.documents`` finds pieces of them. A deployed engine looks for the very words.

        :param query: the question, 1 to 1,000 characters.
        :param limit: how many documents at most, 1 to 20; 5 unless given.
        :raises NotFoundError: when there is no such project.
        """
        return _matches(project_id, query, limit)

    @endpoint
    def get_document(self, document_id: str) -> Request[Document]:
        """
        Fetch a document with its text.

        :raises NotFoundError: when there is no such document.
        """
        rest = Rest("GET", path(DOCUMENTS, document_id))
        said, read = {"documentId": document_id}, _deployed.part("document")
        trpc = query("projects.getDocument", said, read=read)
        return Request(f"fetching document {document_id}", Document, rest, trpc)

    @endpoint
    def update_document(
        self, document_id: str, content: str, *, reason: str | None = None
    ) -> Request[Document]:
        """
        Put another text in the place of a document's.

        :param content: 1 to 10,000,000 characters.
        :param reason: why; kept with the document.
        :raises NotFoundError: when there is no such document.
        """
        doing = f"changing document {document_id}"
        body = checked(UpdateDocument, doing, content=content, reason=reason)
        rest = Rest("PATCH", path(DOCUMENTS, document_id), body=body)
        said, read = told(body, documentId=document_id), _deployed.part("document")
        trpc = mutation("projects.updateDocument", said, read=read)
        return Request(doing, Document, rest, trpc, Repeat.UNSENT)

    @flow
    def propose_document_update(
        self, document_id: str, conversation_context: str, user_request: str
    ) -> Flow[DocumentProposal]:
        """
        Have a model write what it would make of a document. Nothing is changed by it.

        It is not sent again by itself once it may have been billed. No answer within 150 s is an error. A
        deployed engine takes five of these a minute.

        :param conversation_context: what was said before, at most 100,000 characters.
        :param user_request: what to make of the document, 1 to 10,000 characters.
        :raises NotFoundError: when there is no such document.
        :raises EngineAnswerError: when the engine apologises instead of proposing a text.
        """
        return _propose(document_id, conversation_context, user_request)

    @endpoint
    def delete_document(self, document_id: str) -> Request[None]:
        """
        Remove a document; nothing of it is found any more.

        :raises NotFoundError: when there is no such document.
        """
        rest = Rest("DELETE", path(DOCUMENTS, document_id))
        trpc = mutation("projects.deleteDocument", {"documentId": document_id}, read=_deployed.nothing)
        return Request(f"deleting document {document_id}", type(None), rest, trpc, Repeat.UNSENT)


def _listing(page: Page) -> Request[ProjectList]:
    trpc = query("projects.list", read=page.of(_deployed.part("projects")))
    return Request("listing projects", ProjectList, Rest("GET", PROJECTS, page.params), trpc)


def _conversations(project_id: str, page: Page) -> Request[Summaries]:
    rest = Rest("GET", path(PROJECTS, project_id) + "/conversations", page.params)
    trpc = of_project(project_id, page)
    return Request(f"listing the conversations of project {project_id}", Summaries, rest, trpc)


def _documents(project_id: str, page: Page) -> Request[DocumentList]:
    rest = Rest("GET", path(PROJECTS, project_id) + "/documents", page.params)
    said, read = {"projectId": project_id}, page.of(_deployed.part("documents"))
    trpc = query("projects.getDocuments", said, read=read)
    return Request(f"listing the documents of project {project_id}", DocumentList, rest, trpc)


def _matches(project_id: str, question: str, limit: int | None) -> Request[Matches]:
    doing = f"searching the documents of project {project_id}"
    body = checked(SearchProject, doing, query=question, limit=limit)
    rest = Rest("POST", path(PROJECTS, project_id) + "/search", body=body)
    said, read = told(body, projectId=project_id), _deployed.part("results")
    return Request(doing, Matches, rest, query("projects.searchDocuments", said, read=read))


def _propose(document_id: str, conversation_context: str, user_request: str) -> Flow[DocumentProposal]:
    doing = f"proposing an update of document {document_id}"
    body = checked(
        ProposeDocumentUpdate,
        doing,
        conversation_context=conversation_context,
        user_request=user_request,
    )
    done: DocumentProposal = yield Request(
        doing,
        DocumentProposal,
        rest=Rest("POST", path(DOCUMENTS, document_id) + "/propose-update", body=body),
        trpc=mutation(
            "projects.proposeDocumentUpdate",
            told(body, documentId=document_id),
            read=_deployed.part("proposal"),
        ),
        repeat=Repeat.UNSENT,
        timeout=ANSWER_TIMEOUT,
    )
    return answered(done, doing, done.proposed_content, None)
