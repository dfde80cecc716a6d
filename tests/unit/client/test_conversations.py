"""Conversations and what is said in them: pages, answers that are none, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.scripted_server import Asked, Reply
from support.wire import answer, refusal

from artificer_provider.client.apologies import why_no_answer
from artificer_provider.client.errors import (
    ConfigurationError,
    EngineAnswerError,
    InvalidRequestError,
    NotCarriedError,
    NotFoundError,
    ReplyError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.scripted_server import ScriptedServer
    from support.wires import Wire

    from artificer_provider.client import Artificer

SORRY = "Sorry, I encountered an error. Please try again."
CHAIN = {"complexity": 1, "category": "chat", "retryCount": 0}


def not_found(wire: Wire, what: str) -> Reply:
    if wire.is_trpc:
        return refusal(404, f"{what} not found", "NOT_FOUND")
    return Reply(404, {"error": {"code": "not_found", "message": f"{what} not found"}})


def said(number: int, **more: object) -> dict[str, Any]:
    return {"id": f"m{number}", "role": "user", "content": str(number), **more}


def serve(server: ScriptedServer, wire: Wire, rows: list[dict[str, Any]]) -> None:
    """Give pages on ``rest``, and everything on ``trpc``, as engines do."""

    def page(asked: Asked) -> Reply:
        asked_for = parse_qs(urlsplit(asked.path).query)
        if wire.is_trpc:
            return answer(rows)
        limit, offset = int(asked_for["limit"][0]), int(asked_for["offset"][0])
        return Reply(body=rows[offset : offset + limit])

    server.otherwise = page


@pytest.mark.parametrize(("limit", "offset"), [(2, 0), (2, 1), (3, 4), (100, 0), (1, 5)])
def test_a_page_is_the_same_on_both_wires(
    server: ScriptedServer, either: Artificer, wire: Wire, limit: int, offset: int
) -> None:
    serve(server, wire, [said(number) for number in range(5)])
    listed = [message.content for message in either.messages.list("c", limit=limit, offset=offset)]
    assert listed == [str(number) for number in range(5)][offset : offset + limit]
    listed = [talk.id for talk in either.conversations.list(limit=limit, offset=offset)]
    assert listed == [f"m{number}" for number in range(5)][offset : offset + limit]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_an_iterator_gives_all_of_them_once(
    server: ScriptedServer, either: Artificer, wire: Wire, count: int
) -> None:
    serve(server, wire, [said(number) for number in range(count)])
    everything = [str(number) for number in range(count)]
    assert [message.content for message in either.messages.iter("c")] == everything
    assert len(server.asked) == (1 + (count >= 100) if wire.is_trpc else 1 + count // 100)
    assert [message.content for message in either.chat.get_messages("c")] == everything


def test_what_was_said_before_has_its_moment_on_both_wires(
    server: ScriptedServer, either: Artificer, wire: Wire
) -> None:
    when = "2026-11-22T14:36:08.253Z"
    server.will_answer(wire.reply([said(1, **{"timestamp" if wire.is_trpc else "createdAt": when})]))
    (message,) = either.chat.get_messages("c")
    assert message.created_at is not None
    assert message.created_at.to_iso8601_string() == "2026-11-22T14:36:08.253000Z"


@pytest.mark.parametrize("verb", ["chat.send", "conversations.send_message", "orchestration.chain_chat"])
@pytest.mark.parametrize(
    ("text", "model"),
    [
        (SORRY, None),
        ("fine", "error"),
        ("AI service quota exceeded. Call us.", "m"),
        ("Hello! I'm running in demo mode.", "demo-assistant-v1"),
    ],
)
def test_what_is_no_answer_of_a_model_is_an_error(  # noqa: PLR0917 - fixtures, and a row of the table
    server: ScriptedServer,
    either: Artificer,
    wire: Wire,
    verb: str,
    text: str,
    model: str | None,
) -> None:
    server.will_answer(
        wire.reply({"id": "m", "role": "assistant", "content": text, "model": model, "chainMetadata": CHAIN})
    )
    noun, name = verb.split(".")
    invented = model == "demo-assistant-v1"
    reason = "no key for its models" if invented else "apologised"
    with pytest.raises(EngineAnswerError, match=rf"conversation c1: .*{reason}") as caught:
        getattr(getattr(either, noun), name)("c1", "Hi")
    assert (caught.value.answer, caught.value.retryable) == (text, not invented)


def test_what_demo_mode_makes_of_a_text_is_an_error_too(
    server: ScriptedServer, either: Artificer, wire: Wire
) -> None:
    metadata = {"cost": 0.001, "processingTime": 0.5}
    phase = {"phase": "p", "response": "Great!", "model": "demo-assistant-v1", "metadata": metadata}
    totals = {"totalCost": 0.001, "totalTime": 0.5, "phaseCount": 1}
    server.will_answer(wire.reply({"chainResults": [phase], "metadata": totals}))
    with pytest.raises(EngineAnswerError, match=r"phase 'p'.*made something up"):
        either.orchestration.process_text("t", [{"name": "p"}])


def test_an_answer_is_one_whoever_gave_it() -> None:
    assert why_no_answer("Paris", "demo") is None
    assert why_no_answer("I am sorry to hear that.", None) is None


def test_documents_are_looked_up_where_the_wire_can_say_so(
    server: ScriptedServer, either: Artificer, wire: Wire
) -> None:
    server.will_answer(
        wire.reply(
            {
                "id": "m",
                "role": "assistant",
                "content": "4",
                "sources": [{"documentId": "d", "filename": "a.txt", "score": 0.9}],
            },
        )
    )
    if wire.is_trpc:
        for use_rag in (True, False):
            with pytest.raises(NotCarriedError, match="no field for useRAG") as caught:
                either.chat.send("c", "2+2?", use_rag=use_rag)
            assert caught.value.fields == ("useRAG",)
        assert server.asked == []
        return
    found = either.chat.send("c", "2+2?", use_rag=False)
    assert server.asked[0].json == {"content": "2+2?", "conversationId": "c", "useRAG": False}
    assert [(source.document_id, source.score) for source in found.sources] == [("d", 0.9)]


BAD_IDS = ["", ".", "..", "c\ud800"]
BY_ID: list[Callable[[Artificer, str], object]] = [
    lambda c, one: c.chat.send(one, "Hi"),
    lambda c, one: c.chat.get_messages(one),
    lambda c, one: c.conversations.get(one),
    lambda c, one: c.conversations.list(project_id=one),
    lambda c, one: list(c.conversations.iter(project_id=one)),
    lambda c, one: c.conversations.update(one, title="T"),
    lambda c, one: c.conversations.name_after(one, "Hi"),
    lambda c, one: c.conversations.delete(one),
    lambda c, one: c.conversations.send_message(one, "Hi"),
    lambda c, one: c.messages.create(one, "user", "Hi"),
    lambda c, one: c.messages.list(one),
    lambda c, one: list(c.messages.iter(one)),
    lambda c, one: c.messages.update(one, "Hi"),
    lambda c, one: c.messages.delete(one),
]


@pytest.mark.parametrize("call", BY_ID)
def test_what_is_no_id_is_not_sent(
    server: ScriptedServer, either: Artificer, call: Callable[[Artificer, str], object]
) -> None:
    for bad in BAD_IDS:
        with pytest.raises(ConfigurationError, match="is no id"):
            call(either, bad)
    assert server.asked == []


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda c: c.chat.send("c", ""), "content: String should have at least 1"),
        (lambda c: c.chat.send("c", "x" * 10_001), "content: String should have at most 10000"),
        (lambda c: c.messages.create("c", "user", ""), "content: String should have at least 1"),
        (lambda c: c.messages.create("c", None, "Hi"), "role: "),
        (lambda c: c.messages.update("m", "x" * 10_001), "content: String should have at most 10000"),
        (lambda c: c.conversations.create(title="x" * 1_001), "title: String should have at most 1000"),
        (lambda c: c.conversations.create(temperature=2.1), "temperature: Input should be less than"),
        (lambda c: c.conversations.create(max_tokens=4_001), "max_tokens: Input should be less than"),
        (lambda c: c.conversations.create(max_tokens=0), "max_tokens: Input should be greater than"),
        (lambda c: c.conversations.update("c", system_prompt="x" * 100_001), "system_prompt: String should"),
        (lambda c: c.conversations.name_after("c", ""), "first_message: String should have at least 1"),
        (lambda c: c.conversations.list(limit=0), "limit: is 0, and must be 1 to 100"),
        (lambda c: c.conversations.list(limit=101), "limit: is 101"),
        (lambda c: c.messages.list("c", offset=-1), "offset: is -1"),
    ],
)
def test_what_is_out_of_its_limits_is_named_and_not_sent(
    server: ScriptedServer, either: Artificer, call: Callable[[Artificer], object], where: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"nothing was sent. {where}"):
        call(either)
    assert server.asked == []


def test_a_character_that_a_deployed_engine_cannot_keep_is_named(
    server: ScriptedServer, deployed: Artificer
) -> None:
    with pytest.raises(NotCarriedError, match="the NUL character in title"):
        deployed.conversations.update("c", title="a\0b")
    with pytest.raises(NotCarriedError, match="the NUL character in title"):
        deployed.conversations.create(title="a\0b")
    with pytest.raises(NotCarriedError, match="the NUL character in content"):
        deployed.messages.create("c", "user", "\0")
    assert server.asked == []


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.chat.send("nope", "Hi"),
        lambda c: c.chat.get_messages("nope"),
        lambda c: c.conversations.get("nope"),
        lambda c: c.conversations.update("nope", title="T"),
        lambda c: c.conversations.delete("nope"),
        lambda c: c.messages.update("nope", "Hi"),
        lambda c: c.messages.delete("nope"),
    ],
)
def test_what_there_is_not_is_not_found(
    server: ScriptedServer, either: Artificer, wire: Wire, call: Callable[[Artificer], object]
) -> None:
    server.will_answer(not_found(wire, "Conversation"))
    with pytest.raises(NotFoundError, match="Conversation not found") as caught:
        call(either)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda c: c.messages.create("nope", "user", "Hi"),
            "Foreign key constraint violated on the constraint: `messages_conversationId_fkey`",
        ),
        (
            lambda c: c.conversations.create(project_id="nope"),
            "Foreign key constraint violated on the constraint: `conversations_projectId_fkey`",
        ),
        (
            lambda c: c.conversations.name_after("nope", "Hi"),
            "An operation failed: it needs a record that is not there. No record was found for an update.",
        ),
    ],
)
def test_what_a_deployed_engine_breaks_at_is_not_found(
    server: ScriptedServer, trpc: Artificer, call: Callable[[Artificer], object], words: str
) -> None:
    server.will_answer(refusal(500, f"\nInvalid `prisma` invocation:\n\n\n{words}"))
    with pytest.raises(NotFoundError) as caught:
        call(trpc)
    assert not caught.value.retryable


def test_a_broken_database_is_no_unknown_conversation(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(refusal(500, "Foreign key constraint violated: `conversations_userId_fkey`"))
    with pytest.raises(ServerError):
        trpc.conversations.create()


def test_a_role_that_only_a_newer_engine_knows_is_the_engines_to_refuse(
    server: ScriptedServer, either: Artificer, wire: Wire
) -> None:
    server.will_answer(
        refusal(400, "Invalid option", "BAD_REQUEST") if wire.is_trpc else Reply(400, {"error": {}})
    )
    role: Any = "system"
    with pytest.raises(InvalidRequestError):
        either.messages.create("c", role, "Hi")
    sent = json.loads(server.asked[0].body)
    assert (sent["json"] if wire.is_trpc else sent)["role"] == "system"


@pytest.mark.parametrize("body", [None, {}, {"rows": []}, "rows", [1], [{"id": 1}]])
def test_a_list_that_is_none_is_no_reply_of_the_api(
    server: ScriptedServer, either: Artificer, wire: Wire, body: object
) -> None:
    server.otherwise = lambda _: wire.reply(body)
    for call in (
        either.conversations.list,
        lambda: either.messages.list("c"),
        lambda: either.chat.get_messages("c"),
    ):
        with pytest.raises(ReplyError):
            call()
