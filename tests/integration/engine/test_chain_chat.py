"""A message put to a conversation by the orchestration: answered and kept as chat is, and told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.conversing import converse, refusal, send, spoken, streaming
from support.trpc import Trpc

from artificer_provider.client.models.orchestration import ChainMessage, ChainProgress, RoutingAnalytics

if TYPE_CHECKING:
    import httpx
    from support.engine import Engine
    from support.model_server import ModelServer


def put(engine: Engine, conversation: str, content: str) -> httpx.Response:
    body = {"conversationId": conversation, "content": content}
    return engine.http.post("/api/orchestration/chain-chat", json=body)


def decisions(engine: Engine, conversation: str) -> RoutingAnalytics:
    query = {"conversationId": conversation}
    reply = engine.http.get("/api/orchestration/analytics", params=query).raise_for_status()
    return RoutingAnalytics.model_validate(reply.json())


def test_the_answer_is_kept_in_the_conversation(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker, systemPrompt="Be brief.")
    answered = ChainMessage.model_validate(put(talker, conversation, "hello").raise_for_status().json())
    assert (answered.content, answered.role, answered.model) == (">hello", "assistant", models.model)
    assert answered.conversation_title == "hello"
    how = answered.chain_metadata
    assert (how.retry_count, how.successful, how.complexity, how.category) == (0, True, None, None)
    assert how.total_latency is not None
    assert spoken(talker, conversation) == [("user", "hello"), ("assistant", ">hello")]
    assert models.calls[-1]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_who_answered_is_told_under_the_conversation(talker: Engine, models: ModelServer) -> None:
    conversation, other = converse(talker), converse(talker)
    models.failures["bad"] = [400]
    put(talker, conversation, "hello").raise_for_status()
    assert refusal(put(talker, conversation, "bad"))[:2] == (502, "model_error")
    put(talker, other, "hello").raise_for_status()
    send(talker, conversation, "no decision").raise_for_status()
    found = decisions(talker, conversation)
    assert [(one.successful, one.prompt_length) for one in found.decisions] == [(False, 3), (True, 5)]
    assert [one.executed_model for one in found.decisions] == ["small", models.model]
    assert decisions(talker, other).summary.total == 1
    trpc = Trpc(talker.http).query("orchestration.getRoutingAnalytics", {"conversationId": conversation})
    assert trpc["summary"]["total"] == 2


@pytest.mark.parametrize("path", ["/api/orchestration/stream", "/api/stream/orchestration"])
def test_its_steps_are_told_and_at_last_the_whole_answer(
    talker: Engine, models: ModelServer, path: str
) -> None:
    conversation, long = converse(talker), "word " * 100
    models.replies["hello"] = [long]
    with streaming(talker, conversation, "hello", path) as told:
        connection, *steps, complete = told
    assert (connection.name, complete.name) == ("connection", "complete")
    assert {step.name for step in steps} == {"progress"}
    progress = [ChainProgress.model_validate(step.data) for step in steps]
    assert [step.type for step in progress] == ["routing", "executing", "complete"]
    assert [step.progress for step in progress] == [0.33, 0.67, 1.0]
    assert progress[0].metadata == {"model": "small"}
    told_last = progress[-1].metadata
    assert (told_last["content"], told_last["model"], told_last["tokens"]) == (long, models.model, 10)
    kept = talker.http.get(f"/api/conversations/{conversation}").json()["messages"]
    assert [message["content"] for message in kept] == ["hello", long]
    assert told_last["messageId"] == kept[1]["id"]


def test_a_step_is_told_when_it_is_taken(talker: Engine, models: ModelServer) -> None:
    models.open.clear()
    with streaming(talker, converse(talker), "hello", "/api/orchestration/stream") as told:
        assert [next(told).data["type"] for _ in range(3)] == ["connected", "routing", "executing"]
        models.open.set()
        assert [event.data["type"] for event in told] == ["complete", "completed"]


def test_a_model_that_fails_is_an_error_and_leaves_nothing(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker)
    models.failures["bad"] = [400]
    with streaming(talker, conversation, "bad", "/api/orchestration/stream") as told:
        *_, error = told
    assert (error.name, error.data["code"]) == ("error", "model_error")
    assert spoken(talker, conversation) == []


def test_it_is_refused_as_chat_is(talker: Engine) -> None:
    for path in ("chain-chat", "stream"):
        body: dict[str, Any] = {"conversationId": "no", "content": "x"}
        assert refusal(talker.http.post(f"/api/orchestration/{path}", json=body))[:2] == (404, "not_found")
        body = {"conversationId": converse(talker), "content": ""}
        assert talker.http.post(f"/api/orchestration/{path}", json=body).status_code == 422


def test_it_speaks_the_deployed_dialect_too(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker)
    asked = {"content": "hello", "conversationId": conversation}
    answered = Trpc(talker.http).mutate("orchestration.chainChat", asked)
    assert (answered["content"], answered["model"]) == (">hello", models.model)
    assert answered["chainMetadata"]["successful"] is True
    assert len(spoken(talker, conversation)) == 2
