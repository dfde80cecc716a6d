"""Living with the deployed engine: what it does oddly, and what our client makes of it (WIRE §3 to §8)."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.scripted_server import Asked, Reply
from support.wire import DONE, answer, job, refusal, standing, trpc_row

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerTimeoutError,
    ConfigurationError,
    ConflictError,
    EngineAnswerError,
    NotCarriedError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from pathlib import Path

    from support.scripted_server import ScriptedServer

START = "/batch.startJob"
SILENCE = Reply(delay=9)
PDF = b"%PDF-1.7\n" + b"x" * 100
READ = {
    "text": "some text",
    "metadata": {"pages": 1, "method": "direct", "hasTextContent": True, "ocrUsed": False},
}


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artificer_provider.client.resources._jobs.FIRST_LOOK", 0.02)
    monkeypatch.setattr("artificer_provider.client.resources._jobs.START_SHOWS_WITHIN", 0.1)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where silence is what a start gets; elsewhere a busy machine has its time to answer."""
    monkeypatch.setattr("artificer_provider.client.resources._jobs.START_TIMEOUT", 0.2)


def starts(server: ScriptedServer) -> int:
    return sum(path in {START, "/api/batch/j1/start"} for path in server.paths)


def said(asked: Asked) -> Any:
    if asked.method == "GET":
        return json.loads(parse_qs(urlsplit(asked.path).query)["input"][0])["json"]
    return json.loads(asked.body)["json"]


@pytest.mark.usefixtures("_impatient")
def test_a_start_does_not_wait_for_the_job(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(standing("PENDING"), SILENCE, standing("PENDING"), standing("RUNNING"))
    begun = time.monotonic()
    assert trpc.batch.start("j1").status is JobStatus.RUNNING
    assert time.monotonic() - begun < 8
    assert starts(server) == 1
    assert len(server.asked) == 4


@pytest.mark.usefixtures("_impatient")
async def test_an_async_start_does_not_wait_for_the_job(server: ScriptedServer) -> None:
    server.will_answer(standing("PENDING"), SILENCE, standing("RUNNING"))
    async with AsyncArtificer(base_url=server.url, dialect="trpc") as client:
        assert (await client.batch.start("j1")).status is JobStatus.RUNNING
    assert starts(server) == 1


@pytest.mark.usefixtures("_impatient")
def test_a_start_that_never_shows_is_a_timeout_of_something_sent(
    server: ScriptedServer, trpc: Artificer
) -> None:
    server.otherwise = lambda asked: SILENCE if asked.path == START else standing("PENDING")
    patient = trpc.with_options(retries=5)
    with pytest.raises(ArtificerTimeoutError, match=r"PENDING still.*do not send another start") as caught:
        patient.batch.start("j1")
    assert caught.value.sent
    assert caught.value.job_id == "j1"
    assert starts(server) == 1


@pytest.mark.parametrize("status", ["RUNNING", "PAUSED", "COMPLETED", "FAILED", "ARCHIVED"])
def test_a_job_beyond_pending_is_sent_no_start(server: ScriptedServer, trpc: Artificer, status: str) -> None:
    server.will_answer(standing(status))
    assert trpc.batch.start("j1").status == status
    assert starts(server) == 0


@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_a_cancelled_job_is_sent_no_start(server: ScriptedServer, dialect: str) -> None:
    server.will_answer(job("CANCELLED") if dialect == "rest" else standing("CANCELLED"))
    with (
        Artificer(base_url=server.url, dialect=dialect) as client,
        pytest.raises(ConflictError, match="cancelled; it was not sent a start") as caught,
    ):
        client.batch.start("j1")
    assert caught.value.job_id == "j1"
    assert not caught.value.retryable
    assert starts(server) == 0


def test_an_error_in_time_is_raised_and_the_start_not_repeated(
    server: ScriptedServer, trpc: Artificer
) -> None:
    server.otherwise = lambda asked: refusal(500, "boom") if asked.path == START else standing("PENDING")
    with pytest.raises(ServerError, match="starting job j1: boom"):
        trpc.with_options(retries=5).batch.start("j1")
    assert starts(server) == 1


def test_a_start_that_was_turned_away_is_not_repeated_either(server: ScriptedServer, trpc: Artificer) -> None:
    server.otherwise = lambda asked: (
        refusal(429, "Rate limit exceeded. Try again in 1 seconds.")
        if asked.path == START
        else standing("PENDING")
    )
    with pytest.raises(RateLimitError):
        trpc.with_options(retries=5).batch.start("j1")
    assert starts(server) == 1


def test_a_start_whose_connection_is_cut_may_have_been_received(
    server: ScriptedServer, trpc: Artificer
) -> None:
    server.will_answer(standing("PENDING"), Reply(cut=True))
    with pytest.raises(ArtificerConnectionError, match="closed the connection") as caught:
        trpc.with_options(retries=5).batch.start("j1")
    assert caught.value.sent
    assert starts(server) == 1


def test_a_start_whose_turn_never_came_was_not_sent(server: ScriptedServer) -> None:
    server.will_answer(standing("PENDING"))
    with (
        Artificer(base_url=server.url, dialect="trpc", rate_budget=1, deadline=5, retries=0) as client,
        pytest.raises(ArtificerTimeoutError, match=r"starting job j1: nothing was sent") as caught,
    ):
        client.batch.start("j1")
    assert not caught.value.sent
    assert starts(server) == 0


def test_a_success_in_time_means_that_the_job_is_looked_up(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(standing("PENDING"), DONE, standing("COMPLETED"))
    assert trpc.batch.start("j1").status is JobStatus.COMPLETED


def test_where_rest_answers_with_the_job_it_is_not_looked_up_again(
    server: ScriptedServer, client: Artificer
) -> None:
    server.will_answer(job("PENDING"), job("RUNNING"))
    assert client.batch.start("j1").status is JobStatus.RUNNING
    assert server.paths == ["/api/batch/j1", "/api/batch/j1/start"]


@pytest.mark.parametrize(
    ("verb", "words", "kind"),
    [
        ("pause", "Operation failed: Cannot pause job in status: PENDING", ConflictError),
        ("resume", "Operation failed: Cannot resume job in status: COMPLETED", ConflictError),
        ("cancel", "Operation failed: Cannot cancel job in status: CANCELLED", ConflictError),
        ("delete", "Operation failed: Cannot delete a running job. Please cancel it first.", ConflictError),
        ("pause", "Operation failed: Cannot read properties of null", ServerError),
        ("cancel", "Conversation not found", NotFoundError),
        ("pause", "Please wait 300s before refreshing again", RateLimitError),
    ],
)
def test_a_500_is_what_its_words_say(
    server: ScriptedServer, trpc: Artificer, verb: str, words: str, kind: type[Exception]
) -> None:
    server.will_answer(refusal(500, words))
    with pytest.raises(kind, match=words) as caught:
        getattr(trpc.with_options(retries=3).batch, verb)("j1")
    assert type(caught.value) is kind
    assert len(server.asked) == 1


def test_a_200_that_says_that_it_failed_is_an_error(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(answer({"success": False, "error": "Project not found"}))
    with pytest.raises(NotFoundError, match="Project not found") as caught:
        trpc.batch.list()
    assert caught.value.status_code == 200
    server.will_answer(answer({"success": False}))
    with pytest.raises(ServerError, match="says that it did not succeed"):
        trpc.batch.list()


def test_how_long_to_wait_is_read_out_of_the_words_of_a_429(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(refusal(429, "Rate limit exceeded. Try again in 60 seconds.", "TOO_MANY_REQUESTS"))
    with pytest.raises(RateLimitError) as caught:
        trpc.batch.list()
    assert caught.value.retry_after == 60
    assert caught.value.retryable
    assert caught.value.code == "TOO_MANY_REQUESTS"


@pytest.mark.parametrize("size", [1, 100, 4095, 4096, 5000])
def test_a_small_pdf_is_padded_where_the_deployed_engine_would_misread_it(
    server: ScriptedServer, trpc: Artificer, client: Artificer, size: int
) -> None:
    pdf = b"%" * size
    server.will_answer(answer(READ), Reply(body=READ))
    trpc.images.process_pdf(pdf, local="never")
    assert b64decode(said(server.asked[0])["pdfData"]) == pdf.ljust(4096, b"\n")
    client.images.process_pdf(pdf, local="never")
    assert b64decode(json.loads(server.asked[1].body)["pdfData"]) == pdf


def test_a_check_that_fits_into_a_url_is_a_query(server: ScriptedServer, trpc: Artificer) -> None:
    found = {
        "needsOCR": True,
        "hasTextContent": False,
        "pages": 2,
        "textLength": 0,
        "estimatedOCRCost": 0.0003,
    }
    server.will_answer(answer(found))
    checked = trpc.images.check_pdf_needs_ocr(b"%" * 11_000)
    assert (checked.needs_ocr, checked.pages, checked.estimated_ocr_cost) == (True, 2, 0.0003)
    assert server.asked[0].method == "GET"
    assert len(server.asked[0].path) < 16_000


@pytest.mark.parametrize(
    ("text", "threshold", "needs_ocr"),
    [("x" * 500, 100, False), ("x" * 500, 1000, True), ("  \n", 100, True)],
)
def test_a_larger_pdf_is_checked_by_reading_it(
    server: ScriptedServer, trpc: Artificer, text: str, threshold: int, *, needs_ocr: bool
) -> None:
    metadata = {"pages": 2, "method": "direct", "hasTextContent": bool(text.strip()), "ocrUsed": False}
    server.will_answer(answer({"text": text, "metadata": metadata}))
    checked = trpc.images.check_pdf_needs_ocr(b"%" * 11_001, threshold)
    assert (server.asked[0].method, server.asked[0].path) == ("POST", "/images.processPdf")
    assert said(server.asked[0])["options"] == {"minTextThreshold": threshold}
    assert checked.needs_ocr is needs_ocr
    assert (checked.pages, checked.text_length) == (2, len(text.strip()))
    assert checked.estimated_ocr_cost == (pytest.approx(0.0003) if needs_ocr else None)


def test_a_pdf_that_was_recognised_to_be_checked_did_need_it(server: ScriptedServer, trpc: Artificer) -> None:
    metadata = {"pages": 2, "method": "hybrid", "hasTextContent": True, "ocrUsed": True}
    server.will_answer(answer({"text": "x" * 500, "metadata": metadata}))
    assert trpc.images.check_pdf_needs_ocr(b"%" * 11_001).needs_ocr


def test_ocr_that_was_forced_and_not_done_is_an_error_and_no_blank_text(
    server: ScriptedServer, trpc: Artificer
) -> None:
    server.will_answer(answer({**READ, "text": "\n\n"}))
    with pytest.raises(EngineAnswerError, match="OCR was asked for") as caught:
        trpc.images.process_pdf(PDF, {"force_ocr": True}, local="never")
    assert caught.value.answer == "\n\n"
    assert said(server.asked[0])["options"] == {"forceOCR": True}


def test_an_absent_value_is_left_out_and_never_null(
    server: ScriptedServer, trpc: Artificer, tmp_path: Path
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    created = {"id": "j", "name": "n", "status": "PENDING", "totalItems": 1}
    server.will_answer(
        answer({"success": True, "job": created}),
        answer({"success": True, "jobs": []}),
        answer({"success": True, "cleanedCount": 0}),
        answer(READ),
        answer({"text": "t"}),
        answer({"chainResults": [], "metadata": {}}),
        answer({"decisions": [], "summary": {"total": 0, "successful": 0}}),
    )
    options = {"concurrency": None, "auto_start": False}
    trpc.batch.create(
        "n", [{"input": "x", "metadata": None}], [{"name": "p", "model": None}], options=options
    )
    trpc.batch.list(status=None)
    trpc.batch.cleanup()
    trpc.images.process_pdf(path, {"min_text_threshold": None}, local="never")
    trpc.images.extract_text_from_image(b"\x89PNG\r\n\x1a\n")
    trpc.orchestration.process_text("t", [{"name": "p", "temperature": None}])
    trpc.orchestration.get_analytics(conversation_id=None)
    assert not [asked for asked in server.asked if "null" in json.dumps(said(asked))]
    assert said(server.asked[0]) == {
        "name": "n",
        "items": [{"input": "x"}],
        "phases": [{"name": "p"}],
        "options": {"autoStart": False},
    }


def test_what_the_wire_does_not_carry_is_none(server: ScriptedServer, trpc: Artificer) -> None:
    nothing = {"costIncurred": 0, "tokensUsed": 0}
    server.will_answer(
        standing("RUNNING", analytics=nothing), answer({"results": [{**trpc_row(0), **nothing}]})
    )
    found = trpc.batch.get("j1")
    assert (found.created_at, found.cost_incurred, found.tokens_used) == (None, None, None)
    row = trpc.batch.get_results("j1")[0]
    assert (row.input, row.metadata) == ("x", {"row": 0})
    assert (row.cost_incurred, row.tokens_used, row.attempts) == (None, None, None)


def test_what_a_newer_engine_counts_is_given(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(standing("RUNNING", analytics={"costIncurred": 0.5, "tokensUsed": 10}))
    found = trpc.batch.get("j1")
    assert (found.cost_incurred, found.tokens_used) == (0.5, 10)


def test_a_row_that_apologises_says_so(server: ScriptedServer, trpc: Artificer) -> None:
    sorry = "Sorry, I encountered an error. Please try again."
    row = {**trpc_row(0), "output": "fine", "phaseOutputs": {"p1": sorry, "p2": "fine"}}
    server.will_answer(answer({"results": [row, trpc_row(1)]}))
    assert [row.is_apology for row in trpc.batch.get_results("j1")] == [True, False]


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({"idempotency_key": "k"}, ["Idempotency-Key"]),
        ({"options": {"max_retries": 2, "in_doubt": "fail"}}, ["options.maxRetries", "options.inDoubt"]),
        (
            {"phases": [{"name": "p"}, {"name": "q", "system_prompt": "s", "temperature": 0.0}]},
            ["phases[1].systemPrompt", "phases[1].temperature"],
        ),
    ],
)
def test_what_the_wire_has_no_field_for_is_refused_by_name(
    server: ScriptedServer, trpc: Artificer, more: dict[str, Any], fields: list[str]
) -> None:
    arguments: dict[str, Any] = {"phases": [{"name": "p"}], **more}
    with pytest.raises(NotCarriedError, match="nothing was sent") as caught:
        trpc.batch.create("n", [{"input": "x"}], **arguments)
    assert list(caught.value.fields) == fields
    assert server.asked == []


def test_a_nul_would_leave_an_orphan_behind_and_is_not_sent(server: ScriptedServer, trpc: Artificer) -> None:
    items: list[dict[str, Any]] = [{"input": "fine"}, {"input": "a\0b", "metadata": {"k\0": ["\0"]}}]
    with pytest.raises(NotCarriedError, match=r"NUL character in items\[1\]\.input") as caught:
        trpc.batch.create("n", items, [{"name": "p"}])
    assert len(caught.value.fields) == 3
    assert server.asked == []


def test_what_only_looks_like_a_nul_is_sent(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(answer({"success": True, "job": {**JOB, "status": "PENDING"}}))
    text = r"a backslash and u0000: \u0000, twice \\u0000"
    trpc.batch.create("n", [{"input": text}], [{"name": "p"}])
    assert said(server.asked[0])["items"] == [{"input": text}]


JOB = {"id": "j1", "name": "n", "totalItems": 1}


async def test_32_calls_are_under_way_at_most(server: ScriptedServer) -> None:
    under_way, most, counting = 0, 0, threading.Lock()

    def count(_: Asked) -> Reply:
        nonlocal under_way, most
        with counting:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with counting:
            under_way -= 1
        return standing("RUNNING")

    server.otherwise = count
    async with AsyncArtificer(base_url=server.url, dialect="trpc", rate_budget=1000) as client:
        await asyncio.gather(*(client.batch.get("j1") for _ in range(100)))
    assert 1 < most <= 32


@pytest.mark.parametrize("offset", [-1, -100])
def test_a_page_cannot_begin_before_the_first_job(
    server: ScriptedServer, trpc: Artificer, offset: int
) -> None:
    with pytest.raises(ConfigurationError, match="offset: is -"):
        trpc.batch.list(offset=offset)
    assert server.asked == []
