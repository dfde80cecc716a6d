"""A run of a batch, traced: from the DAG run by Airflow's own spans to each line of the engine's log."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.run_batch import operator

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan
    from support.engine import Engine

LINE = re.compile(r"request (\S+): (\S+) (\S+), HTTP (\d+) after \d+ ms, trace ([0-9a-f]{32})$", re.MULTILINE)

traces = pytest.importorskip("airflow.sdk._shared.observability.traces", reason="Airflow 3.3 has these")
task_runner: Any = pytest.importorskip("airflow.sdk.execution_time.task_runner")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Have this process trace, as Airflow does with ``[traces] otel_on``."""
    if not hasattr(task_runner, "_make_task_span") or not hasattr(traces, "new_task_run_carrier"):
        pytest.skip("this Airflow makes its spans in another way")
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace.get_tracer", provider.get_tracer)
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)
    for module in (traces, task_runner):
        monkeypatch.setattr(module, "tracer", provider.get_tracer("airflow"))
    return exporter


def test_each_request_of_a_task_is_of_its_dag_run_s_trace_down_to_the_engine_s_log(
    tmp_path: Path, llm_engine: Engine, monkeypatch: pytest.MonkeyPatch, told: InMemorySpanExporter
) -> None:
    fields = {"conn_type": "artificer", "host": llm_engine.url, "extra": {"dialect": "rest"}}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    of_run: dict[str, str] = traces.new_dagrun_trace_carrier()
    ti = SimpleNamespace(**vars(TaskInstanceDouble()), context_carrier=traces.new_task_run_carrier(of_run))
    with task_runner._make_task_span(SimpleNamespace(ti=ti)):
        operator(tmp_path).execute(context(StoreDouble()))

    dag_run = get_current_span(TraceContextTextMapPropagator().extract(of_run)).get_span_context()
    spans = told.get_finished_spans()
    [worker] = (span for span in spans if span.name == "worker.run_batch")
    calls = [span for span in spans if span.kind is SpanKind.CLIENT]
    assert any(span.name.startswith("creating") for span in calls)
    assert {span.context.trace_id for span in (worker, *calls)} == {dag_run.trace_id}
    assert {parent_of(call) for call in calls} == {worker.context.span_id}
    asked = {
        attribute(call, "artificer.request_id"): attribute(call, "http.response.status_code")
        for call in calls
    }
    lines = LINE.findall(llm_engine.log.read_text())
    of_trace = {line[0]: int(line[3]) for line in lines if line[4] == f"{dag_run.trace_id:032x}"}
    assert of_trace == asked, "each call is a line, and each line a call"
    assert ("POST", "/api/batch") in {(line[1], line[2]) for line in lines}


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def attribute(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {})[name]
