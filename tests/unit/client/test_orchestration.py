"""One text, answered at once, over either wire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Asked, Reply
from support.wire import answer, refusal

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ConfigurationError,
    EngineAnswerError,
    NotFoundError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer

SORRY = "Sorry, I encountered an error. Please try again."
MESSAGE = {
    "id": "m1",
    "content": "Hello!",
    "role": "assistant",
    "timestamp": "2026-11-22T14:31:04.315Z",
    "model": "m",
    "cost": 2e-06,
    "tokens": 12,
    "chainMetadata": {"complexity": 3, "category": "chat", "retryCount": 0, "validationScore": None},
}
ANALYTICS = {
    "decisions": [
        {"id": "d1", "createdAt": "2026-11-22T14:31:04.315Z", "validationScore": None, "totalCost": 0.1}
    ],
    "summary": {"total": 1, "successful": 1, "averageCost": 0.1, "modelDistribution": {"m": 1}},
}


def phase(name: str, response: str, model: str = "m") -> dict[str, Any]:
    metadata = {"cost": 1e-06, "processingTime": 0.5, "cacheHit": False}
    return {"phase": name, "response": response, "model": model, "metadata": metadata}


def processed(*phases: dict[str, Any]) -> dict[str, Any]:
    totals = {"totalCost": 1e-06, "totalTime": 0.5, "phaseCount": len(phases)}
    return {"chainResults": list(phases), "metadata": totals}


@pytest.fixture(params=["rest", "trpc"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def either(server: ScriptedServer, wire: str) -> Iterator[Artificer]:
    with Artificer("k", server.url, dialect=wire, retries=3) as client:
        yield client


def reply(wire: str, value: object) -> Reply:
    return Reply(body=value) if wire == "rest" else answer(value)


def said(wire: str, asked: Asked) -> Any:
    body = json.loads(asked.body)
    return body if wire == "rest" else body["json"]


def test_a_text_is_put_through_phases(server: ScriptedServer, either: Artificer, wire: str) -> None:
    server.will_answer(reply(wire, processed(phase("a", "A"), phase("b", "B"))))
    found = either.orchestration.process_text("t", [{"name": "a", "system_prompt": "s"}, {"name": "b"}])
    assert [(one.phase, one.response, one.metadata.cost) for one in found.chain_results] == [
        ("a", "A", 1e-06),
        ("b", "B", 1e-06),
    ]
    assert (found.metadata.phase_count, found.metadata.total_time) == (2, 0.5)
    assert said(wire, server.asked[0]) == {
        "text": "t",
        "chainConfig": {"phases": [{"name": "a", "systemPrompt": "s"}, {"name": "b"}]},
    }


def test_a_chain_gives_each_phase_the_answer_before(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    server.will_answer(*(reply(wire, processed(phase(name, name.upper()))) for name in "abc"))
    found = either.orchestration.chain("t", [{"name": name} for name in "abc"])
    assert [one.response for one in found] == ["A", "B", "C"]
    assert [said(wire, asked)["text"] for asked in server.asked] == ["t", "A", "B"]


def test_a_chain_is_checked_whole_before_its_first_phase_is_paid_for(
    server: ScriptedServer, either: Artificer
) -> None:
    with pytest.raises(ConfigurationError, match=r"phases\[1\]\.name"):
        either.orchestration.chain("t", [{"name": "a"}, {"name": ""}])
    with pytest.raises(ConfigurationError, match="chain_config"):
        either.orchestration.chain("t", [{"name": "a"}] * 11)
    assert server.asked == []


def test_a_chain_ends_at_an_apology(server: ScriptedServer, either: Artificer, wire: str) -> None:
    server.will_answer(reply(wire, processed(phase("a", "A"))), reply(wire, processed(phase("b", SORRY))))
    with pytest.raises(EngineAnswerError, match="phase 'b'"):
        either.orchestration.chain("t", [{"name": "a"}, {"name": "b"}, {"name": "c"}])
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("text", "model"), [(SORRY, "m"), ("fine", "error"), ("AI service quota exceeded.", "m")]
)
def test_an_apology_is_no_answer(
    server: ScriptedServer, either: Artificer, wire: str, text: str, model: str
) -> None:
    server.will_answer(
        reply(wire, processed(phase("a", text, model))),
        reply(wire, {**MESSAGE, "content": text, "model": model}),
    )
    with pytest.raises(EngineAnswerError) as caught:
        either.orchestration.process_text("t", [{"name": "a"}])
    assert caught.value.answer == text
    with pytest.raises(EngineAnswerError, match="chatting in conversation c1"):
        either.orchestration.chain_chat("c1", "Hi")


def test_a_message_is_put_to_a_conversation(server: ScriptedServer, either: Artificer, wire: str) -> None:
    server.will_answer(reply(wire, MESSAGE))
    found = either.orchestration.chain_chat("c1", "Hi")
    assert (found.content, found.model, found.cost, found.tokens) == ("Hello!", "m", 2e-06, 12)
    assert (found.chain_metadata.complexity, found.chain_metadata.validation_score) == (3, None)
    assert found.timestamp is not None
    assert found.timestamp.to_iso8601_string() == "2026-11-22T14:31:04.315000Z"
    assert said(wire, server.asked[0]) == {"content": "Hi", "conversationId": "c1"}


def test_an_unknown_conversation_is_not_found(server: ScriptedServer, either: Artificer) -> None:
    server.will_answer(refusal(404, "Conversation not found", "NOT_FOUND"))
    with pytest.raises(NotFoundError):
        either.orchestration.chain_chat("nope", "Hi")


def test_what_may_have_been_billed_is_not_sent_again(server: ScriptedServer, either: Artificer) -> None:
    server.otherwise = lambda _: Reply(503)
    for call in (
        lambda: either.orchestration.process_text("t", [{"name": "a"}]),
        lambda: either.orchestration.chain_chat("c1", "Hi"),
    ):
        server.asked.clear()
        with pytest.raises(ServerError):
            call()
        assert len(server.asked) == 1


def test_decisions_are_listed(server: ScriptedServer, either: Artificer, wire: str) -> None:
    server.will_answer(reply(wire, ANALYTICS))
    found = either.orchestration.get_analytics(limit=2, conversation_id="c1")
    assert (found.summary.total, found.summary.model_distribution) == (1, {"m": 1})
    assert (found.decisions[0].total_cost, found.decisions[0].validation_score) == (0.1, None)
    assert server.asked[0].method == "GET"
    if wire == "rest":
        assert server.asked[0].path == "/api/orchestration/analytics?limit=2&conversationId=c1"
    for limit in (0, 101):
        with pytest.raises(ConfigurationError, match=f"limit: is {limit}, and must be 1 to 100"):
            either.orchestration.get_analytics(limit=limit)


def test_a_question_is_answered(server: ScriptedServer, client: Artificer) -> None:
    done = {"response": "42", "model": "m", "cost": 0.5, "tokens": 3, "validationScore": 8, "latencyMs": 12}
    server.will_answer(Reply(body=done), Reply(body={**done, "response": SORRY}))
    validation = {"enabled": True, "min_score": 7}
    found = client.orchestration.execute("What?", task_type="qa", use_rag=True, validation_config=validation)
    assert (found.response, found.cost, found.tokens, found.validation_score) == ("42", 0.5, 3, 8)
    assert json.loads(server.asked[0].body) == {
        "query": "What?",
        "taskType": "qa",
        "useRAG": True,
        "validationConfig": {"enabled": True, "minScore": 7},
    }
    with pytest.raises(EngineAnswerError, match="executing a query"):
        client.orchestration.execute("What?")


@pytest.mark.parametrize("text", ["", "x" * 100_001])
def test_a_text_has_its_limits(server: ScriptedServer, either: Artificer, text: str) -> None:
    with pytest.raises(ConfigurationError, match="text: String should have at"):
        either.orchestration.process_text(text, [{"name": "a"}])
    with pytest.raises(ConfigurationError, match="content: String should have at"):
        either.orchestration.chain_chat("c1", text[:10_001])
    assert server.asked == []


async def test_the_async_client_does_the_same(server: ScriptedServer, wire: str) -> None:
    server.will_answer(
        reply(wire, processed(phase("a", "A"))),
        reply(wire, processed(phase("b", "B"))),
        reply(wire, MESSAGE),
        reply(wire, ANALYTICS),
        reply(wire, processed(phase("a", SORRY))),
    )
    async with AsyncArtificer(base_url=server.url, dialect=wire) as client:
        found = await client.orchestration.chain("t", [{"name": "a"}, {"name": "b"}])
        assert [one.response for one in found] == ["A", "B"]
        assert (await client.orchestration.chain_chat("c1", "Hi")).content == "Hello!"
        assert (await client.orchestration.get_analytics()).summary.total == 1
        with pytest.raises(EngineAnswerError):
            await client.orchestration.process_text("t", [{"name": "a"}])
