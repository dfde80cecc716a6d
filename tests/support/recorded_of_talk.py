"""How our client makes the recorded calls of conversations, projects and search, and reads their answers."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from artificer_provider.client.resources._uploads import SHORTEST_TEXT
from support.same import same

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.client import Artificer

    Make = Callable[[Artificer, Any], object]
    Fields = frozenset[str]

_CAMEL = re.compile(r"[A-Z]")
#: How a value without a name is named among the fields of an input: an id, bare.
BARE = ""


def _snake(said: dict[str, Any]) -> dict[str, Any]:
    return {_CAMEL.sub(lambda found: f"_{found[0].lower()}", name): value for name, value in said.items()}


def _verb(client: Artificer, noun_and_verb: str) -> Any:
    noun, verb = noun_and_verb.split(".")
    return getattr(getattr(client, noun), verb)


def _how(
    method: str, ours: str, needed: str = "", more: str = "", make: Make | None = None
) -> tuple[str, Make, Fields, Fields]:
    """
    Say how a call is made: with its input's fields as arguments, unless ``make`` says otherwise.

    :param ours: noun and verb of our client.
    """
    must = frozenset(needed.split())
    named: Make = lambda client, said: _verb(client, ours)(**_snake(said))  # noqa: E731 - one of two
    return method, make or named, must | set(more.split()), must


def _by_bare_id(method: str, ours: str) -> tuple[str, Make, Fields, Fields]:
    return method, lambda client, said: _verb(client, ours)(said), frozenset({BARE}), frozenset({BARE})


def _update_project(client: Artificer, said: Any) -> object:
    return client.projects.update(said["id"], **said["data"])


def _create_message(client: Artificer, said: Any) -> object:
    return client.messages.create(said["conversationId"], said["role"], said["content"])


def _update_message(client: Artificer, said: Any) -> object:
    return client.messages.update(said["id"], said["content"])


def _upload(client: Artificer, said: Any) -> object:
    content = b64decode(said["content"])
    return client.projects.upload_document(said["projectId"], content, said["filename"], said["contentType"])


_SETTINGS = "title model systemPrompt temperature maxTokens"

#: Verb, our call, what its input may have, and what it must have.
OF_TALK: dict[str, tuple[str, Make, Fields, Fields]] = {
    "chat.sendMessage": _how("POST", "chat.send", "content conversationId"),
    "chat.getMessages": _how("GET", "chat.get_messages", "conversationId"),
    "conversations.list": _how("GET", "conversations.list"),
    "conversations.create": _how("POST", "conversations.create", "", f"{_SETTINGS} projectId"),
    "conversations.getById": _by_bare_id("GET", "conversations.get"),
    "conversations.update": _how("POST", "conversations.update", "conversationId", _SETTINGS),
    "conversations.updateTitle": _how("POST", "conversations.name_after", "conversationId firstMessage"),
    "conversations.delete": _by_bare_id("POST", "conversations.delete"),
    "messages.create": _how(
        "POST", "messages.create", "conversationId role content tokens", "", _create_message
    ),
    "messages.getByConversation": _how("GET", "messages.list", "conversationId"),
    "messages.update": _how("POST", "messages.update", "id content", "", _update_message),
    "messages.delete": _by_bare_id("POST", "messages.delete"),
    "projects.create": _how("POST", "projects.create", "name", "description settings"),
    "projects.list": _how("GET", "projects.list"),
    "projects.getById": _how(
        "GET", "projects.get", "id", "", lambda client, said: client.projects.get(said["id"])
    ),
    "projects.update": _how("POST", "projects.update", "id data", "", _update_project),
    "projects.delete": _how(
        "POST", "projects.delete", "id", "", lambda client, said: client.projects.delete(said["id"])
    ),
    "projects.associateConversation": _how("POST", "projects.add_conversation", "projectId conversationId"),
    "projects.getConversations": _how("GET", "projects.list_conversations", "projectId"),
    "projects.uploadDocument": _how(
        "POST", "projects.upload_document", "projectId filename content contentType", "", _upload
    ),
    "projects.getDocuments": _how("GET", "projects.list_documents", "projectId"),
    "projects.getDocument": _how("GET", "projects.get_document", "documentId"),
    "projects.searchDocuments": _how("GET", "projects.search_documents", "projectId query", "limit"),
    "projects.updateDocument": _how("POST", "projects.update_document", "documentId content", "reason"),
    "projects.proposeDocumentUpdate": _how(
        "POST", "projects.propose_document_update", "documentId conversationContext userRequest"
    ),
    "projects.deleteDocument": _how("POST", "projects.delete_document", "documentId"),
    "projects.getDocumentStats": _how("GET", "projects.get_document_stats", "projectId"),
    "search.searchDocuments": _how(
        "POST", "search.documents", "projectId query", "limit minScore documentIds"
    ),
    "search.getEmbeddingStats": _how("GET", "search.get_stats", "projectId"),
    "search.reindexDocument": _how("POST", "search.reindex", "documentId"),
    "search.healthCheck": _how("GET", "search.health"),
}


def _padded(said: Any) -> Any:
    content = b64decode(said["content"])
    missing = SHORTEST_TEXT - len(content.decode())
    return {**said, "content": b64encode(content + b"\n" * missing).decode()}


#: What our client says otherwise than the recorded one.
SAID_OTHERWISE: dict[str, Callable[[Any], Any]] = {
    "messages.create": lambda said: {**said, "tokens": 0},
    "projects.uploadDocument": _padded,
}

#: What stands in for an input that the recording cut off.
STAND_INS: dict[str, dict[str, str]] = {
    "chat.sendMessage": {"conversationId": "c", "content": "a" * 10_001},
    "messages.create": {"conversationId": "c", "role": "user", "content": "a" * 10_001, "tokens": ""},
}


def _said_before(answer: Any, found: Any) -> None:
    same(answer, found)
    same([said["timestamp"] for said in answer], [message.created_at for message in found])


def _project(answer: Any, found: Any) -> None:
    said = dict(answer["project"])
    held = said.pop("_count")
    same(said, found)
    assert (found.stats.conversation_count, found.stats.document_count) == (
        held["conversations"],
        held["documents"],
    )
    assert found.stats.knowledge_entity_count == held["knowledgeEntities"]


def _part(name: str) -> Callable[[Any, Any], None]:
    return lambda answer, found: same(answer[name], found)


def _nothing(answer: Any, found: Any) -> None:
    assert answer is None or answer["success"] is True
    assert found is None


#: What our client makes of an answer, where that is not the answer itself.
UNDERSTOOD_TALK: dict[str, Callable[[Any, Any], None]] = {
    "chat.getMessages": _said_before,
    "conversations.list": lambda answer, found: same(answer[:20], found),
    "conversations.delete": _nothing,
    "messages.getByConversation": same,
    "messages.delete": _nothing,
    "projects.create": _part("project"),
    "projects.list": _part("projects"),
    "projects.getById": _project,
    "projects.update": _part("project"),
    "projects.delete": _nothing,
    "projects.associateConversation": _part("conversation"),
    "projects.getConversations": _part("conversations"),
    "projects.uploadDocument": _part("document"),
    "projects.getDocuments": _part("documents"),
    "projects.getDocument": _part("document"),
    "projects.searchDocuments": _part("results"),
    "projects.updateDocument": _part("document"),
    "projects.proposeDocumentUpdate": _part("proposal"),
    "projects.deleteDocument": _nothing,
    "projects.getDocumentStats": _part("stats"),
}
