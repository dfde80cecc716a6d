"""What the engine keeps: a copy taken while it runs, a file of an older engine, and moves that race."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from support.command import Command
from support.engine import running_engine
from support.waiting import wait_until

from artificer_provider.engine.schema import STEPS

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Ended
    from support.engine import Engine
    from support.model_server import ModelServer

PHASES = [{"name": "one", "systemPrompt": "First."}, {"name": "two", "systemPrompt": "Second."}]


def body(count: int, **options: object) -> dict[str, Any]:
    return {
        "name": "kept",
        "items": [{"input": f"t{n}"} for n in range(count)],
        "phases": PHASES,
        "options": {"concurrency": 4, **options},
    }


def back_up(data: Path, copy: Path) -> Ended:
    return Command(data.parent)("engine", "--data", data, "--backup", copy)


@pytest.mark.slow
def test_a_copy_taken_at_full_speed_is_whole_and_an_engine_goes_on_with_it(
    llm_engine: Engine, model_server: ModelServer, tmp_path: Path
) -> None:
    large = [{"input": f"{n:02}" * 50_000} for n in range(100)]  # many steps of the copy
    llm_engine.create({**body(1, autoStart=False), "items": large})
    job_id = llm_engine.create(body(200))["id"]
    wait_until(lambda: len(model_server.answered) > 50, "the job is under way")
    copy = tmp_path / "copy.sqlite3"
    done = back_up(llm_engine.data, copy)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Copied 2 jobs (")
    assert copy.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.glob("copy.sqlite3*")] == ["copy.sqlite3"]
    llm_engine.wait_for(job_id, "COMPLETED")

    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (status,) = connection.execute("SELECT status FROM jobs WHERE id = ?", (job_id,)).fetchone()
        kept = connection.execute("SELECT COUNT(*) FROM answers").fetchone()[0]
        under_way = connection.execute("SELECT COUNT(*) FROM calls").fetchone()[0]
    assert status == "RUNNING"
    assert 0 < kept < 400
    asked_before = len(model_server.calls)
    other = tmp_path / "other"
    other.mkdir()
    copy.rename(other / "engine.sqlite3")
    with running_engine(other, llm_engine.environment) as engine:
        job = engine.wait_for(job_id, "COMPLETED")
        assert (job["completedItems"], job["inDoubt"]) == (200, under_way)
    assert len(model_server.calls) - asked_before == 400 - kept


def test_a_copy_overwrites_nothing_and_needs_something_to_copy(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    (tmp_path / "cut.partial").write_text("of another")
    for data, copy, hint in (
        (engine.data, tmp_path / "there", "is there already"),
        (engine.data, tmp_path / "cut", "cut.partial"),
        (engine.data, tmp_path / "no" / "such", "Cannot write"),
        (tmp_path / "empty", tmp_path / "new", "has no engine.sqlite3"),
    ):
        done = back_up(data, copy)
        assert (done.code, done.out) == (2, "")
        assert hint in done.err
        assert done.err.count("\n") == 1
    assert (tmp_path / "there").read_text() == "mine"
    assert (tmp_path / "cut.partial").read_text() == "of another"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.partial", "there"]


def test_a_file_that_is_no_database_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "engine.sqlite3").write_bytes(b"no database at all" * 100)
    done = back_up(tmp_path, tmp_path / "copy")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["engine.sqlite3"]


def test_a_job_of_an_older_engine_goes_on_where_it_was(tmp_path: Path, model_server: ModelServer) -> None:
    data = tmp_path / "old"
    data.mkdir()
    now = "2026-01-01T00:00:00.000+00:00"
    with closing(sqlite3.connect(data / "engine.sqlite3", isolation_level=None)) as old:
        old.executescript(f"BEGIN; {STEPS[0]} PRAGMA user_version = 1; COMMIT;")
        old.execute(
            """INSERT INTO jobs (id, name, phases, concurrency, status, total_items, failed_items,
                 tokens_used, created_at, updated_at, revision)
               VALUES ('job_old', 'old', ?, 2, 'RUNNING', 3, 1, 10, ?, ?, 9)""",
            (json.dumps(PHASES), now, now),
        )
        old.executemany(
            "INSERT INTO items (job, item_index, input) VALUES (1, ?, ?)",
            [(n, f"t{n}") for n in range(3)],
        )
        old.executemany(
            """INSERT INTO answers (job, item_index, phase, output, error, model, cost, tokens, duration_ms,
                 ended_at) VALUES (1, ?, 0, ?, ?, ?, NULL, ?, 5, ?)""",
            [(0, ">t0", None, "m", 10, now), (1, None, "it was refused", None, None, now)],
        )
    environment = {"ARTIFICER_ENGINE_LLM_URL": model_server.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    with running_engine(data, environment) as engine:
        job = engine.wait_for("job_old", "COMPLETED")
        rows = engine.results("job_old")
    assert (job["completedItems"], job["failedItems"], job["inDoubt"], job["tokensUsed"]) == (2, 1, 0, 40)
    assert [row["status"] for row in rows] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert rows[0]["phaseOutputs"] == {"one": ">t0", "two": ">>t0"}
    assert rows[1]["errors"][0]["error"] == "it was refused"
    assert Counter(model_server.texts()) == {">t0": 1, "t2": 1, ">t2": 1}


def test_of_a_start_and_a_delete_that_race_exactly_one_wins(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    for _ in range(20):
        job_id = llm_engine.create(body(1, autoStart=False))["id"]
        together = Barrier(2)

        def send(method: str, path: str, together: Barrier = together) -> int:
            http = llm_engine.client()
            together.wait()
            return http.request(method, path).status_code

        with ThreadPoolExecutor(2) as callers:
            start = callers.submit(send, "POST", f"/api/batch/{job_id}/start")
            delete = callers.submit(send, "DELETE", f"/api/batch/{job_id}")
        outcome = (start.result(), delete.result())
        assert outcome in ((200, 409), (404, 204)), outcome
        known = llm_engine.http.get(f"/api/batch/{job_id}")
        assert (known.status_code, known.json().get("status")) == (
            (200, "RUNNING") if outcome == (200, 409) else (404, None)
        )


@pytest.mark.slow
def test_a_job_survives_any_order_of_pauses_resumes_and_kills(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    count = 40
    model_server.delay = 0.02
    job_id = llm_engine.create(body(count))["id"]
    for kept in (5, 20, 45):
        wait_until(lambda kept=kept: len(model_server.answered) > kept, f"{kept} answers")  # type: ignore[misc]  # a default binds it
        llm_engine.act(job_id, "pause").raise_for_status()
        llm_engine.end(signal.SIGKILL)
        llm_engine.start()
        assert llm_engine.job(job_id)["status"] == "PAUSED"
        llm_engine.act(job_id, "resume").raise_for_status()
    job = llm_engine.wait_for(job_id, "COMPLETED")
    assert (job["completedItems"], job["failedItems"]) == (count, 0)
    assert [row["output"] for row in llm_engine.results(job_id)] == [f">>t{n}" for n in range(count)]
    asked = Counter(model_server.texts())
    assert 2 * count <= asked.total() <= 2 * count + job["inDoubt"]
