"""The quirks of procedures: each takes a procedure's answer, and gives one that goes wrong."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from artificer_provider.client.models.batch import BatchJob, BatchOptions, CreateBatchJob
from artificer_provider.client.models.orchestration import (
    ChainConfig,
    PhaseAnswer,
    PhaseMetadata,
    ProcessedText,
    ProcessedTextMetadata,
    ProcessText,
)
from artificer_provider.client.states import ItemStatus, JobStatus
from artificer_provider.engine import orchestration, reads, writes
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.steps import Action
from artificer_provider.engine.trpc import known, shapes
from artificer_provider.engine.trpc.batch import OneJob, admitted, known_job, move_job
from artificer_provider.engine.trpc.deployed_runner import APOLOGY, NOBODY
from artificer_provider.engine.trpc.envelope import UNDEFINED, iso
from artificer_provider.engine.trpc.errors import Code, RefusedError, refused_input
from artificer_provider.engine.trpc.procedures import Answer, Call, Procedure, Rooms, protected, read_input
from artificer_provider.engine.trpc.quirks import Quirk

if TYPE_CHECKING:
    import sqlite3

    from pydantic import JsonValue

    from artificer_provider.client.models.batch import BatchJobResult
    from artificer_provider.client.models.orchestration import ChainPhase
    from artificer_provider.engine.trpc.deployed_runner import DeployedRunner
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Stream

#: Seconds between a job's row and its items: what 10,000 items of 2 KB took (WIRE §5).
ITEMS_LATE = 0.7
CALLS_A_MINUTE = 100
MINUTE = 60.0


class Window:
    """The calls of a minute, counted by caller; the minute begins with a caller's first call."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}

    def count(self, caller: str, now: float) -> tuple[int, float] | None:
        """
        Count a call.

        :param now: seconds on any clock.
        :returns: how many calls are left and how many seconds the minute has; None when there were too many.
        """
        begun, calls = self._windows.get(caller, (now, 0))
        if now - begun >= MINUTE:
            begun, calls = now, 0
        if calls >= CALLS_A_MINUTE:
            return None
        self._windows[caller] = begun, calls + 1
        return CALLS_A_MINUTE - calls - 1, begun + MINUTE - now


class Stage(NamedTuple):
    """What a misbehaving procedure works with."""

    rooms: Rooms
    runner: DeployedRunner
    window: Window


Misbehaviour: TypeAlias = Callable[[Stage, str, Answer], Answer]


def misbehaving(
    procedures: Mapping[str, Procedure], stage: Stage, quirks: frozenset[Quirk]
) -> dict[str, Procedure]:
    """Put the quirks that are on over the procedures they are about."""
    changed = dict(procedures)
    for quirk, names, misbehave in _MISBEHAVIOURS:
        if quirk in quirks:
            for name in names or procedures:
                answer = misbehave(stage, name, changed[name].answer)
                changed[name] = replace(changed[name], answer=answer)
    return changed


def create_row_first(stage: Stage, _name: str, _answer: Answer) -> Answer:
    """Create the row, and its items some time later (WIRE §5)."""
    store = stage.rooms.store

    async def answer(call: Call) -> Value:
        asked = await admitted(stage.rooms, call)
        job = await store.write(partial(_create_row, asked=asked, owner=call.caller.owner))
        await asyncio.sleep(ITEMS_LATE)
        await store.write(partial(_add_items, job_id=job.id, asked=asked))
        if asked.options is None or asked.options.auto_start is not False:
            start = partial(move_job, job_id=job.id, action=Action.START, owner=call.caller.owner)
            _, moved = await store.write(start)
            if moved:
                stage.runner.begin(job.id)
        return shapes.created(job)

    return protected(answer)


def leave_orphan(stage: Stage, _name: str, inner: Answer) -> Answer:
    """Fail at a NUL when the row is there already (WIRE §5)."""

    async def answer(call: Call) -> Value | Stream:
        if not _holds_nul(call.value):
            return await inner(call)
        asked = read_input(CreateBatchJob, call)
        await stage.rooms.store.write(partial(_create_row, asked=asked, owner=call.caller.owner))
        message = "Operation failed: unsupported Unicode escape sequence"
        raise RefusedError(Code.INTERNAL_SERVER_ERROR, message)

    return protected(answer)


def start_zombie(stage: Stage, _name: str, inner: Answer) -> Answer:
    """Let a start run a job that says RUNNING and that nobody runs (WIRE §6.12)."""

    async def answer(call: Call) -> Value | Stream:
        job_id = read_input(OneJob, call).job_id
        find = partial(known_job, job_id=job_id, owner=call.caller.owner)
        job = await stage.rooms.store.read(find)
        if job.status is not JobStatus.RUNNING or stage.runner.is_under_way(job_id):
            return await inner(call)
        stage.runner.begin(job_id)
        return shapes.done("Job started successfully")

    return protected(answer)


def start_again(stage: Stage, _name: str, _answer: Answer) -> Answer:
    """Start from any state, everything, also beside a run under way (WIRE §6)."""

    async def answer(call: Call) -> Value:
        job_id = read_input(OneJob, call).job_id
        await stage.rooms.store.write(partial(_set_running, job_id=job_id, owner=call.caller.owner))
        stage.runner.begin_again(job_id)
        return shapes.done("Job started successfully")

    return protected(answer)


def wait_for_end(stage: Stage, _name: str, inner: Answer) -> Answer:
    """Answer a start when nothing of the job is under way any more (WIRE §6.2)."""

    async def answer(call: Call) -> Value | Stream:
        await inner(call)
        job_id = read_input(OneJob, call).job_id
        while stage.runner.is_under_way(job_id):
            await asyncio.sleep(0.02)
        return shapes.done("Job started successfully")

    return answer


def fail_at_moves(_stage: Stage, _name: str, inner: Answer) -> Answer:
    """Call an illegal move an error of the server (WIRE §2)."""

    async def answer(call: Call) -> Value | Stream:
        try:
            return await inner(call)
        except RefusedError as error:
            if error.code is not Code.CONFLICT:
                raise
            raise RefusedError(Code.INTERNAL_SERVER_ERROR, f"Operation failed: {error.message}") from error

    return answer


def drop_unknown(_stage: Stage, name: str, inner: Answer) -> Answer:
    """Take in silence what is not known, and no null (WIRE §2)."""
    fields = known.FIELDS.get(name)

    async def answer(call: Call) -> Value | Stream:
        if fields is None or call.value is UNDEFINED:
            return await inner(call)
        if nulls := list(known.nulls(call.value, fields, ())):
            raise refused_input(nulls)
        return await inner(replace(call, value=known.only(call.value, fields)))

    return answer


def limit_calls(stage: Stage, _name: str, inner: Answer) -> Answer:
    """Allow so many calls a minute to each ``User-Agent``, with one counter for all procedures (WIRE §3)."""

    async def answer(call: Call) -> Value | Stream:
        allowed = stage.window.count(call.user_agent, time.monotonic())
        if allowed is None:
            raise RefusedError(Code.TOO_MANY_REQUESTS, "Rate limit exceeded. Try again in 60 seconds.")
        left, seconds = allowed
        call.reply_headers["X-RateLimit-Remaining"] = str(left)
        call.reply_headers["X-RateLimit-Reset"] = iso(datetime.now(UTC) + timedelta(seconds=seconds))
        return await inner(call)

    return answer


def flattered(phases: Sequence[str]) -> shapes.Shown:
    """Show an item by the last phase that ended for it: COMPLETED, though more were to come (WIRE §6.3)."""
    places = {name: place for place, name in enumerate(phases)}

    def show(row: BatchJobResult) -> Mapping[str, JsonValue]:
        answered = max((places[name] for name in row.phase_outputs), default=-1)
        failed = max((places[error.phase] for error in row.errors), default=-1)
        shown = shapes.result(row)
        return {**shown, "status": ItemStatus.COMPLETED} if answered > failed else shown

    return show


def apologise(stage: Stage, _name: str, _answer: Answer) -> Answer:
    """Answer with an apology where a phase's model fails (WIRE §8)."""

    async def answer(call: Call) -> Value:
        asked = read_input(ProcessText, call)
        results = [
            await _answer_or_apology(stage.rooms, asked, phase, call.caller.owner)
            for phase in asked.chain_config.phases
        ]
        metadata = ProcessedTextMetadata(
            total_cost=sum(found.metadata.cost or 0.0 for found in results),
            total_time=sum(found.metadata.processing_time or 0.0 for found in results),
            phase_count=len(results),
        )
        done = ProcessedText(chain_results=results, metadata=metadata)
        shown: Value = done.model_dump(mode="json", by_alias=True)
        return shown

    return protected(answer)


async def _answer_or_apology(rooms: Rooms, asked: ProcessText, phase: ChainPhase, owner: str) -> PhaseAnswer:
    alone = asked.model_copy(update={"chain_config": ChainConfig(phases=[phase])})
    try:
        done = await orchestration.process_text(alone, rooms.answerers, rooms.store, owner=owner)
    except EngineError as error:
        if error.status != HTTPStatus.BAD_GATEWAY:
            raise
        nothing = PhaseMetadata(cost=0.0, processing_time=0.0, cache_hit=False)
        return PhaseAnswer(phase=phase.name, response=APOLOGY, model=NOBODY, metadata=nothing)
    return done.chain_results[0]


def _create_row(connection: sqlite3.Connection, asked: CreateBatchJob, owner: str) -> BatchJob:
    """Create a job that says how many items it has, without one of them."""
    options = (asked.options or BatchOptions()).model_copy(update={"auto_start": False})
    empty = asked.model_copy(update={"items": [], "options": options})
    job = writes.create_job(connection, empty, intent=None, owner=owner).reply
    connection.execute("UPDATE jobs SET total_items = ? WHERE id = ?", (len(asked.items), job.id))
    return reads.job(connection, job.id, owner=owner)


def _add_items(connection: sqlite3.Connection, job_id: str, asked: CreateBatchJob) -> None:
    connection.executemany(
        """INSERT INTO items (job, item_index, input, metadata)
           SELECT number, ?, ?, ? FROM jobs WHERE id = ?""",
        (
            (index, item.input, None if item.metadata is None else json.dumps(item.metadata), job_id)
            for index, item in enumerate(asked.items)
        ),
    )


def _set_running(connection: sqlite3.Connection, job_id: str, owner: str) -> None:
    known_job(connection, job_id, owner=owner)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    connection.execute(
        """UPDATE jobs SET status = 'RUNNING', started_at = ?, completed_at = NULL, error = NULL,
             updated_at = ?
           WHERE id = ?""",
        (now, now, job_id),
    )


def _holds_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_nul, value.values()))
    return (
        any(map(_holds_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value
    )


_START, _CREATE = ["batch.startJob"], ["batch.createJob"]
_MOVES = [f"batch.{move}Job" for move in ("start", "pause", "resume", "cancel", "delete")]
#: The quirks of procedures, from the innermost on, and the procedures of each: none named means all.
_MISBEHAVIOURS: Sequence[tuple[Quirk, Iterable[str], Misbehaviour]] = (
    (Quirk.ROW_BEFORE_ITEMS, _CREATE, create_row_first),
    (Quirk.NUL_ORPHAN, _CREATE, leave_orphan),
    (Quirk.APOLOGIES, ["orchestration.processText"], apologise),
    (Quirk.ZOMBIES, _START, start_zombie),
    (Quirk.START_FROM_ANYWHERE, _START, start_again),
    (Quirk.BLOCKING_START, _START, wait_for_end),
    (Quirk.SERVER_ERROR_MOVES, _MOVES, fail_at_moves),
    (Quirk.UNKNOWN_DROPPED, [], drop_unknown),
    (Quirk.RATE_LIMIT, [], limit_calls),
)
