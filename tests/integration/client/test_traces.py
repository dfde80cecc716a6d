"""Spans that join whoever calls, the request and the engine's own log, with OpenTelemetry itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from support.engine import Engine

from artificer_provider.client import Artificer, AsyncArtificer, _traces
from artificer_provider.client.errors import ArtificerConnectionError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Tracer


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("traced") / "data", {})
    yield engine
    engine.end()


class Traced:
    """A tracer of a process that traces, and what it was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._told = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._told))
        self.tracer: Tracer = provider.get_tracer("tests")
        monkeypatch.setattr("opentelemetry.trace.get_tracer", provider.get_tracer)

    @property
    def calls(self) -> list[ReadableSpan]:
        return [span for span in self._told.get_finished_spans() if span.kind is SpanKind.CLIENT]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Traced:
    return Traced(monkeypatch)


def lines_of(log: Path, trace: int) -> list[str]:
    return [line for line in log.read_text().splitlines() if f"trace {trace:032x}" in line]


def test_a_request_is_a_part_of_the_span_under_way_and_stands_in_the_engine_s_log_by_both_ids(
    engine: Engine, traced: Traced
) -> None:
    with (
        Artificer(base_url=engine.url, dialect="rest") as client,
        traced.tracer.start_as_current_span("task") as task,
    ):
        client.batch.list()
    [call] = traced.calls
    assert call.name == "listing batch jobs"
    assert call.parent is not None
    assert call.parent.span_id == task.get_span_context().span_id
    assert call.attributes is not None
    assert call.attributes["http.response.status_code"] == 200
    [line] = lines_of(engine.log, task.get_span_context().trace_id)
    request_id = str(call.attributes["artificer.request_id"])
    assert f"request {request_id}: GET /api/batch, HTTP 200" in line


async def test_so_it_is_for_a_client_that_awaits(engine: Engine, traced: Traced) -> None:
    async with AsyncArtificer(base_url=engine.url, dialect="rest") as client:
        with traced.tracer.start_as_current_span("task") as task:
            await client.batch.list()
            _ = [job async for job in client.batch.iter_jobs()]
    assert len(traced.calls) == 2
    assert len(lines_of(engine.log, task.get_span_context().trace_id)) == 2


def test_a_refusal_is_a_span_that_failed(engine: Engine, traced: Traced) -> None:
    with (
        Artificer(base_url=engine.url, dialect="rest") as client,
        traced.tracer.start_as_current_span("task"),
        pytest.raises(NotFoundError),
    ):
        client.batch.get("nowhere")
    [call] = traced.calls
    assert (call.status.status_code, call.status.description) == (StatusCode.ERROR, "HTTP 404")
    assert call.attributes is not None
    assert call.attributes["artificer.job_id"] == "nowhere"


def test_each_try_that_meets_nobody_is_a_span_that_failed(traced: Traced) -> None:
    with (
        Artificer(base_url="http://127.0.0.1:9", dialect="rest", retries=1) as client,
        traced.tracer.start_as_current_span("task"),
        pytest.raises(ArtificerConnectionError),
    ):
        client.batch.list()
    assert [call.status.status_code for call in traced.calls] == [StatusCode.ERROR] * 2


def test_whoever_is_not_traced_sends_nothing_of_it(engine: Engine, traced: Traced) -> None:
    with Artificer(base_url=engine.url, dialect="rest") as client:
        client.batch.list()
    assert traced.calls == []
    assert _traces.begin("listing", "GET", engine.url, None) is _traces.NO_SPAN


def test_of_what_nobody_traces_the_engine_logs_changes_and_refusals_only(
    engine: Engine,
) -> None:
    before = len(engine.log.read_text())
    named = {"X-Request-Id": "mine-1"}
    engine.http.get("/api/batch", headers=named)
    engine.http.get("/api/batch/none-such", headers={"X-Request-Id": "mine-2"})
    engine.http.post("/api/batch/cleanup", json={}, headers={"X-Request-Id": "mine-3"})
    told = engine.log.read_text()[before:]
    assert "mine-1" not in told
    assert "request mine-2: GET /api/batch/none-such, HTTP 404" in told
    assert "request mine-3: POST /api/batch/cleanup, HTTP 200" in told


def test_a_key_in_an_address_is_not_put_into_the_log(engine: Engine) -> None:
    before = len(engine.log.read_text())
    key = "sk_" + "a1b2c3d4" * 8
    assert engine.http.get(f"/api/batch/{key}").status_code == 400
    told = engine.log.read_text()[before:]
    assert key not in told
    assert "/api/batch/" in told
