"""
Our trigger in the harness that measures how triggers of any provider poll: an engine that tells changes.

It answers as the embedded engine does: lists newest first with the cursor of the moment in a header, changes
since a cursor, single jobs. Its ``handle`` gives header lines as a third value, which the harness's stub
server must send in front of the body.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

NAME = "artificer (rest)"
DEFAULT_POLL_S = 10.0
CONN_ID = "artificer_perf"
DIALECT = "rest"


def connection_env(host: str, port: int, scheme: str) -> dict[str, str]:
    said = {
        "conn_type": "artificer",
        "host": f"{scheme}://{host}:{port}",
        "password": "sk_" + "0" * 64,
        "extra": {"dialect": DIALECT},
    }
    return {f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(said)}


def job_id(number: int) -> str:
    return f"cmwrxux65{number:016d}"


def number_of(an_id: str) -> int:
    return int(an_id[9:])


def row(number: int, jobs: Any) -> dict[str, Any]:
    """Show a job's whole row, as large as a deployed engine's."""
    is_done = jobs.done(number)
    return {
        "id": job_id(number),
        "name": f"dag.task [{number:016x}]",
        "projectId": None,
        "userId": "anonymous",
        "config": {"phases": [{"name": "one"}, {"name": "two"}], "concurrency": 5, "checkpointFrequency": 10},
        "status": "COMPLETED" if is_done else "RUNNING",
        "currentPhase": "two" if is_done else "one",
        "totalItems": 100,
        "completedItems": 100 if is_done else 0,
        "failedItems": 0,
        "checkpoint": None,
        "costIncurred": 0.1,
        "tokensUsed": 1000,
        "startedAt": "2026-11-22T14:35:02.295Z",
        "completedAt": "2026-11-22T14:36:02.295Z" if is_done else None,
        "error": None,
        "createdAt": "2026-11-22T14:35:02.295Z",
        "updatedAt": "2026-11-22T14:35:02.295Z",
    }


def listed(jobs: Any, status: str | None, offset: int, limit: int) -> tuple[list[int], int]:
    """Choose the jobs of a page, newest first, and count those on all pages."""
    numbers = range(jobs.n - 1, -1, -1)
    if status is None:
        return list(numbers[offset : offset + limit]), jobs.n
    found = [number for number in numbers if jobs.done(number) == (status == "COMPLETED")]
    found = found if status in ("COMPLETED", "RUNNING") else []
    return found[offset : offset + limit], len(found)


def handle(method: str, target: str, body: bytes, jobs: Any) -> tuple[int, dict[str, Any] | bytes, str]:
    parts = urlsplit(target)
    asked = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if parts.path != "/api/batch":
        number = number_of(parts.path.rsplit("/", 1)[1])
        if not 0 <= number < jobs.n:
            return 404, {"error": {"message": "There is no such batch job", "code": "not_found"}}, ""
        return 200, row(number, jobs), ""
    if "updatedSince" in asked:
        return 200, changes(asked["updatedSince"], int(asked["limit"]), jobs), ""
    status = asked.get("status")
    found, total = listed(jobs, status, int(asked["offset"]), int(asked["limit"]))
    return (
        200,
        json.dumps([row(number, jobs) for number in found]).encode(),
        (f"X-Total-Count: {total}\r\nX-Next-Cursor: {time.monotonic()!r}\r\n"),
    )


def changes(cursor: str, limit: int, jobs: Any) -> dict[str, Any]:
    """Tell which jobs ended since the moment that the cursor is."""
    moment, _, number = cursor.partition(":")
    # Of jobs that ended at one moment, a page can hold some.
    since, now = (float(moment or jobs.t0 - 1), int(number or jobs.n)), time.monotonic()
    ended = sorted((at, nth) for nth, at in enumerate(jobs.finish) if since < (at, nth) and at <= now)
    told = ended[:limit]
    until = told[-1] if len(ended) > limit else (now, jobs.n)
    return {
        "jobs": [row(number, jobs) for _, number in told],
        "deleted": [],
        "nextCursor": f"{until[0]!r}:{until[1]}",
        "hasMore": len(ended) > limit,
    }


def make_trigger(i: int, poll_s: float) -> Any:
    from artificer_provider.batch.watch import Terms
    from artificer_provider.triggers.batch import ArtificerBatchTrigger

    terms = Terms(poll_s, deadline=time.time() + 86_400, max_stalled=3600.0)
    return ArtificerBatchTrigger.of(CONN_ID, [job_id(i)], terms)


def is_success(payload: dict[str, Any]) -> bool:
    return bool((payload["reason"], payload["status"]) == ("ended", "COMPLETED"))
