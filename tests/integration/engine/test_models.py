"""Several model servers side by side, named in a file with what their models charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.command import Command
from support.engine import running_engine
from support.model_server import ModelServer

from artificer_provider.client.models.batch import BatchAnalytics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PHASES = [{"name": "one"}, {"name": "two", "model": "dear"}]


@pytest.fixture
def second_server() -> Iterator[ModelServer]:
    server = ModelServer()
    server.model = "dear-2026"
    yield server
    server.close()


@pytest.fixture
def servers(model_server: ModelServer, second_server: ModelServer) -> tuple[ModelServer, ModelServer]:
    return model_server, second_server


@pytest.fixture
def models(tmp_path: Path, model_server: ModelServer, second_server: ModelServer) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(
        f"""
        [[server]]
        url = "{model_server.url}"
        key_env = "FIRST_KEY"
        [[server.model]]
        name = "cheap"
        input_price = 1.0
        output_price = 2.0
        default = true
        [[server.model]]
        name = "free"
        input_price = 0
        output_price = 0

        [[server]]
        url = "{second_server.url}"
        [[server.model]]
        name = "dear"
        input_price = 1000.0
        output_price = 2000.0
        [[server.model]]
        name = "unpriced"
        """
    )
    return path


def job(*phases: dict[str, Any], items: int = 2) -> dict[str, Any]:
    return {"name": "priced", "items": [{"input": f"t{n}"} for n in range(items)], "phases": list(phases)}


def test_each_phase_goes_to_the_server_that_has_its_model_and_costs_what_that_charges(
    tmp_path: Path, models: Path, model_server: ModelServer, second_server: ModelServer
) -> None:
    with running_engine(
        tmp_path / "data", {"FIRST_KEY": "first-secret"}, ["--models", str(models)]
    ) as engine:
        job_id = engine.create(job(*PHASES))["id"]
        done = engine.wait_for(job_id, "COMPLETED")
        rows = engine.results(job_id)
        found = BatchAnalytics.model_validate(engine.http.get(f"/api/batch/{job_id}/analytics").json())
        health = engine.http.get("/health").json()
        refused = engine.http.post("/api/batch", json=job({"name": "p", "model": "gpt-99"}))
        assert "first-secret" not in engine.log.read_text() + engine.ready
    cheap, dear = (7 * 1.0 + 3 * 2.0) / 1e6, (7 * 1000.0 + 3 * 2000.0) / 1e6
    assert [row["costIncurred"] for row in rows] == pytest.approx([cheap + dear] * 2)
    assert done["costIncurred"] == pytest.approx(2 * (cheap + dear))
    assert [phase.cost for phase in found.phases] == pytest.approx([2 * cheap, 2 * dear])
    assert rows[0]["phaseModels"] == {"one": model_server.model, "two": "dear-2026"}
    assert sorted(model_server.texts()) == ["t0", "t1"]
    assert sorted(second_server.texts()) == [">t0", ">t1"]
    assert {call["model"] for call in model_server.calls} == {"cheap"}
    assert all(headers["Authorization"] == "Bearer first-secret" for headers in model_server.headers)
    assert all("Authorization" not in headers for headers in second_server.headers)
    assert health["defaultModel"] == "cheap" == health["models"][0]
    assert {"dear", "free", "unpriced", "extractive"} <= set(health["models"])
    assert refused.status_code == 422
    assert "gpt-99" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [("cheap", None, None), ("free", None, 0.0), ("unpriced", {"total_tokens": 10}, None)],
)
def test_a_cost_is_unknown_without_a_price_or_usage_and_zero_where_nothing_is_charged(
    models: Path,
    servers: tuple[ModelServer, ModelServer],
    model: str,
    usage: dict[str, int] | None,
    cost: float | None,
) -> None:
    for server in servers:
        server.usage = usage
    environment = {"FIRST_KEY": "k", "ARTIFICER_ENGINE_MODELS": str(models)}
    with running_engine(models.parent / "data", environment) as engine:
        job_id = engine.create(job({"name": "p", "model": model}))["id"]
        done = engine.wait_for(job_id, "COMPLETED")
    assert done["completedItems"] == 2
    assert done.get("costIncurred") == cost
    assert done.get("tokensUsed") == (10 * 2 if usage else None)


def test_what_was_spent_on_failed_attempts_is_in_the_cost(
    tmp_path: Path, models: Path, model_server: ModelServer
) -> None:
    model_server.replies = {"t0": ["  ", "  "]}  # billed, and no text in it
    model_server.failures = {"t1": [429, 503]}  # refused, and not billed
    body = {**job({"name": "p"}), "options": {"maxRetries": 1}}
    with running_engine(tmp_path / "data", {"FIRST_KEY": "k"}, ["--models", str(models)]) as engine:
        job_id = engine.create(body)["id"]
        done = engine.wait_for(job_id, "COMPLETED")
        empty, refused = engine.results(job_id)
    once = (7 * 1.0 + 3 * 2.0) / 1e6
    assert (empty["status"], refused["status"]) == ("FAILED", "COMPLETED")
    assert [empty["costIncurred"], refused["costIncurred"]] == pytest.approx([2 * once, once])
    assert (empty["tokensUsed"], refused["tokensUsed"]) == (20, 10)
    assert done["costIncurred"] == pytest.approx(3 * once)


@pytest.mark.parametrize(
    ("change", "environment", "hint"),
    [
        (('"dear"', '"cheap"'), {}, "'cheap'"),
        (('"dear"', '"extractive"'), {}, "'extractive'"),
        (("1000.0", '"much"'), {}, "server[1].model[0].input_price"),
        (("FIRST_KEY", "NO_SUCH_KEY"), {}, "NO_SUCH_KEY"),
        (
            ("", ""),
            {"ARTIFICER_ENGINE_LLM_URL": "http://127.0.0.1:1", "ARTIFICER_ENGINE_LLM_MODEL": "m"},
            "'cheap' and 'm'",
        ),
    ],
)
def test_an_engine_does_not_start_on_models_that_do_not_go_together(
    tmp_path: Path, models: Path, change: tuple[str, str], environment: dict[str, str], hint: str
) -> None:
    models.write_text(models.read_text().replace(*change))
    run = Command(tmp_path, {"FIRST_KEY": "k", **environment})
    done = run("engine", "--port", "0", "--data", tmp_path / "data", "--models", models)
    assert (done.code, done.out) == (2, "")
    assert hint in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "data").exists()
