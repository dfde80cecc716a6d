"""How each call of chat, conversations, messages, projects and search looks on either wire."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple

from artificer_provider.client.models.chat import ChatReply
from artificer_provider.client.models.conversations import Conversation, ConversationSummary
from artificer_provider.client.models.messages import Message
from artificer_provider.client.models.projects import (
    Document,
    DocumentMatch,
    DocumentProposal,
    DocumentStats,
    Project,
)
from artificer_provider.client.models.search import (
    EmbeddingStats,
    ReindexedDocument,
    SearchHealth,
    SearchResults,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Json = Any

SAID: Json = {"id": "m1", "role": "user", "content": "Hi", "conversationId": "c/1"}
REPLIED: Json = {"id": "m2", "role": "assistant", "content": "Hello", "sources": None}
TALK: Json = {"id": "c/1", "title": None, "messages": None}
PROJECT: Json = {"id": "p/1", "name": "P", "settings": {"a": None}}
HELD: Json = {"_count": {"conversations": 1, "documents": 2, "knowledgeEntities": 3}}
DOCUMENT: Json = {"id": "d/1", "filename": "a.txt", "metadata": None}
PROPOSAL: Json = {"documentId": "d/1", "proposedContent": "better"}
STATS: Json = {"totalCount": 1, "totalSize": 2, "typeBreakdown": [{"contentType": "text/plain", "count": 1}]}
FOUND: Json = {"query": "q", "results": [], "count": 0}
INDEXED: Json = {"totalChunks": 2, "totalDocuments": 1, "indexedDocuments": 1, "unindexedDocuments": 0}
EVERYTHING: Json = {"title": "T", "model": "m", "systemPrompt": "s", "temperature": 0, "maxTokens": 9}
EVERYTHING["projectId"] = "p"
QUESTION: Json = {"projectId": "p/1", "query": "q", "limit": 5, "minScore": 0.5, "documentIds": ["d/1"]}
REQUEST: Json = {"conversationContext": "", "userRequest": "longer"}
TEXT = b"0123456789" * 20
UPLOAD: Json = {"filename": "a.txt", "content": b64encode(TEXT).decode(), "contentType": "text/plain"}
PAGE = {"limit": "20", "offset": "0"}
NEXT_PAGE = {"limit": "5", "offset": "1"}
WHOLE_PAGE = {"limit": "100", "offset": "0"}


class Looks(NamedTuple):
    """
    :param rest: method, path, and a body, or parameters where the method is GET.
    :param trpc: method, procedure and input, where there is one.
    :param into: what the reply is read as, None or a list of one type.
    :param part: where in the answer of ``trpc`` what ``rest`` replies stands.
    :param reply_of_trpc: its answer, where that differs otherwise.
    """

    call: Callable[[Any], object]
    rest: tuple[Json, ...]
    trpc: tuple[Json, ...]
    reply: Json
    into: object
    part: str | None = None
    reply_of_trpc: Json = None


def many(noun: str, verb: str, *args: str, **more: str) -> Callable[[Any], object]:
    return lambda client: list(getattr(getattr(client, noun), verb)(*args, **more))


LOOKS: dict[str, Looks] = {
    "chat.send": Looks(
        lambda c: c.chat.send("c/1", "Hi"),
        ("POST", "/api/chat/send", {"content": "Hi", "conversationId": "c/1"}),
        ("POST", "chat.sendMessage", {"content": "Hi", "conversationId": "c/1"}),
        REPLIED,
        ChatReply,
    ),
    "chat.get_messages": Looks(
        lambda c: c.chat.get_messages("c/1"),
        ("GET", "/api/conversations/c%2F1/messages", WHOLE_PAGE),
        ("GET", "chat.getMessages", {"conversationId": "c/1"}),
        [SAID],
        [Message],
        reply_of_trpc=[{**SAID, "timestamp": "2026-11-22T14:36:08.253Z"}],
    ),
    "conversations.create": Looks(
        lambda c: c.conversations.create(),
        ("POST", "/api/conversations", {}),
        ("POST", "conversations.create", {}),
        TALK,
        Conversation,
    ),
    "conversations.create with all": Looks(
        lambda c: c.conversations.create(
            title="T", model="m", system_prompt="s", temperature=0, max_tokens=9, project_id="p"
        ),
        ("POST", "/api/conversations", EVERYTHING),
        ("POST", "conversations.create", EVERYTHING),
        TALK,
        Conversation,
    ),
    "conversations.list": Looks(
        lambda c: c.conversations.list(),
        ("GET", "/api/conversations", PAGE),
        ("GET", "conversations.list"),
        [TALK],
        [ConversationSummary],
    ),
    "conversations.list of a project": Looks(
        lambda c: c.conversations.list(project_id="p/1"),
        ("GET", "/api/conversations", {**PAGE, "projectId": "p/1"}),
        ("GET", "projects.getConversations", {"projectId": "p/1"}),
        [TALK],
        [ConversationSummary],
        "conversations",
    ),
    "conversations.iter": Looks(
        many("conversations", "iter"),
        ("GET", "/api/conversations", WHOLE_PAGE),
        ("GET", "conversations.list"),
        [TALK],
        [ConversationSummary],
    ),
    "conversations.iter of a project": Looks(
        many("conversations", "iter", project_id="p/1"),
        ("GET", "/api/conversations", {**WHOLE_PAGE, "projectId": "p/1"}),
        ("GET", "projects.getConversations", {"projectId": "p/1"}),
        [TALK],
        [ConversationSummary],
        "conversations",
    ),
    "conversations.get": Looks(
        lambda c: c.conversations.get("c/1"),
        ("GET", "/api/conversations/c%2F1", {}),
        ("GET", "conversations.getById", "c/1"),
        TALK,
        Conversation,
    ),
    "conversations.update": Looks(
        lambda c: c.conversations.update("c/1", title="T2", temperature=1),
        ("PATCH", "/api/conversations/c%2F1", {"title": "T2", "temperature": 1}),
        ("POST", "conversations.update", {"conversationId": "c/1", "title": "T2", "temperature": 1}),
        TALK,
        Conversation,
    ),
    "conversations.name_after": Looks(
        lambda c: c.conversations.name_after("c/1", "Hi"),
        ("POST", "/api/conversations/c%2F1/title", {"firstMessage": "Hi"}),
        ("POST", "conversations.updateTitle", {"conversationId": "c/1", "firstMessage": "Hi"}),
        TALK,
        Conversation,
    ),
    "conversations.delete": Looks(
        lambda c: c.conversations.delete("c/1"),
        ("DELETE", "/api/conversations/c%2F1", None),
        ("POST", "conversations.delete", "c/1"),
        None,
        None,
        reply_of_trpc={"success": True},
    ),
    "conversations.send_message": Looks(
        lambda c: c.conversations.send_message("c/1", "Hi"),
        ("POST", "/api/chat/send", {"content": "Hi", "conversationId": "c/1"}),
        ("POST", "chat.sendMessage", {"content": "Hi", "conversationId": "c/1"}),
        REPLIED,
        ChatReply,
    ),
    "messages.create": Looks(
        lambda c: c.messages.create("c/1", "user", "Hi"),
        ("POST", "/api/conversations/c%2F1/messages", {"role": "user", "content": "Hi"}),
        ("POST", "messages.create", {"conversationId": "c/1", "role": "user", "content": "Hi", "tokens": 0}),
        SAID,
        Message,
    ),
    "messages.list": Looks(
        lambda c: c.messages.list("c/1", limit=5, offset=1),
        ("GET", "/api/conversations/c%2F1/messages", NEXT_PAGE),
        ("GET", "messages.getByConversation", {"conversationId": "c/1"}),
        [SAID],
        [Message],
        reply_of_trpc=[SAID, SAID],
    ),
    "messages.iter": Looks(
        many("messages", "iter", "c/1"),
        ("GET", "/api/conversations/c%2F1/messages", WHOLE_PAGE),
        ("GET", "messages.getByConversation", {"conversationId": "c/1"}),
        [SAID],
        [Message],
    ),
    "messages.update": Looks(
        lambda c: c.messages.update("m/1", "Hi!"),
        ("PATCH", "/api/messages/m%2F1", {"content": "Hi!"}),
        ("POST", "messages.update", {"id": "m/1", "content": "Hi!"}),
        SAID,
        Message,
    ),
    "messages.delete": Looks(
        lambda c: c.messages.delete("m/1"),
        ("DELETE", "/api/messages/m%2F1", None),
        ("POST", "messages.delete", "m/1"),
        None,
        None,
    ),
    "projects.create": Looks(
        lambda c: c.projects.create("P", description="d", settings={"a": None}),
        ("POST", "/api/projects", {"name": "P", "description": "d", "settings": {"a": None}}),
        ("POST", "projects.create", {"name": "P", "description": "d", "settings": {"a": None}}),
        PROJECT,
        Project,
        "project",
    ),
    "projects.list": Looks(
        lambda c: c.projects.list(limit=5, offset=1),
        ("GET", "/api/projects", NEXT_PAGE),
        ("GET", "projects.list"),
        [PROJECT],
        [Project],
        reply_of_trpc={"success": True, "projects": [PROJECT, PROJECT]},
    ),
    "projects.iter": Looks(
        many("projects", "iter"),
        ("GET", "/api/projects", WHOLE_PAGE),
        ("GET", "projects.list"),
        [PROJECT],
        [Project],
        "projects",
    ),
    "projects.get": Looks(
        lambda c: c.projects.get("p/1"),
        ("GET", "/api/projects/p%2F1", {}),
        ("GET", "projects.getById", {"id": "p/1"}),
        PROJECT,
        Project,
        reply_of_trpc={"success": True, "project": {**PROJECT, **HELD}},
    ),
    "projects.update": Looks(
        lambda c: c.projects.update("p/1", name="P2", settings={"a": None}),
        ("PATCH", "/api/projects/p%2F1", {"name": "P2", "settings": {"a": None}}),
        ("POST", "projects.update", {"id": "p/1", "data": {"name": "P2", "settings": {"a": None}}}),
        PROJECT,
        Project,
        "project",
    ),
    "projects.delete": Looks(
        lambda c: c.projects.delete("p/1"),
        ("DELETE", "/api/projects/p%2F1", None),
        ("POST", "projects.delete", {"id": "p/1"}),
        None,
        None,
        reply_of_trpc={"success": True},
    ),
    "projects.add_conversation": Looks(
        lambda c: c.projects.add_conversation("p/1", "c/1"),
        ("POST", "/api/projects/p%2F1/conversations", {"conversationId": "c/1"}),
        ("POST", "projects.associateConversation", {"projectId": "p/1", "conversationId": "c/1"}),
        TALK,
        ConversationSummary,
        "conversation",
    ),
    "projects.list_conversations": Looks(
        lambda c: c.projects.list_conversations("p/1"),
        ("GET", "/api/projects/p%2F1/conversations", PAGE),
        ("GET", "projects.getConversations", {"projectId": "p/1"}),
        [TALK],
        [ConversationSummary],
        "conversations",
    ),
    "projects.iter_conversations": Looks(
        many("projects", "iter_conversations", "p/1"),
        ("GET", "/api/projects/p%2F1/conversations", WHOLE_PAGE),
        ("GET", "projects.getConversations", {"projectId": "p/1"}),
        [TALK],
        [ConversationSummary],
        "conversations",
    ),
    "projects.upload_document": Looks(
        lambda c: c.projects.upload_document("p/1", TEXT, "a.txt"),
        ("POST", "/api/projects/p%2F1/documents", UPLOAD),
        ("POST", "projects.uploadDocument", {"projectId": "p/1", **UPLOAD}),
        DOCUMENT,
        Document,
        "document",
    ),
    "projects.list_documents": Looks(
        lambda c: c.projects.list_documents("p/1"),
        ("GET", "/api/projects/p%2F1/documents", PAGE),
        ("GET", "projects.getDocuments", {"projectId": "p/1"}),
        [DOCUMENT],
        [Document],
        "documents",
    ),
    "projects.iter_documents": Looks(
        many("projects", "iter_documents", "p/1"),
        ("GET", "/api/projects/p%2F1/documents", WHOLE_PAGE),
        ("GET", "projects.getDocuments", {"projectId": "p/1"}),
        [DOCUMENT],
        [Document],
        "documents",
    ),
    "projects.get_document_stats": Looks(
        lambda c: c.projects.get_document_stats("p/1"),
        ("GET", "/api/projects/p%2F1/document-stats", {}),
        ("GET", "projects.getDocumentStats", {"projectId": "p/1"}),
        STATS,
        DocumentStats,
        "stats",
    ),
    "projects.search_documents": Looks(
        lambda c: c.projects.search_documents("p/1", "cats", limit=3),
        ("POST", "/api/projects/p%2F1/search", {"query": "cats", "limit": 3}),
        ("GET", "projects.searchDocuments", {"projectId": "p/1", "query": "cats", "limit": 3}),
        [DOCUMENT],
        [DocumentMatch],
        "results",
    ),
    "projects.get_document": Looks(
        lambda c: c.projects.get_document("d/1"),
        ("GET", "/api/documents/d%2F1", {}),
        ("GET", "projects.getDocument", {"documentId": "d/1"}),
        DOCUMENT,
        Document,
        "document",
    ),
    "projects.update_document": Looks(
        lambda c: c.projects.update_document("d/1", "new", reason="old"),
        ("PATCH", "/api/documents/d%2F1", {"content": "new", "reason": "old"}),
        ("POST", "projects.updateDocument", {"documentId": "d/1", "content": "new", "reason": "old"}),
        DOCUMENT,
        Document,
        "document",
    ),
    "projects.propose_document_update": Looks(
        lambda c: c.projects.propose_document_update("d/1", "", "longer"),
        ("POST", "/api/documents/d%2F1/propose-update", REQUEST),
        ("POST", "projects.proposeDocumentUpdate", {"documentId": "d/1", **REQUEST}),
        PROPOSAL,
        DocumentProposal,
        "proposal",
    ),
    "projects.delete_document": Looks(
        lambda c: c.projects.delete_document("d/1"),
        ("DELETE", "/api/documents/d%2F1", None),
        ("POST", "projects.deleteDocument", {"documentId": "d/1"}),
        None,
        None,
        reply_of_trpc={"success": True},
    ),
    "search.documents": Looks(
        lambda c: c.search.documents("p/1", "q", limit=5, min_score=0.5, document_ids=("d/1",)),
        ("POST", "/api/search/documents", QUESTION),
        ("POST", "search.searchDocuments", QUESTION),
        FOUND,
        SearchResults,
    ),
    "search.get_stats": Looks(
        lambda c: c.search.get_stats("p/1"),
        ("GET", "/api/search/stats", {"projectId": "p/1"}),
        ("GET", "search.getEmbeddingStats", {"projectId": "p/1"}),
        INDEXED,
        EmbeddingStats,
    ),
    "search.reindex": Looks(
        lambda c: c.search.reindex("d/1"),
        ("POST", "/api/search/reindex", {"documentId": "d/1"}),
        ("POST", "search.reindexDocument", {"documentId": "d/1"}),
        {"documentId": "d/1", "chunksCreated": 2},
        ReindexedDocument,
    ),
    "search.health": Looks(
        lambda c: c.search.health(),
        ("GET", "/api/search/health", {}),
        ("GET", "search.healthCheck"),
        {"chroma": None, "overall": True},
        SearchHealth,
    ),
}
