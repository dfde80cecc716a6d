"""One text answered at once."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from artificer_provider.client.models.orchestration import (
    ChainExecutionResult,
    ProcessedText,
    RoutingAnalytics,
)

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer

QUERY = "The bridge is closed for repairs. Traffic takes the northern road. The bridge opens in May."


def ask(engine: Engine, **body: object) -> Any:
    return engine.http.post("/api/orchestration/execute", json={"query": QUERY, **body})


def chain(*phases: dict[str, object], text: str = QUERY) -> dict[str, object]:
    return {"text": text, "chainConfig": {"phases": list(phases)}}


def analytics(engine: Engine, **query: str | int) -> RoutingAnalytics:
    reply = engine.http.get("/api/orchestration/analytics", params=query).raise_for_status()
    return RoutingAnalytics.model_validate(reply.json())


def refused(reply: Any, status: int, code: str) -> dict[str, Any]:
    error: dict[str, Any] = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert error["requestId"] == reply.headers["X-Request-Id"]
    return error


def test_a_query_is_answered_and_the_answer_names_its_model(engine: Engine) -> None:
    result = ChainExecutionResult.model_validate(ask(engine, taskType="extract").raise_for_status().json())
    assert "bridge" in result.response
    assert (result.model or "").startswith("extractive-")
    assert (result.cost, result.tokens, result.retry_count, result.validation_score) == (0.0, 0, 0, None)
    assert result.latency_ms is not None


def test_each_answer_leaves_a_decision_that_is_counted(engine: Engine) -> None:
    before = analytics(engine, limit=100).summary.total
    for task in ("summarize", "extract"):
        ask(engine, taskType=task).raise_for_status()
    found = analytics(engine, limit=100)
    assert found.summary.total == found.summary.successful == before + 2
    assert (found.summary.average_cost, found.summary.average_retries) == (0.0, 0.0)
    newest = found.decisions[0]
    assert newest.prompt_hash == sha256(QUERY.encode()).hexdigest()[:16] + "..."
    assert newest.prompt_length == len(QUERY)
    assert newest.executed_model is not None
    assert found.summary.model_distribution == {newest.executed_model: before + 2}
    assert (newest.successful, newest.retry_count, newest.total_cost) == (True, 0, 0.0)
    assert (newest.complexity, newest.category, newest.strategy) == (None, None, None)
    assert newest.created_at is not None
    assert found.decisions[1].created_at is not None
    assert newest.created_at >= found.decisions[1].created_at
    assert analytics(engine, limit=1).summary.total == 1
    assert analytics(engine, conversationId="c1") == analytics(engine, conversation_id="c1")
    assert analytics(engine, conversationId="c1").decisions == []


def test_an_answer_that_scores_too_low_is_asked_again_and_the_best_is_given(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.scores = {f">{QUERY}": ["3", "8"]}
    result = ask(llm_engine, validationConfig={"enabled": True, "minScore": 6}).raise_for_status().json()
    assert (result["validationScore"], result["retryCount"]) == (8, 1)
    assert result["tokens"] == 40  # two answers and two scores
    [decision] = analytics(llm_engine, limit=1).decisions
    assert (decision.successful, decision.retry_count, decision.validation_score) == (True, 1, 8)


def test_the_best_answer_is_given_with_its_score_though_none_scores_enough(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.scores = {f">{QUERY}": ["3", "5", "1"]}
    result = ask(llm_engine, validationConfig={"enabled": True, "minScore": 6}).raise_for_status().json()
    assert (result["validationScore"], result["retryCount"]) == (5, 2)
    assert analytics(llm_engine, limit=1).decisions[0].successful is False


def test_an_extractive_answer_is_scored_and_asked_for_once(engine: Engine) -> None:
    body = {"taskType": "extract", "validationConfig": {"enabled": True, "minScore": 0}}
    result = ask(engine, **body).raise_for_status().json()
    assert 0 <= result["validationScore"] <= 10
    assert result["retryCount"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": "x" * 10_001}, "query"),
        ({"query": "a\0b", "taskType": "extract"}, "query"),
        ({"useRAG": True}, "useRAG"),
        ({"projectId": "p1"}, "projectId"),
        ({"model": "gpt-99"}, "model"),
        ({"taskType": "dream"}, "taskType"),
        ({}, "taskType"),
        ({"taskType": "qa"}, "taskType"),
        ({"temprature": 1}, "temprature"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(engine: Engine, body: dict[str, object], field: str) -> None:
    before = analytics(engine, limit=100).summary.total
    error = refused(ask(engine, **body), 422, "validation_error")
    assert [detail["path"] for detail in error["details"]] == [field]
    assert analytics(engine, limit=100).summary.total == before


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"query": "half a', 400, "invalid_json"),
        (b'{"query": "\\ud800"}', 400, "invalid_json"),
        (b'{"query": "\xff"}', 400, "invalid_json"),
        (b"", 400, "invalid_json"),
        (b"[]", 422, "validation_error"),
        (b" " * (64 * 1024 * 1024 + 1), 413, "too_large"),
    ],
    ids=["cut", "a lone surrogate", "no UTF-8", "nothing", "a list", "too large"],
)
def test_a_body_that_cannot_be_read_is_refused(
    engine: Engine, content: bytes, status: int, code: str
) -> None:
    for operation in ("execute", "process-text", "chain-chat"):
        headers = {"Content-Type": "application/json", "Connection": "close"}
        try:
            reply = engine.http.post(f"/api/orchestration/{operation}", content=content, headers=headers)
        except httpx.WriteError:
            assert status == 413  # turned away before all was sent
            continue
        refused(reply, status, code)


def test_a_chain_without_a_language_model_is_told_what_it_needs(engine: Engine) -> None:
    reply = engine.http.post("/api/orchestration/process-text", json=chain({"name": "a"}))
    error = refused(reply, 422, "validation_error")
    assert error["details"][0]["path"] == "chainConfig.phases[0].model"
    assert "language model" in error["message"]


def test_wrong_pages_are_refused_by_name(engine: Engine) -> None:
    for query, field in (("limit=0", "limit"), ("limit=101", "limit"), ("limt=1", "limt")):
        error = refused(engine.http.get(f"/api/orchestration/analytics?{query}"), 422, "validation_error")
        assert error["details"][0]["path"] == field


def test_a_language_model_is_given_the_query_as_it_stands(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    result = ask(llm_engine, taskType="qa").raise_for_status().json()
    assert (result["response"], result["model"], result["tokens"]) == (f">{QUERY}", model_server.model, 10)
    assert "cost" not in result
    assert model_server.calls[0]["messages"] == [{"role": "user", "content": QUERY}]
    assert analytics(llm_engine).summary.average_cost is None


def test_every_phase_of_a_chain_is_given_the_text_itself(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    body = chain(
        {"name": "a", "systemPrompt": "Be brief.", "temperature": 0.5}, {"name": "b", "model": "large"}
    )
    reply = llm_engine.http.post("/api/orchestration/process-text", json=body).raise_for_status()
    done = ProcessedText.model_validate(reply.json())
    assert [(answer.phase, answer.response) for answer in done.chain_results] == [
        ("a", f">{QUERY}"),
        ("b", f">{QUERY}"),
    ]
    assert (done.metadata.phase_count, done.metadata.total_cost) == (2, None)
    first, second = model_server.calls
    assert first["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (first["temperature"], first["model"], second["model"]) == (0.5, "small", "large")
    assert analytics(llm_engine).summary.total == 2


def test_a_model_that_fails_is_an_error_and_not_an_answer(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.failures["bad"] = [400, 400]
    error = refused(ask(llm_engine, query="bad"), 502, "model_error")
    assert "told to fail with 400" in error["message"]

    reply = llm_engine.http.post(
        "/api/orchestration/process-text", json=chain({"name": "a"}, {"name": "b"}, text="bad")
    )
    assert "a: " in refused(reply, 502, "model_error")["message"]
    found = analytics(llm_engine)
    assert [decision.successful for decision in found.decisions] == [False, False]
    assert (found.summary.total, found.summary.successful) == (2, 0)


def test_decisions_outlive_the_engine(llm_engine: Engine) -> None:
    ask(llm_engine).raise_for_status()
    before = analytics(llm_engine)
    llm_engine.end()
    llm_engine.start()
    assert analytics(llm_engine) == before
