"""Projects, the documents that are put into them, and search, over either wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.wire import answer, refusal
from support.wires import SYNC, TRPC, Wire, open_client

from artificer_provider.client.errors import (
    ConfigurationError,
    EngineAnswerError,
    NotCarriedError,
    NotFoundError,
    RateLimitError,
    ReplyError,
    ServerError,
)
from artificer_provider.client.models.search import SearchResults

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.scripted_server import Reply, ScriptedServer

    from artificer_provider.client import Artificer

LONG = b"A text of more than two hundred characters. " * 5
PROJECT = {"id": "p1", "name": "P"}


def failure(why: str) -> Reply:
    """A failure of a deployed engine, which says 200 all the same."""
    return answer({"success": False, "error": why, "timestamp": "2026-11-22T14:41:15.204Z"})


@pytest.mark.parametrize(
    ("call", "why", "kind"),
    [
        (lambda c: c.projects.get("nope"), "Project not found", NotFoundError),
        (lambda c: c.projects.get_document("nope"), "Document not found", NotFoundError),
        (lambda c: c.projects.propose_document_update("nope", "", "x"), "Document not found", NotFoundError),
        (lambda c: c.projects.update("nope", name="P"), "Failed to update project", ServerError),
        (lambda c: c.projects.delete("nope"), "Failed to delete project", ServerError),
        (lambda c: c.projects.delete_document("nope"), "Failed to delete document", ServerError),
        (lambda c: c.projects.create("P"), "Failed to create project", ServerError),
        (lambda c: c.projects.list(), "Database not available in demo mode", ServerError),
        (lambda c: list(c.projects.iter()), "Database not available in demo mode", ServerError),
    ],
)
def test_no_success_is_an_error_though_the_status_is_200(
    server: ScriptedServer,
    deployed: Artificer,
    call: Callable[[Artificer], object],
    why: str,
    kind: type[ServerError],
) -> None:
    server.otherwise = lambda _: failure(why)
    with pytest.raises(kind, match=why) as caught:
        call(deployed)
    assert type(caught.value) is kind
    assert (caught.value.status_code, caught.value.reason, caught.value.retryable) == (200, why, False)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.search.documents("nope", "q"), "Project not found"),
        (lambda c: c.search.get_stats("nope"), "Project not found"),
        (lambda c: c.search.reindex("nope"), "Document not found"),
    ],
)
def test_what_search_does_not_find_is_not_found_and_not_asked_again(
    server: ScriptedServer, deployed: Artificer, call: Callable[[Artificer], object], words: str
) -> None:
    server.otherwise = lambda _: refusal(500, words)
    with pytest.raises(NotFoundError, match=words):
        call(deployed)
    assert len(server.asked) == 1


def test_search_that_fails_in_passing_is_asked_again_and_an_index_is_not_made_again(
    server: ScriptedServer, deployed: Artificer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client._retry.FIRST_DELAY", 0.001)
    away = refusal(500, "Failed to get/create collection: ChromaConnectionError")
    found = answer({"query": "q", "results": [], "count": 0})
    server.will_answer(away, found, away)
    assert deployed.search.documents("p1", "q") == SearchResults(query="q", results=[], count=0)
    with pytest.raises(ServerError, match=r"indexing document d1: .*ChromaConnectionError"):
        deployed.search.reindex("d1")
    assert len(server.asked) == 3


def test_what_a_project_holds_is_counted_where_the_engine_counts(
    server: ScriptedServer, either: Artificer, wire: Wire
) -> None:
    if wire.is_trpc:
        held = {**PROJECT, "_count": {"conversations": 1, "documents": 2, "knowledgeEntities": 3}}
    else:
        held = {**PROJECT, "stats": {"conversationCount": 1, "documentCount": 2, "knowledgeEntityCount": 3}}
    server.will_answer(wire.reply(held, "project"), wire.reply(PROJECT, "project"))
    stats = either.projects.get("p1").stats
    assert stats is not None
    assert (stats.conversation_count, stats.document_count, stats.knowledge_entity_count) == (1, 2, 3)
    stats = either.projects.get("p1").stats
    assert stats is None or stats.conversation_count is None


def test_an_apology_is_no_proposal(server: ScriptedServer, either: Artificer, wire: Wire) -> None:
    sorry = {"documentId": "d1", "proposedContent": "Sorry, I encountered an error. Please try again."}
    server.will_answer(wire.reply(sorry, "proposal"))
    with pytest.raises(EngineAnswerError, match="proposing an update of document d1") as caught:
        either.projects.propose_document_update("d1", "", "make it longer")
    assert caught.value.answer == sorry["proposedContent"]


def test_too_many_proposals_are_told_with_the_time_to_wait(server: ScriptedServer) -> None:
    server.will_answer(
        refusal(429, "Rate limit exceeded. Please wait 58 seconds before requesting another update.")
    )
    with (
        open_client(SYNC, server.url, TRPC) as client,
        pytest.raises(RateLimitError, match="wait 58 s") as caught,
    ):
        client.projects.propose_document_update("d1", "", "x")
    assert caught.value.retry_after == 58


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda c: c.projects.create(""), "name: String should have at least 1"),
        (lambda c: c.projects.create("x" * 101), "name: String should have at most 100"),
        (lambda c: c.projects.create("P", description="x" * 501), "description: String should have at most"),
        (lambda c: c.projects.create("P", settings={"a": object()}), "settings.a: "),
        (lambda c: c.projects.update("p1", name=""), "name: String should have at least 1"),
        (lambda c: c.projects.list(limit=101), "limit: is 101"),
        (lambda c: c.projects.list_conversations("p1", limit=0), "limit: is 0"),
        (lambda c: c.projects.list_documents("p1", offset=-1), "offset: is -1"),
        (lambda c: c.projects.search_documents("p1", ""), "query: String should have at least 1"),
        (lambda c: c.projects.search_documents("p1", "q", limit=21), "limit: Input should be less than"),
        (lambda c: c.projects.update_document("d1", ""), "content: String should have at least 1"),
        (lambda c: c.projects.propose_document_update("d1", "", ""), "user_request: String should have at"),
        (lambda c: c.search.documents("p1", "x" * 1_001), "query: String should have at most 1000"),
        (lambda c: c.search.documents("p1", "q", limit=51), "limit: Input should be less than"),
        (lambda c: c.search.documents("p1", "q", min_score=1.1), "min_score: Input should be less than"),
    ],
)
def test_what_is_out_of_its_limits_is_named_and_not_sent(
    server: ScriptedServer, either: Artificer, call: Callable[[Artificer], object], where: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"nothing was sent. {where}"):
        call(either)
    assert server.asked == []


BY_ID: list[Callable[[Artificer, str], object]] = [
    lambda c, one: c.projects.get(one),
    lambda c, one: c.projects.update(one, name="P"),
    lambda c, one: c.projects.delete(one),
    lambda c, one: c.projects.add_conversation(one, "c"),
    lambda c, one: c.projects.add_conversation("p", one),
    lambda c, one: c.projects.list_conversations(one),
    lambda c, one: list(c.projects.iter_conversations(one)),
    lambda c, one: c.projects.upload_document(one, LONG, "a.txt"),
    lambda c, one: c.projects.list_documents(one),
    lambda c, one: list(c.projects.iter_documents(one)),
    lambda c, one: c.projects.get_document_stats(one),
    lambda c, one: c.projects.search_documents(one, "q"),
    lambda c, one: c.projects.get_document(one),
    lambda c, one: c.projects.update_document(one, "x"),
    lambda c, one: c.projects.propose_document_update(one, "", "x"),
    lambda c, one: c.projects.delete_document(one),
    lambda c, one: c.search.documents(one, "q"),
    lambda c, one: c.search.documents("p", "q", document_ids=["d", one]),
    lambda c, one: c.search.get_stats(one),
    lambda c, one: c.search.reindex(one),
]


@pytest.mark.parametrize("call", BY_ID)
def test_what_is_no_id_is_not_sent(
    server: ScriptedServer, either: Artificer, call: Callable[[Artificer, str], object]
) -> None:
    for bad in ("", ".", "..", "\udc00"):
        with pytest.raises(ConfigurationError, match="is no id"):
            call(either, bad)
    assert server.asked == []


def test_a_character_that_a_deployed_engine_cannot_keep_is_named(
    server: ScriptedServer, deployed: Artificer
) -> None:
    with pytest.raises(NotCarriedError, match=r"the NUL character in data\.settings\.a"):
        deployed.projects.update("p1", settings={"a": "\0"})
    with pytest.raises(NotCarriedError, match="the NUL character in content"):
        deployed.projects.update_document("d1", "a\0b")
    assert server.asked == []


@pytest.mark.parametrize("rows", [None, {}, "rows", [1]])
def test_a_list_that_is_none_is_no_reply_of_the_api(
    server: ScriptedServer, either: Artificer, wire: Wire, rows: object
) -> None:
    server.will_answer(wire.reply(rows, "projects"))
    with pytest.raises(ReplyError):
        either.projects.list()
