"""What the client sends over ``rest`` is what the contract's document takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest
from jsonschema import Draft202012Validator
from support.nouns import LOOKS

from artificer_provider.client._core import (
    ByDialect,
    Client,
    EventsOf,
    Flow,
    Many,
    PagesOf,
    Request,
    RowsOf,
    Then,
)
from artificer_provider.client._listening import Listening
from artificer_provider.client.dialects.rest import RestDialect
from artificer_provider.client.dialects.wire import Body, WireRequest
from artificer_provider.client.resources import Resources
from artificer_provider.client.states import ItemStatus, JobStatus
from artificer_provider.client.streams import EventStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "docs" / "openapi.json").read_text(encoding="utf-8")
)
PNG = b"\x89PNG\r\n\x1a\n0000"


class Recorder(Resources[Client], Client):
    """Keeps the first request of whatever is called, and sends nothing."""

    request: Request[Any]

    def send(self, request: Request[T]) -> T:
        self.request = request
        return cast("T", None)

    def run(self, steps: Flow[T]) -> T:
        step = next(steps)
        step = step.rest if isinstance(step, ByDialect) else step
        assert isinstance(step, Request)
        return cast("T", self.send(step))

    def iterate(self, many: Many[T]) -> Iterator[T]:
        if isinstance(many, Then):
            self.run(many.steps)
        elif isinstance(many, PagesOf):
            self.send(many.request)
        elif isinstance(many, RowsOf):
            self.send(many.at(many.offset))
        yield from ()

    def listen(self, events: EventsOf[T]) -> EventStream[T]:
        self.send(events.request)
        return EventStream((one for one in list[T]()), Listening(events))


ITEMS, PHASES = (
    [{"input": "a", "metadata": {"k": None}}],
    [{"name": "p", "use_rag": False, "temperature": 0.5}],
)
OPTIONS = {"in_doubt": "fail"}
CALLS: dict[str, Callable[[Recorder], object]] = {
    "createBatchJob": lambda c: c.batch.create("n", ITEMS, PHASES, options=OPTIONS, idempotency_key="k"),
    "getBatchJob": lambda c: c.batch.get("j/1"),
    "listBatchJobs": lambda c: c.batch.list(status=JobStatus.RUNNING, name="n", project_id="p", offset=2),
    "pauseBatchJob": lambda c: c.batch.pause("j"),
    "resumeBatchJob": lambda c: c.batch.resume("j"),
    "cancelBatchJob": lambda c: c.batch.cancel("j"),
    "deleteBatchJob": lambda c: c.batch.delete("j"),
    "getBatchResults": lambda c: list(c.batch.iter_results("j", offset=3)),
    "getBatchResults (page)": lambda c: c.batch.get_results_page("j", limit=9, status=ItemStatus.FAILED),
    "getBatchTimeline": lambda c: c.batch.get_timeline("j", points=9),
    "listBatchJobs (page)": lambda c: c.batch.list_page(status=JobStatus.RUNNING, offset=2),
    "getBatchAnalytics": lambda c: c.batch.get_analytics("j"),
    "cleanupCheckpoints": lambda c: c.batch.cleanup(older_than_days=3, status=JobStatus.FAILED),
    "listBatchJobs (changes)": lambda c: c.batch.list_changes("x"),
    "createBatchJob (run)": lambda c: list(c.batch.run("n", ITEMS, PHASES, timeout=1)),
    "listBatchJobs (all)": lambda c: list(c.batch.iter_jobs()),
    "execute": lambda c: c.orchestration.execute("q", validation_config={"enabled": True}),
    "processText": lambda c: c.orchestration.process_text("t", [{"name": "p", "system_prompt": "s"}]),
    "chainChat": lambda c: c.orchestration.chain_chat("c", "hello"),
    "getRoutingAnalytics": lambda c: c.orchestration.get_analytics(limit=3, conversation_id="c"),
    "extractText": lambda c: c.images.extract_text_from_image(PNG),
    "analyzeImage": lambda c: c.images.analyze_image(PNG, prompt="what?"),
    "processPdf": lambda c: c.images.process_pdf(b"%PDF-", {"force_ocr": True}),
    "checkPdf": lambda c: c.images.check_pdf_needs_ocr(b"%PDF-"),
    "listExportFormats": lambda c: c.export.list_formats(),
    "exportConversation": lambda c: c.export.conversation("c", "html", include_costs=False),
    "exportAll": lambda c: c.export.all(include_metadata=True, group_by_conversation=False),
    "getSessionStats": lambda c: c.usage.get_session_stats(),
    "getModelUsage": lambda c: c.usage.get_model_usage(),
    "getModelMonitoring": lambda c: c.monitoring.get_models(),
    "getUsageStats": lambda c: c.monitoring.get_usage(),
    "getHealthStatus": lambda c: c.monitoring.get_health(),
    "getCapabilities": lambda c: c.monitoring.get_capabilities(),
    "checkModelHealth": lambda c: c.monitoring.check_model("m"),
    "listModels": lambda c: c.models.list(provider="openai", limit=3),
    "refreshModels": lambda c: c.models.refresh(),
    "getModelCache": lambda c: c.models.get_cache_status(),
    "selectModel": lambda c: c.models.test_selection({"preferSpeed": True}, show_all=True),
    "listFallbackModels": lambda c: c.models.list_fallback(),
    "greet": lambda c: c.auth.public(),
    "authenticate": lambda c: c.auth.protected(),
    "whoami": lambda c: c.auth.whoami(),
    "streamMessage": lambda c: c.chat.stream("c", "hi", use_rag=False),
    "streamChain": lambda c: c.orchestration.stream("c", "hi"),
    **{name: looks.call for name, looks in LOOKS.items()},
}  # fmt: skip


def sent(call: Callable[[Recorder], object]) -> WireRequest:
    recorder = Recorder()
    call(recorder)
    return RestDialect().encode(recorder.request)


def operation(wire: WireRequest) -> dict[str, Any]:
    """Find what the document says of a call, a fixed path before one with an id in it."""
    for template in sorted(DOCUMENT["paths"], key=lambda path: path.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), wire.path):
            found: dict[str, Any] = DOCUMENT["paths"][template][wire.method.lower()]
            return found
    raise AssertionError(f"the document has no {wire.path}")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_is_one_that_the_document_takes(call: Callable[[Recorder], object]) -> None:
    wire = sent(call)
    described = operation(wire)
    known = {(one["in"], one["name"]) for one in described.get("parameters", [])}
    assert {("query", name) for name in wire.params} <= known
    if "Idempotency-Key" in wire.headers:
        assert ("header", "Idempotency-Key") in known
    if wire.content is None:
        assert "requestBody" not in described
        return
    content = b"".join(wire.content.chunks()) if isinstance(wire.content, Body) else wire.content
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(json.loads(content))


def test_the_document_has_no_operation_that_the_client_lacks() -> None:
    """But for the start, which looks first, the deprecated check with a PDF in its URL, and health."""
    called = {operation(sent(call))["operationId"] for call in CALLS.values()}
    offered = {
        one["operationId"]
        for path in DOCUMENT["paths"].values()
        for one in path.values()
        if not one.get("deprecated")
    }
    assert offered - called == {"startBatchJob", "getHealth"}
