"""What was used, how the models are and which would fit: counted and asked, never made up."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from support.conversing import converse, send, streaming
from support.engine import running_engine
from support.trpc import Trpc

from artificer_provider.client.models.monitoring import ModelCalls, ModelMonitoring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer


@pytest.fixture
def priced(tmp_path: Path, model_server: ModelServer) -> Iterator[Engine]:
    """An engine with a model that has a price and one that has none, and a server that is not there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    file = tmp_path / "models.toml"
    file.write_text(
        f"""
        [[server]]
        url = "{model_server.url}"
        model = [
          {{ name = "small", input_price = 1.0, output_price = 2.0, default = true }},
          {{ name = "acme/large" }},
        ]
        [[server]]
        url = "{nowhere}"
        model = [{{ name = "gone", input_price = 5.0, output_price = 5.0 }}]
        """
    )
    with running_engine(tmp_path / "data", arguments=["--models", str(file)]) as engine:
        yield engine
        model_server.open.set()


def get(engine: Engine, path: str, **query: str | int) -> Any:
    return engine.http.get(path, params=query).raise_for_status().json()


def post(engine: Engine, path: str, body: object = None) -> Any:
    return engine.http.post(path, json=body).raise_for_status().json()


def used(engine: Engine) -> dict[str | None, ModelCalls]:
    rows = get(engine, "/api/monitoring/usage")["usage"]
    return {row.model: row for row in map(ModelCalls.model_validate, rows)}


def test_every_kind_of_call_is_counted_once(priced: Engine, model_server: ModelServer) -> None:
    assert used(priced) == {}
    conversation = converse(priced)
    send(priced, conversation, "one").raise_for_status()
    with streaming(priced, conversation, "two") as told:
        list(told)
    chain = {"conversationId": conversation, "content": "three"}
    post(priced, "/api/orchestration/chain-chat", chain)
    post(priced, "/api/orchestration/execute", {"query": "four"})
    phases = {"chainConfig": {"phases": [{"name": "a"}, {"name": "b"}]}}
    post(priced, "/api/orchestration/process-text", {"text": "five", **phases})
    job = priced.create({"name": "n", "items": [{"input": "six"}, {"input": "x"}], "phases": [{"name": "a"}]})
    priced.wait_for(job["id"], "COMPLETED")
    row = used(priced)["small"]
    assert (row.calls, row.failed_calls, row.total_tokens) == (8, 0, 80)
    assert row.total_cost == pytest.approx(8 * (7 * 1.0 + 3 * 2.0) / 1_000_000)
    assert row.average_response_time is not None
    assert row.last_used is not None


def test_what_is_not_known_of_one_call_is_not_known_of_the_sum(
    priced: Engine, model_server: ModelServer
) -> None:
    conversation = converse(priced, model="acme/large")
    model_server.failures["bad"] = [400]
    assert send(priced, conversation, "bad").status_code == 502
    row = used(priced)["acme/large"]
    assert (row.calls, row.failed_calls, row.total_tokens, row.total_cost) == (1, 1, 0, 0.0)
    send(priced, conversation, "good").raise_for_status()
    row = used(priced)["acme/large"]
    assert (row.calls, row.failed_calls, row.total_tokens, row.total_cost) == (2, 1, 10, None)


def test_an_extractive_model_is_counted_under_its_own_name(engine: Engine) -> None:
    text = {"query": "The bridge is closed. A cat watched.", "taskType": "extract"}
    answered = post(engine, "/api/orchestration/execute", text)
    row = used(engine)[answered["model"]]
    assert (row.calls, row.total_tokens, row.total_cost) == (1, 0, 0.0)


def test_counts_outlive_the_engine_and_the_conversation(priced: Engine, model_server: ModelServer) -> None:
    conversation = converse(priced)
    send(priced, conversation, "one").raise_for_status()
    before = used(priced)
    priced.http.delete(f"/api/conversations/{conversation}").raise_for_status()
    priced.end()
    priced.start()
    assert used(priced) == before


def test_conversations_are_counted_as_they_stand(priced: Engine, model_server: ModelServer) -> None:
    first, _ = converse(priced), converse(priced)
    send(priced, first, "one").raise_for_status()
    body = {"role": "user", "content": "said elsewhere"}
    post(priced, f"/api/conversations/{first}/messages", body)
    stats = get(priced, "/api/usage/session")
    assert stats == {
        "conversationCount": 2,
        "messageCount": 3,
        "totalTokens": 10,
        "totalCost": pytest.approx(13 / 1_000_000),
    }
    assert get(priced, "/api/usage/models") == {
        "totalMessages": 3,
        "byRole": [
            {"role": "user", "count": 2, "percentage": 66.67},
            {"role": "assistant", "count": 1, "percentage": 33.33},
        ],
    }
    send(priced, converse(priced, model="acme/large"), "one").raise_for_status()
    assert "totalCost" not in get(priced, "/api/usage/session")


def test_a_model_is_as_well_as_its_last_call(priced: Engine, model_server: ModelServer) -> None:
    assert get(priced, "/api/monitoring/health")["health"] == []
    conversation = converse(priced)
    send(priced, conversation, "one").raise_for_status()
    [seen] = get(priced, "/api/monitoring/health")["health"]
    assert (seen["model"], seen["isHealthy"]) == ("small", True)
    assert seen["responseTime"] > 0
    model_server.failures["bad"] = [400]
    assert send(priced, conversation, "bad").status_code == 502
    [seen] = get(priced, "/api/monitoring/health")["health"]
    assert seen["isHealthy"] is False
    assert "told to fail with 400" in seen["error"]


def test_a_check_asks_the_server(priced: Engine, model_server: ModelServer) -> None:
    def check(model: str) -> Any:
        return post(priced, "/api/monitoring/check", {"modelId": model})["health"]

    assert check("small")["isHealthy"] is True
    assert "does not list 'acme/large'" in check("acme/large")["error"]
    assert "could not be asked" in check("gone")["error"]
    unknown = check("gpt-99")
    assert (unknown["isHealthy"], "lastChecked" in unknown) == (False, False)
    assert "'gpt-99' is not known here" in unknown["error"]
    extractive = check("extractive")
    assert extractive["isHealthy"] is True
    assert extractive["model"].startswith("extractive-")
    assert model_server.calls == []  # nobody was billed
    known = {seen["model"] for seen in get(priced, "/api/monitoring/health")["health"]}
    assert known == {"small", "acme/large", "gone", extractive["model"]}


def test_only_what_is_known_of_a_model_is_told(priced: Engine) -> None:
    found = get(priced, "/api/monitoring/capabilities")["capabilities"]
    assert found["small"] == {"costPer1kTokens": 0.001, "supportsStreaming": True}
    assert found["acme/large"] == {"supportsStreaming": True}
    assert found["extractive-tfidf"] == {"costPer1kTokens": 0.0, "supportsStreaming": False}
    whole = ModelMonitoring.model_validate(get(priced, "/api/monitoring/models"))
    assert set(whole.capabilities) == set(found)


def test_models_are_listed_with_their_prices(priced: Engine, model_server: ModelServer) -> None:
    reply = priced.http.get("/api/models")
    listed = {model["id"]: model for model in reply.json()}
    assert int(reply.headers["X-Total-Count"]) == len(listed)
    assert next(iter(listed)) == "small"
    assert listed["small"] == {"id": "small", "name": "small", "inputCost": 1.0, "outputCost": 2.0}
    assert listed["acme/large"] == {"id": "acme/large", "name": "acme/large"}
    assert "extractive" not in listed
    assert [model["id"] for model in get(priced, "/api/models", provider="acme")] == ["acme/large"]
    assert {model["id"] for model in get(priced, "/api/models", provider="127.0.0.1")} == {"small", "gone"}
    assert len(get(priced, "/api/models", limit=2)) == 2
    assert get(priced, "/api/models/fallback") == []


def test_a_refresh_asks_the_servers_and_names_who_does_not_tell(
    priced: Engine, model_server: ModelServer
) -> None:
    cold = get(priced, "/api/models/cache")
    assert cold == {"cached": False, "message": "No server was asked for its models yet."}
    done = priced.http.post("/api/models/refresh").raise_for_status().json()
    assert done["message"].startswith("1 of 2 servers told which models they have. http://127.0.0.1:")
    assert "could not be asked" in done["message"]
    warm = get(priced, "/api/models/cache")
    assert (warm["cached"], warm["modelCount"], warm["isValid"]) == (True, done["modelCount"], True)
    assert 0 <= warm["ageHours"] < 0.1


def test_a_model_is_chosen_by_what_can_be_judged(priced: Engine) -> None:
    def select(show_all: bool = False, **requirements: object) -> Any:  # noqa: FBT001, FBT002 - as the contract has it
        return post(priced, "/api/models/select", {"requirements": requirements, "showAll": show_all})

    assert select(maxCost=2, provider="127.0.0.1")["selected"]["id"] == "small"
    assert select(maxCost=1)["selected"]["id"].startswith("extractive-")
    cheap = select(show_all=True, maxCost=2)
    assert [match["id"] for match in cheap["matches"]][-1] == "small"
    assert cheap["matchCount"] == len(cheap["matches"])
    assert "No model is known to fit" in select(maxCost=100, provider="acme")["message"]
    assert "cannot judge needsVision" in select(needsVision=True)["message"]


def test_the_deployed_dialect_says_the_same(priced: Engine, model_server: ModelServer) -> None:
    send(priced, converse(priced), "one").raise_for_status()
    trpc = Trpc(priced.http)
    assert trpc.query("usage.getSessionStats") == get(priced, "/api/usage/session")
    assert trpc.query("usage.getModelUsage") == get(priced, "/api/usage/models")
    assert trpc.query("monitoring.getUsageStats")["usage"][0]["calls"] == 1
    assert trpc.query("monitoring.getHealthStatus")["health"][0]["model"] == "small"
    assert trpc.query("monitoring.getCapabilities")["capabilities"]["small"]["costPer1kTokens"] == 0.001
    checked = trpc.mutate("monitoring.checkModelHealth", {"modelId": "gone"})
    assert checked["health"]["isHealthy"] is False
    assert trpc.mutate("modelAdmin.refreshModels", {})["success"] is True
    listed = trpc.query("modelAdmin.listModels", {"limit": 1})
    assert [model["id"] for model in listed["models"]] == ["small"]
    asked = {"requirements": {"maxCost": 2, "provider": "127.0.0.1"}}
    assert trpc.query("modelAdmin.testSelection", asked)["selected"]["id"] == "small"
