"""Something said in a conversation, and its answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from support.conversing import converse, refusal, send, spoken
from support.trpc import Trpc, error_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer


def test_an_answer_says_who_gave_it_what_it_took_and_is_kept(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker)
    reply = send(talker, conversation, "Is the bridge open?").raise_for_status().json()
    assert (reply["content"], reply["role"], reply["model"]) == (
        ">Is the bridge open?",
        "assistant",
        models.model,
    )
    assert reply["tokens"] == 10
    assert "cost" not in reply  # no price is known
    assert reply["sources"] == []
    kept = talker.http.get(f"/api/conversations/{conversation}").json()
    asked, answered = kept["messages"]
    assert (asked["role"], answered["role"]) == ("user", "assistant")
    assert answered["id"] == reply["id"]
    assert answered["parentId"] == asked["id"]


def test_the_conversations_own_settings_and_all_that_was_said_go_to_the_model(
    talker: Engine, models: ModelServer
) -> None:
    conversation = converse(talker, systemPrompt="Be brief.", model="large", temperature=0.3, maxTokens=50)
    send(talker, conversation, "one").raise_for_status()
    send(talker, conversation, "two").raise_for_status()
    call = models.calls[-1]
    assert (call["model"], call["temperature"], call["max_tokens"]) == ("large", 0.3, 50)
    assert call["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": ">one"},
        {"role": "user", "content": "two"},
    ]


def test_what_is_not_set_is_left_to_the_model(talker: Engine, models: ModelServer) -> None:
    send(talker, converse(talker), "hello").raise_for_status()
    call = models.calls[-1]
    assert call["messages"] == [{"role": "user", "content": "hello"}]
    assert not {"temperature", "max_tokens"} & call.keys()


def test_only_the_latest_of_a_long_conversation_goes_to_the_model(
    talker: Engine, models: ModelServer
) -> None:
    conversation = converse(talker, systemPrompt="Be brief.")
    for number in range(6):
        body = {"role": "user", "content": f"{number} " + "x" * 9_000}
        talker.http.post(f"/api/conversations/{conversation}/messages", json=body).raise_for_status()
    send(talker, conversation, "now").raise_for_status()
    told = [message["content"] for message in models.calls[-1]["messages"]]
    assert [text[:2] for text in told] == ["Be", "2 ", "3 ", "4 ", "5 ", "no"]


def test_the_first_message_names_an_unnamed_conversation(talker: Engine) -> None:
    long = "Hello there, this is a rather long first message that should be cut"
    conversation = converse(talker)
    assert send(talker, conversation, long).json()["conversationTitle"] == f"{long[:47]}..."
    assert "conversationTitle" not in send(talker, conversation, "again").json()
    named = converse(talker, title="Mine")
    assert "conversationTitle" not in send(talker, named, long).json()
    assert talker.http.get(f"/api/conversations/{named}").json()["title"] == "Mine"


def test_a_turn_that_fails_leaves_nothing_behind_but_its_count(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker)
    models.failures["bad"] = [400]
    status, code, message = refusal(send(talker, conversation, "bad"))
    assert (status, code) == (502, "model_error")
    assert "told to fail with 400" in message
    assert "Nothing of this turn was kept" in message
    models.cuts["cut"] = 1
    status, code, message = refusal(send(talker, conversation, "cut"))
    assert (status, code) == (502, "model_error")
    assert "may have been billed" in message
    assert spoken(talker, conversation) == []
    assert "title" not in talker.http.get(f"/api/conversations/{conversation}").json()


def test_a_busy_model_is_asked_again(talker: Engine, models: ModelServer) -> None:
    models.failures["busy"] = [429, 503]
    assert send(talker, converse(talker), "busy").json()["content"] == ">busy"
    assert models.texts() == ["busy"] * 3


def test_turns_in_one_conversation_follow_one_another(talker: Engine, models: ModelServer) -> None:
    conversation, other = converse(talker), converse(talker)
    models.open.clear()
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(send, talker, conversation, "one")
        wait_until(lambda: models.texts() == ["one"], "the first is asked")
        second = callers.submit(send, talker, conversation, "two")
        elsewhere = callers.submit(send, talker, other, "three")
        wait_until(lambda: models.in_flight == 2, "the other conversation is not kept waiting")
        assert sorted(models.texts()) == ["one", "three"]
        models.open.set()
        for reply in (first, second, elsewhere):
            reply.result().raise_for_status()
    assert spoken(talker, conversation) == [
        ("user", "one"),
        ("assistant", ">one"),
        ("user", "two"),
        ("assistant", ">two"),
    ]
    [told] = [call["messages"] for call in models.calls if call["messages"][-1]["content"] == "two"]
    assert [message["content"] for message in told] == ["one", ">one", "two"]


def test_an_answer_for_a_conversation_that_was_deleted_meanwhile_is_nobodys(
    talker: Engine, models: ModelServer
) -> None:
    conversation = converse(talker)
    models.open.clear()
    with ThreadPoolExecutor(1) as callers:
        answer = callers.submit(send, talker, conversation, "one")
        wait_until(lambda: models.in_flight == 1, "it is asked")
        talker.http.delete(f"/api/conversations/{conversation}").raise_for_status()
        models.open.set()
        status, code, message = refusal(answer.result())
    assert (status, code) == (404, "not_found")
    assert "deleted while the answer came" in message


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"content": ""}, 422, "content"),
        ({"content": "x" * 10_001}, 422, "content"),
        ({"content": "a\0b"}, 422, "content"),
        ({"content": "hi", "useRAG": True}, 422, "useRAG"),
        ({"content": "hi", "temperature": 1}, 422, "temperature"),
        ({"content": "hi", "conversationId": "conv_no"}, 404, None),
    ],
)
def test_what_cannot_be_answered_is_refused_and_nothing_asked(
    talker: Engine, models: ModelServer, body: dict[str, object], status: int, path: str | None
) -> None:
    asked = {"conversationId": converse(talker), **body}
    for operation in ("send", "stream"):
        reply = talker.http.post(f"/api/chat/{operation}", json=asked)
        assert reply.status_code == status
        assert [detail["path"] for detail in reply.json()["error"]["details"]] == ([path] if path else [])
    assert models.calls == []


def test_a_model_that_is_not_known_is_refused_with_those_that_are(
    talker: Engine, models: ModelServer
) -> None:
    reply = talker.http.post("/api/conversations", json={"model": "gpt-99"})
    status, code, message = refusal(reply)
    assert (status, code) == (422, "validation_error")
    assert "'gpt-99' is not known here; known are small, large" in message
    conversation = converse(talker)
    reply = talker.http.patch(f"/api/conversations/{conversation}", json={"model": "gpt-99"})
    assert reply.status_code == 422


def test_without_a_language_model_nobody_makes_up_an_answer(engine: Engine) -> None:
    status, code, message = refusal(send(engine, converse(engine), "Is the bridge open?"))
    assert (status, code) == (422, "validation_error")
    assert "Chat needs a language model" in message
    assert "ARTIFICER_ENGINE_LLM_URL" in message
    told = refusal(send(engine, converse(engine, systemPrompt="Be brief."), "Is the bridge open?"))
    assert "conversation.systemPrompt" in told[2]


def test_it_speaks_the_deployed_dialect_too(talker: Engine, models: ModelServer) -> None:
    trpc = Trpc(talker.http)
    conversation = trpc.mutate("conversations.create", {})["id"]
    reply = trpc.mutate("chat.sendMessage", {"content": "hi there", "conversationId": conversation})
    assert (reply["content"], reply["model"]) == (">hi there", models.model)
    assert reply["conversationTitle"] == "hi there"
    listed = trpc.query("chat.getMessages", {"conversationId": conversation})
    assert [row["content"] for row in listed] == ["hi there", ">hi there"]
    models.failures["bad"] = [400]
    reply = trpc.post("chat.sendMessage", {"content": "bad", "conversationId": conversation})
    assert error_of(reply)["data"]["code"] == "BAD_GATEWAY"
    for name, ask in (("chat.sendMessage", trpc.post), ("chat.getMessages", trpc.get)):
        value = {"content": "x", "conversationId": "no"} if ask == trpc.post else {"conversationId": "no"}
        assert error_of(ask(name, value))["data"]["code"] == "NOT_FOUND"
