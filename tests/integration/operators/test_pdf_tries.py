"""Tries of a task that reads PDFs: what one has read and paid, the next takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from support import pages, pdfs
from support.airflow import Died
from support.connection import NOWHERE, connect
from support.reading import LONG, Reading, counted_reads, text_pdf, times_written
from support.scripted_server import Reply

from artificer_provider.client import pdf as local_pdf

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.scripted_server import ScriptedServer


@pytest.fixture
def run(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """A run whose engine is not there."""
    connect(monkeypatch, NOWHERE)
    return Reading(tmp_path, request.node.name[:80])


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return counted_reads(monkeypatch)


def test_a_try_that_dies_is_followed_by_one_that_reads_only_the_rest(
    run: Reading, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.put(**{f"n{number}_pdf": text_pdf(f"n{number}") for number in range(7)})
    counted = local_pdf.read_pdf

    def dies_at_the_fourth(source: Any, **more: Any) -> Any:
        if len(reads) == 3:
            raise Died
        return counted(source, **more)

    with monkeypatch.context() as patch:
        patch.setattr(local_pdf, "read_pdf", dies_at_the_fourth)
        with pytest.raises(Died):
            run.execute(concurrency=1)
    assert len(times_written(run.output)) == 3
    run.execute()
    assert sorted(reads) == [f"n{number}.pdf" for number in range(7)]
    assert set(times_written(run.output).values()) == {1}
    assert [row["text"].split()[0] for row in run.rows] == [f"n{number}" for number in range(7)]


def test_files_that_come_and_go_between_tries_leave_the_rows_of_the_others(
    run: Reading, reads: list[str]
) -> None:
    run.put(b_pdf=text_pdf("beta"), c_pdf=text_pdf("gamma"), bad_pdf=b"a note", note_pdf=b"only a note")
    with pytest.raises(AirflowFailException):
        run.execute()
    run.put(a_pdf=text_pdf("alpha"), note_pdf=text_pdf("a PDF by now"))
    (run.inbox / "c.pdf").unlink()
    run.execute(concurrency=1, max_failed=1)  # cleared
    assert reads[4:] == ["a.pdf", "note.pdf", "bad.pdf"]
    good = dict.fromkeys(("a.pdf", "b.pdf", "note.pdf"), "succeeded")
    assert run.statuses == {**good, "bad.pdf": "failed"}
    assert run.manifest["items"] == 4


def test_a_cleared_failure_does_over_what_failed_and_a_cleared_success_nothing(
    run: Reading, engine: Engine, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.put(a_pdf=text_pdf("alpha"), b_pdf=b"only a note")
    with pytest.raises(AirflowFailException):
        run.execute()
    with pytest.raises(AirflowFailException):
        run.execute()
    assert sorted(reads) == ["a.pdf", "b.pdf", "b.pdf"]
    run.execute(max_failed=1)
    before = (run.output / "rows-0001-of-0001.jsonl").read_bytes()
    run.execute(max_failed=1)
    assert sorted(reads) == ["a.pdf", "b.pdf", "b.pdf", "b.pdf"]
    assert (run.output / "rows-0001-of-0001.jsonl").read_bytes() == before


def test_other_work_is_not_taken_for_what_was_asked_before(run: Reading, reads: list[str]) -> None:
    run.put(a_pdf=text_pdf("alpha"))
    run.execute()
    run.execute(max_pages=3)
    assert reads == ["a.pdf", "a.pdf"]


def test_an_engine_that_is_not_there_ends_the_try_and_keeps_what_was_read(
    run: Reading, engine: Engine, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.put(a_pdf=text_pdf("alpha"), b_pdf=pages.scan("Lazy dogs."))
    with pytest.raises(AirflowException, match=r"1 rows of this run are written down") as caught:
        run.execute(concurrency=1)
    assert not isinstance(caught.value, AirflowFailException)
    connect(monkeypatch, engine.url)
    run.execute()
    assert reads.count("a.pdf") == 1
    assert run.statuses == {"a.pdf": "succeeded", "b.pdf": "succeeded"}


def test_a_task_that_is_ended_begins_no_further_document(
    run: Reading, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.put(**{f"n{number}_pdf": text_pdf(f"n{number}") for number in range(5)})
    task = run.task(concurrency=1)
    counted = local_pdf.read_pdf

    def ended_at_the_second(source: Any, **more: Any) -> Any:
        if len(reads) == 1:
            task.on_kill()
        return counted(source, **more)

    with monkeypatch.context() as patch:
        patch.setattr(local_pdf, "read_pdf", ended_at_the_second)
        with pytest.raises(AirflowException, match=r"The task was ended.*2 rows of this run"):
            task.execute(run.context)
    run.execute()
    assert sorted(reads) == [f"n{number}.pdf" for number in range(5)]


def test_a_superseded_try_reads_nothing_more(run: Reading, reads: list[str]) -> None:
    run.put(a_pdf=text_pdf("alpha"))
    run.store.superseded = True
    with pytest.raises(RuntimeError, match="Task instance not found"):
        run.execute()
    assert reads == []


def test_a_budget_counts_what_a_try_before_paid(
    run: Reading, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"pages": 1, "method": "ocr", "ocrUsed": True, "ocrCost": 0.02}
    paid = Reply(body={"text": LONG, "metadata": said})
    server.will_answer(paid, paid, Reply(401, {"error": {"code": "unauthorized", "message": "no"}}))
    server.otherwise = lambda _: paid
    connect(monkeypatch, server.url)
    run.put(**{f"n{number}_pdf": pdfs.image_pdf((pdfs.jpeg_image(),)) for number in range(4)})
    with pytest.raises(AirflowFailException, match="2 rows of this run are written down"):
        run.execute(max_cost=0.05, concurrency=1)
    with pytest.raises(AirflowFailException, match="cost more than max_cost"):
        run.execute(max_cost=0.05, concurrency=1)
    assert list(run.statuses.values()) == ["succeeded"] * 3 + ["unprocessed"]
    assert run.manifest["cost"] == pytest.approx(0.06)
