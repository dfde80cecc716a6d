"""Conversations and what was said in them, kept and given on both wires."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.conversing import converse, refusal, spoken
from support.trpc import Trpc, error_of

from artificer_provider.client.models.conversations import Conversation, ConversationSummary
from artificer_provider.client.models.messages import Message

if TYPE_CHECKING:
    import httpx
    from support.engine import Engine


def say(engine: Engine, conversation: str, content: str, role: str = "user") -> str:
    path = f"/api/conversations/{conversation}/messages"
    reply = engine.http.post(path, json={"role": role, "content": content}).raise_for_status()
    message_id: str = reply.json()["id"]
    return message_id


def test_a_conversation_is_what_was_asked_for(engine: Engine) -> None:
    asked = {"title": "T", "model": "extractive", "systemPrompt": "sp", "temperature": 0.5, "maxTokens": 100}
    reply = engine.http.post("/api/conversations", json=asked).raise_for_status().json()
    made = Conversation.model_validate(reply)
    assert {name: reply[name] for name in asked} == asked
    assert made.messages == []
    assert made.created_at == made.updated_at is not None
    found = engine.http.get(f"/api/conversations/{made.id}").raise_for_status().json()
    assert found == reply


def test_what_is_not_given_stays_and_null_clears(engine: Engine) -> None:
    conversation = converse(engine, title="T", systemPrompt="sp")
    path = f"/api/conversations/{conversation}"
    before = engine.http.get(path).json()
    assert engine.http.patch(path, json={}).json() == before
    changed = engine.http.patch(path, json={"temperature": 1, "systemPrompt": None}).json()
    assert (changed["title"], changed["temperature"]) == ("T", 1)
    assert "systemPrompt" not in changed
    assert changed["updatedAt"] > before["updatedAt"]


def test_a_conversation_is_named_after_what_was_said_first(engine: Engine) -> None:
    path = f"/api/conversations/{converse(engine)}/title"
    long = "Hello there, this is a rather long first message that should be cut at some point"
    assert engine.http.post(path, json={"firstMessage": long}).json()["title"] == long[:47] + "..."
    lines = {"firstMessage": "Two\nlines"}
    assert engine.http.post(path, json=lines).json()["title"] == "Two lines"


def test_messages_are_kept_in_their_order_changed_and_deleted(engine: Engine) -> None:
    conversation = converse(engine)
    first, second = say(engine, conversation, "one"), say(engine, conversation, "two", "assistant")
    assert spoken(engine, conversation) == [("user", "one"), ("assistant", "two")]
    changed = engine.http.patch(f"/api/messages/{first}", json={"content": "uno"}).raise_for_status()
    message = Message.model_validate(changed.json())
    assert (message.content, message.conversation_id) == ("uno", conversation)
    assert engine.http.delete(f"/api/messages/{second}").status_code == 204
    assert engine.http.delete(f"/api/messages/{second}").status_code == 404
    assert spoken(engine, conversation) == [("user", "uno")]


def test_a_conversation_goes_with_its_messages(engine: Engine) -> None:
    conversation = converse(engine)
    message = say(engine, conversation, "one")
    assert engine.http.delete(f"/api/conversations/{conversation}").status_code == 204
    for reply in (
        engine.http.get(f"/api/conversations/{conversation}"),
        engine.http.get(f"/api/conversations/{conversation}/messages"),
        engine.http.patch(f"/api/messages/{message}", json={"content": "x"}),
        engine.http.delete(f"/api/conversations/{conversation}"),
    ):
        assert refusal(reply)[:2] == (404, "not_found")


def test_a_hundred_conversations_are_listed_page_by_page_the_last_changed_first(engine: Engine) -> None:
    made = [converse(engine, title=f"{number}") for number in range(100)]
    say(engine, made[40], "The last word.")
    pages = [
        engine.http.get("/api/conversations", params={"limit": 30, "offset": offset})
        for offset in range(0, 100, 30)
    ]
    listed = [ConversationSummary.model_validate(row) for page in pages for row in page.json()]
    total = int(pages[0].headers["X-Total-Count"])
    assert total >= 100
    ours = [one.id for one in listed if one.id in made]
    assert ours[: len(ours)] == [made[40], *[one for one in reversed(made) if one != made[40]]][: len(ours)]
    assert len(listed) == min(total, 120)
    assert (listed[0].message_count, listed[0].last_message_preview) == (1, "The last word.")
    assert (listed[1].message_count, listed[1].last_message_preview) == (0, None)


def test_messages_are_listed_page_by_page_oldest_first(engine: Engine) -> None:
    conversation = converse(engine)
    for number in range(5):
        say(engine, conversation, f"{number}")
    path = f"/api/conversations/{conversation}/messages"
    reply = engine.http.get(path, params={"limit": 2, "offset": 2})
    assert [row["content"] for row in reply.json()] == ["2", "3"]
    assert reply.headers["X-Total-Count"] == "5"
    assert [len(engine.http.get(path, params={"offset": offset}).json()) for offset in (0, 4, 9)] == [5, 1, 0]


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"temperature": 2.1}, 422, "temperature"),
        ({"maxTokens": 4_001}, 422, "maxTokens"),
        ({"title": "x" * 1_001}, 422, "title"),
        ({"title": "a\0b"}, 422, "title"),
        ({"model": "gpt-99"}, 422, "model"),
        ({"colour": "red"}, 422, "colour"),
        ({"projectId": "proj_no"}, 404, None),
    ],
)
def test_what_a_conversation_cannot_be_is_refused_by_name(
    engine: Engine, body: dict[str, object], status: int, path: str | None
) -> None:
    reply = engine.http.post("/api/conversations", json=body)
    assert reply.status_code == status
    assert [detail["path"] for detail in reply.json()["error"]["details"]] == ([path] if path else [])


def test_a_role_that_is_none_is_refused(engine: Engine) -> None:
    path = f"/api/conversations/{converse(engine)}/messages"
    status, code, message = refusal(engine.http.post(path, json={"role": "system", "content": "x"}))
    assert (status, code) == (422, "validation_error")
    assert "user, assistant" in message


def test_what_is_not_there_is_not_found_on_every_path(engine: Engine) -> None:
    http = engine.http
    replies: list[httpx.Response] = [
        http.get("/api/conversations/no"),
        http.patch("/api/conversations/no", json={"title": "x"}),
        http.delete("/api/conversations/no"),
        http.post("/api/conversations/no/title", json={"firstMessage": "x"}),
        http.get("/api/conversations/no/messages"),
        http.post("/api/conversations/no/messages", json={"role": "user", "content": "x"}),
        http.patch("/api/messages/no", json={"content": "x"}),
        http.delete("/api/messages/no"),
        http.get("/api/conversations", params={"projectId": "no"}),
    ]
    for reply in replies:
        status, code, message = refusal(reply)
        assert (status, code) == (404, "not_found")
        assert "'no'" in message


def test_conversations_and_messages_outlive_the_engine(engine: Engine) -> None:
    conversation = converse(engine, title="T")
    say(engine, conversation, "one")
    before = engine.http.get(f"/api/conversations/{conversation}").json()
    engine.end()
    engine.start()
    assert engine.http.get(f"/api/conversations/{conversation}").json() == before


def test_the_deployed_dialect_says_the_same(engine: Engine) -> None:
    trpc = Trpc(engine.http)
    made = trpc.mutate("conversations.create", {"title": "T", "temperature": 0.5})
    conversation = made["id"]
    assert made == trpc.query("conversations.getById", conversation)
    trpc.mutate("conversations.update", {"conversationId": conversation, "title": "T2"})
    said = {"conversationId": conversation, "role": "user", "content": "hi", "tokens": 3}
    message = trpc.mutate("messages.create", said)["id"]
    assert trpc.mutate("messages.update", {"id": message, "content": "hi2"})["content"] == "hi2"
    [row] = trpc.query("messages.getByConversation", {"conversationId": conversation})
    assert (row["content"], row["timestamp"]) == ("hi2", row["createdAt"])
    newest = trpc.query("conversations.list")[0]
    assert (newest["id"], newest["title"], newest["messageCount"]) == (conversation, "T2", 1)
    named = {"conversationId": conversation, "firstMessage": "x" * 60}
    assert trpc.mutate("conversations.updateTitle", named)["title"] == "x" * 47 + "..."
    assert engine.http.get(f"/api/conversations/{conversation}").json()["temperature"] == 0.5
    assert trpc.mutate("messages.delete", message) is None
    assert trpc.mutate("conversations.delete", conversation) == {"success": True}
    for ask, name, value in (
        (trpc.get, "conversations.getById", conversation),
        (trpc.post, "conversations.delete", conversation),
        (trpc.post, "messages.delete", message),
        (trpc.get, "messages.getByConversation", {"conversationId": conversation}),
    ):
        assert error_of(ask(name, value))["data"]["code"] == "NOT_FOUND"
