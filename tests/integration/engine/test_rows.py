"""Rows line by line, and what becomes of a reply that cannot be finished."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from support.engine import Engine

LINES = {"Accept": "application/x-ndjson"}


def create(engine: Engine, items: int, chars: int = 10) -> str:
    body = {
        "name": "rows",
        "items": [{"input": f"{n:05d}" + "x" * chars, "metadata": {"n": n}} for n in range(items)],
        "phases": [{"name": "s", "taskType": "summarize"}],
        "options": {"autoStart": False},
    }
    job_id: str = engine.create(body)["id"]
    return job_id


def read_lines(reply: httpx.Response) -> list[dict[str, Any]]:
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.text.splitlines()]


def spoil(engine: Engine, item_index: int) -> None:
    """Make the newest job's row unreadable, as a damaged disk would."""
    with closing(sqlite3.connect(engine.data / "engine.sqlite3")) as connection, connection:
        newest = "(SELECT MAX(number) FROM jobs)"
        done = connection.execute(
            f"UPDATE items SET metadata = '{{' WHERE job = {newest} AND item_index = ?",  # noqa: S608 - ours
            (item_index,),
        )
        assert done.rowcount == 1


def test_rows_come_line_by_line_and_the_last_line_says_that_this_was_all(engine: Engine) -> None:
    job_id = create(engine, 300, chars=1000)
    *rows, end = read_lines(engine.http.get(f"/api/batch/{job_id}/results", headers=LINES))
    assert rows == engine.results(job_id)
    assert [row["itemIndex"] for row in rows] == list(range(300))
    assert end == {"_end": {"rows": 300}}


def test_lines_come_in_pages_too(engine: Engine) -> None:
    job_id = create(engine, 5)
    reply = engine.http.get(f"/api/batch/{job_id}/results?offset=3&limit=1", headers=LINES)
    *rows, end = read_lines(reply)
    assert [row["itemIndex"] for row in rows] == [3]
    assert end == {"_end": {"rows": 1}}
    assert reply.headers["X-Total-Count"] == "5"
    assert "offset=4" in reply.links["next"]["url"]
    beyond = read_lines(engine.http.get(f"/api/batch/{job_id}/results?offset=9", headers=LINES))
    assert beyond == [{"_end": {"rows": 0}}]


def test_an_error_before_the_first_row_is_a_refusal(engine: Engine) -> None:
    reply = engine.http.get("/api/batch/nobody/results", headers=LINES)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
    job_id = create(engine, 2)
    spoil(engine, 0)
    for headers in (LINES, {}):
        reply = engine.http.get(f"/api/batch/{job_id}/results", headers=headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal_error")


def test_an_error_after_the_first_row_is_the_last_line(engine: Engine) -> None:
    job_id = create(engine, 300, chars=1000)
    spoil(engine, 250)
    *rows, last = read_lines(engine.http.get(f"/api/batch/{job_id}/results", headers=LINES))
    assert [row["itemIndex"] for row in rows] == list(range(250))
    assert set(last) == {"_error"}
    assert last["_error"]["code"] == "internal_error"
    assert "250 rows" in last["_error"]["message"]


def test_an_array_that_cannot_be_finished_is_cut(engine: Engine) -> None:
    job_id = create(engine, 300, chars=1000)
    spoil(engine, 250)
    with pytest.raises(httpx.RemoteProtocolError):
        engine.http.get(f"/api/batch/{job_id}/results")
    assert engine.http.get("/health").status_code == 200
