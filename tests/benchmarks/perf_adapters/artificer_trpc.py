"""The same against a deployed engine: it tells no changes, and takes 100 calls in a minute."""

from __future__ import annotations

import json
import os
import time
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

rest: Any = import_module(f"{__package__}.artificer_rest")

make_trigger, is_success = rest.make_trigger, rest.is_success
NAME = "artificer (trpc)"
DEFAULT_POLL_S = 10.0
WINDOW, CALLS_A_WINDOW = 60.0, 100
DATES = ("startedAt", "completedAt", "createdAt", "updatedAt")
_calls: dict[Any, list[tuple[float, int]]] = {}


def connection_env(host: str, port: int, scheme: str) -> dict[str, str]:
    found = rest.connection_env(host, port, scheme)
    return {name: value.replace('"rest"', '"trpc"') for name, value in found.items()}


def handle(method: str, target: str, body: bytes, jobs: Any) -> tuple[int, dict[str, Any] | bytes, str]:
    parts = urlsplit(target)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    names = parts.path[1:].split(",")
    said = json.loads(asked["input"])
    inputs = [said.get(str(place), {}) for place in range(len(names))] if "batch" in asked else [said]
    now = time.monotonic()
    window = _calls.setdefault(id(jobs), [])
    left = CALLS_A_WINDOW - sum(calls for moment, calls in window if now - moment < WINDOW)
    window.append((now, len(names)))
    _note(f"{now - jobs.t0:.2f} {len(names)}")
    answers = [
        answer(name, given["json"], jobs)
        if place < left
        else refusal(429, "Rate limit exceeded. Try again in 60 seconds.")
        for place, (name, given) in enumerate(zip(names, inputs, strict=True))
    ]
    statuses = {status for status, _ in answers}
    status = statuses.pop() if len(statuses) == 1 else 207
    texts = [one for _, one in answers]
    return status, json.dumps(texts if "batch" in asked else texts[0]).encode(), ""


def _note(line: str) -> None:
    """Write down when how many calls came, for who wants to know: the harness counts requests."""
    if path := os.environ.get("ARTIFICER_PERF_CALLS"):
        with Path(path).open("a") as file:
            file.write(line + "\n")


def answer(name: str, given: dict[str, Any], jobs: Any) -> tuple[int, dict[str, Any]]:
    if name == "batch.listJobs":
        offset, limit = given.get("offset", 0), given.get("limit", 20)
        found, total = rest.listed(jobs, given.get("status"), offset, limit)
        rows = [rest.row(number, jobs) for number in found]
        dates = {
            f"jobs.{nth}.{name}": ["Date"] for nth, row in enumerate(rows) for name in DATES if row[name]
        }
        value = {"success": True, "jobs": rows, "total": total, "hasMore": offset + limit < total}
        return 200, {"result": {"data": {"json": value, "meta": {"values": dates, "v": 1}}}}
    number = rest.number_of(given["jobId"])
    if not 0 <= number < jobs.n:
        return refusal(404, f"Batch job not found: {given['jobId']}")
    row = rest.row(number, jobs)
    figures = ("totalItems", "completedItems", "failedItems")
    status = {
        **{
            name: row[name]
            for name in ("id", "name", "status", "currentPhase", "startedAt", "completedAt", "error")
        },
        "progress": {**{name: row[name] for name in figures}, "percentComplete": 0},
        "analytics": {"costIncurred": row["costIncurred"], "tokensUsed": row["tokensUsed"]},
    }
    return 200, {"result": {"data": {"json": {"success": True, "status": status}}}}


def refusal(status: int, message: str) -> tuple[int, dict[str, Any]]:
    code = {404: "NOT_FOUND", 429: "TOO_MANY_REQUESTS"}[status]
    data = {"code": code, "httpStatus": status, "message": message}
    return status, {"error": {"json": {"message": message, "code": -32000, "data": data}}}
