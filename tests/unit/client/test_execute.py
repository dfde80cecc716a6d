"""One question put to a deployed engine, which answers only in a conversation."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Asked, Reply
from support.wire import HTML, answer, refusal
from support.wires import AUTO, KINDS, REST, TRPC, open_client

from artificer_provider.client import AsyncArtificer
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    EngineAnswerError,
    NotCarriedError,
    RateLimitError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer

    from artificer_provider.client import Artificer

SORRY = "Sorry, I encountered an error. Please try again."
MADE = answer({"id": "c1", "title": None, "messages": []})
DELETED = answer({"success": True})
CHAIN = {"complexity": 3, "retryCount": 1, "totalLatency": 12.6, "validationScore": 8}
ANSWER = {"id": "m1", "content": "Paris", "role": "assistant", "model": "m", "cost": 2e-06, "tokens": 12}
ANSWERED = answer({**ANSWER, "chainMetadata": CHAIN})
PATHS = ["/conversations.create", "/orchestration.chainChat", "/conversations.delete"]


@pytest.fixture(params=KINDS)
def deployed(request: pytest.FixtureRequest, server: ScriptedServer) -> Iterator[Artificer]:
    with open_client(request.param, server.url, TRPC) as client:
        yield client


def said(asked: Asked) -> Any:
    found: Any = asked.json
    return found["json"]


def test_it_is_answered_in_a_conversation_of_its_own(server: ScriptedServer, deployed: Artificer) -> None:
    server.will_answer(MADE, ANSWERED, DELETED)
    found = deployed.orchestration.execute("What is the capital of France?", use_rag=False)
    assert (found.response, found.model, found.cost, found.tokens) == ("Paris", "m", 2e-06, 12)
    assert (found.validation_score, found.retry_count, found.latency_ms) == (8, 1, 13)
    assert server.paths == PATHS
    made, put, deleted = map(said, server.asked)
    assert made.keys() == {"title"}
    assert put == {"content": "What is the capital of France?", "conversationId": "c1"}
    assert deleted == "c1"


def test_what_the_engine_does_not_say_of_its_answer_is_none(
    server: ScriptedServer, deployed: Artificer
) -> None:
    server.will_answer(MADE, answer({**ANSWER, "model": None, "chainMetadata": None}), DELETED)
    found = deployed.orchestration.execute("Why?")
    assert (found.model, found.latency_ms, found.validation_score) == (None, None, None)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"task_type": "qa"}, "taskType"),
        ({"model": "m"}, "model"),
        ({"use_rag": True}, "useRAG"),
        ({"project_id": "p", "use_rag": True}, "useRAG, projectId"),
        ({"validation_config": {"enabled": True}}, "validationConfig"),
    ],
)
def test_more_than_an_answer_is_refused_by_name(
    server: ScriptedServer, deployed: Artificer, more: dict[str, Any], named: str
) -> None:
    with pytest.raises(NotCarriedError, match=f"nothing was sent.*no field for {named}") as caught:
        deployed.orchestration.execute("Why?", **more)
    assert caught.value.fields == tuple(named.split(", "))
    assert server.asked == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(500, "no model answers"), ServerError),
        (refusal(429, "Rate limit exceeded. Try again in 60 seconds."), RateLimitError),
        (Reply(cut=True), ArtificerConnectionError),
        (
            answer({**ANSWER, "content": "Sorry, I encountered an error. Please try again."}),
            EngineAnswerError,
        ),
        (answer({**ANSWER, "model": "error"}), EngineAnswerError),
    ],
)
def test_the_conversation_is_deleted_also_when_there_is_no_answer(
    server: ScriptedServer, deployed: Artificer, reply: Reply, kind: type[Exception]
) -> None:
    server.will_answer(MADE, reply, DELETED)
    with pytest.raises(kind, match="executing a query"):
        deployed.orchestration.execute("Why?")
    assert server.paths == PATHS


def test_a_conversation_that_cannot_be_deleted_hides_neither_the_answer_nor_the_first_error(
    server: ScriptedServer, deployed: Artificer, caplog: pytest.LogCaptureFixture
) -> None:
    stays = refusal(500, "the database is away")
    server.will_answer(MADE, ANSWERED, stays, MADE, refusal(500, "no model answers"), stays)
    assert deployed.orchestration.execute("Why?").response == "Paris"
    with pytest.raises(ServerError, match="no model answers"):
        deployed.orchestration.execute("Why?")
    left = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(left) == 2
    assert "Conversation c1" in left[0].message
    assert "the database is away" in left[0].message


def test_a_conversation_that_is_gone_already_is_no_reason_to_warn(
    server: ScriptedServer, deployed: Artificer, caplog: pytest.LogCaptureFixture
) -> None:
    server.will_answer(MADE, ANSWERED, refusal(404, "Conversation not found"))
    assert deployed.orchestration.execute("Why?").response == "Paris"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_without_a_conversation_nothing_is_asked(server: ScriptedServer, deployed: Artificer) -> None:
    server.will_answer(refusal(500, "the database is away"))
    with pytest.raises(ServerError, match="executing a query: the database is away"):
        deployed.orchestration.execute("Why?")
    assert server.paths == PATHS[:1]


async def test_a_cancelled_question_names_the_conversation_that_it_leaves(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.will_answer(MADE, Reply(delay=1.0))
    async with AsyncArtificer(base_url=server.url, dialect="trpc") as client:
        question = asyncio.create_task(client.orchestration.execute("Why?"))
        while len(server.asked) < 2:
            await asyncio.sleep(0.01)
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
    assert server.paths == PATHS[:2]
    assert "Interrupted executing a query: conversation c1" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_the_wire_is_found_out_before_the_steps_are_chosen(kind: str, server: ScriptedServer) -> None:
    greeting = answer({"message": "hello"})
    server.will_answer(HTML, greeting, MADE, ANSWERED, DELETED)
    with open_client(kind, server.url, AUTO) as client:
        assert client.orchestration.execute("Why?").response == "Paris"
    assert server.paths == ["/openapi.json", "/auth.public", *PATHS]


@pytest.mark.parametrize("kind", KINDS)
def test_on_rest_it_is_one_call(kind: str, server: ScriptedServer) -> None:
    server.will_answer(Reply(body={"response": "42"}))
    with open_client(kind, server.url, REST) as client:
        assert client.orchestration.execute("Why?", model="m", use_rag=True).response == "42"
    assert server.paths == ["/api/orchestration/execute"]
    assert server.asked[0].json == {"query": "Why?", "model": "m", "useRAG": True}
