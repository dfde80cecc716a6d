from __future__ import annotations

import asyncio
import sqlite3
import threading
from functools import partial
from pathlib import Path

import pytest

from artificer_provider.client.models.batch import BatchItem, BatchOptions, CreateBatchJob, PhaseConfig
from artificer_provider.client.states import JobStatus
from artificer_provider.engine import calls, clock, reads, writes
from artificer_provider.engine.attempts import Asked, Call, Ending, Rules
from artificer_provider.engine.callers import LOCAL_OWNER
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.steps import Action
from artificer_provider.engine.store import Store, UnreadableStoreError

ASKED = CreateBatchJob(
    name="n",
    items=[BatchItem(input="a"), BatchItem(input="b")],
    phases=[PhaseConfig(name="one"), PhaseConfig(name="two")],
    options=BatchOptions(auto_start=True),
)


async def create(store: Store) -> str:
    return (
        await store.write(partial(writes.create_job, asked=ASKED, intent=None, owner=LOCAL_OWNER))
    ).reply.id


RULES = Rules()


def place(item_index: int, phase: int = 0) -> calls.Place:
    return calls.Place(job=1, item_index=item_index, phase=phase, is_last_phase=phase == 1)


def answered(cost: float | None) -> Call:
    return Call(Asked.ANSWER, Ending.ANSWERED, text="x", model="m", cost=cost, tokens=3, duration_ms=1)


async def call(store: Store, at: calls.Place, ended: Call, rules: Rules = RULES) -> float | None:
    begun = await store.write(partial(calls.begin, place=at, rules=rules))
    assert begun is not None
    return await store.write(partial(calls.end, place=at, ended=ended, rules=rules))


async def test_a_job_paused_while_its_last_item_ends_stays_paused(store: Store) -> None:
    job_id = await create(store)
    await store.write(partial(writes.move_job, job_id=job_id, action=Action.PAUSE, owner=LOCAL_OWNER))
    await store.write(partial(writes.end_job, job_id=job_id, status=JobStatus.COMPLETED))
    assert (await store.read(partial(reads.job, job_id=job_id, owner=LOCAL_OWNER))).status is JobStatus.PAUSED


async def test_every_change_of_any_job_has_a_later_revision(store: Store) -> None:
    first, second = await create(store), await create(store)
    seen: list[int] = []
    for job_id, change in (
        (first, partial(writes.enter_phase, number=1, name="one")),
        (second, partial(writes.enter_phase, number=2, name="one")),
        (first, partial(calls.end, place=place(0), ended=answered(0.0), rules=RULES)),
        (first, partial(writes.move_job, job_id=first, action=Action.PAUSE, owner=LOCAL_OWNER)),
        (second, partial(writes.end_job, job_id=second, status=JobStatus.COMPLETED)),
    ):
        await store.write(change)
        revision = (await store.read(partial(reads.job, job_id=job_id, owner=LOCAL_OWNER))).revision
        assert revision is not None
        seen.append(revision)
    assert seen == sorted(set(seen))


async def test_an_answer_is_kept_and_counted_once(store: Store) -> None:
    job_id = await create(store)
    await call(store, place(0), answered(0.5))
    with pytest.raises(sqlite3.IntegrityError):
        await store.write(partial(calls.end, place=place(0), ended=answered(0.5), rules=RULES))
    job = await store.read(partial(reads.job, job_id=job_id, owner=LOCAL_OWNER))
    assert (job.cost_incurred, job.tokens_used) == (0.5, 3)


async def test_a_sum_with_an_unknown_cost_is_unknown(store: Store) -> None:
    job_id = await create(store)
    for item_index, cost in ((0, 0.5), (1, None)):
        await call(store, place(item_index), answered(cost))
    assert (await store.read(partial(reads.job, job_id=job_id, owner=LOCAL_OWNER))).cost_incurred is None
    phases = (await store.read(partial(reads.analytics, job_id=job_id, owner=LOCAL_OWNER))).phases
    assert [(phase.items_processed, phase.cost, phase.tokens) for phase in phases] == [
        (2, None, 6),
        (0, 0.0, 0),
    ]


async def test_a_change_that_fails_half_way_leaves_nothing(store: Store) -> None:
    def half(connection: sqlite3.Connection) -> None:
        writes.create_job(connection, ASKED, None, owner=LOCAL_OWNER)
        raise EngineError(500, "broken", "on purpose")

    with pytest.raises(EngineError):
        await store.write(half)
    found, total = await store.read(partial(reads.jobs, filters={}, limit=1, offset=0, owner=LOCAL_OWNER))
    assert (found, total) == ([], 0)


async def test_changes_that_wait_together_are_committed_together_and_fail_alone(store: Store) -> None:
    """The first keeps the writer busy, so that the others are queued when it is done."""
    began, go_on = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        began.set()
        go_on.wait(10)

    def add(connection: sqlite3.Connection) -> int:
        return clock.next_revision(connection)

    def fail(connection: sqlite3.Connection) -> None:
        clock.next_revision(connection)
        raise EngineError(500, "broken", "on purpose")

    statements: list[str] = []
    first = asyncio.create_task(store.write(hold))
    await asyncio.to_thread(began.wait)
    store._connection.set_trace_callback(lambda statement: statements.append(statement.split(" ")[0]))
    waiting = [asyncio.create_task(store.write(change)) for change in (add, fail, add)]
    await asyncio.sleep(0)
    go_on.set()
    await first
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results[0] == 1
    assert isinstance(results[1], EngineError)
    assert results[2] == 2
    assert statements.count("BEGIN") == 1
    assert statements.count("COMMIT") == 2  # that of the one before them, and one of theirs


async def test_a_transaction_that_is_lost_fails_every_change_in_it(store: Store) -> None:
    def lose(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    waiting = [store.write(clock.next_revision), store.write(lose)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[1], sqlite3.OperationalError)
    revision = await store.write(clock.next_revision)
    assert revision == (2 if results[0] == 1 else 1)  # a change is kept, or its caller was told otherwise


async def test_a_closed_store_refuses_a_change_rather_than_keep_its_caller_waiting(tmp_path: Path) -> None:
    store = Store(tmp_path / "engine.sqlite3")
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        await store.write(clock.next_revision)


async def test_a_call_under_way_is_in_doubt_once_and_its_item_goes_on(store: Store) -> None:
    job_id = await create(store)
    await store.write(partial(calls.begin, place=place(0), rules=RULES))
    assert [await store.write(calls.settle) for _ in range(2)] == [1, 0]
    assert (await store.read(partial(reads.job, job_id=job_id, owner=LOCAL_OWNER))).in_doubt == 1
    await call(store, place(0), answered(0.5))
    job = await store.read(partial(reads.job, job_id=job_id, owner=LOCAL_OWNER))
    assert (job.in_doubt, job.cost_incurred) == (1, 0.5)
    (row,) = await store.read(
        lambda connection: list(reads.results(connection, job_id, [0], owner=LOCAL_OWNER))
    )
    assert (row.attempts, row.in_doubt, row.cost_incurred) == (2, 1, 0.5)


async def test_no_call_begins_in_a_job_that_is_not_running(store: Store) -> None:
    job_id = await create(store)
    await store.write(partial(writes.move_job, job_id=job_id, action=Action.PAUSE, owner=LOCAL_OWNER))
    assert await store.write(partial(calls.begin, place=place(0), rules=RULES)) is None
    await store.write(partial(writes.delete_job, job_id=job_id, owner=LOCAL_OWNER))
    assert await store.write(partial(calls.begin, place=place(0), rules=RULES)) is None


async def test_a_call_of_a_deleted_job_leaves_nothing(store: Store) -> None:
    job_id = await create(store)
    for item_index in (0, 1):
        await store.write(partial(calls.begin, place=place(item_index), rules=RULES))
    await store.write(partial(writes.move_job, job_id=job_id, action=Action.PAUSE, owner=LOCAL_OWNER))
    await store.write(partial(writes.delete_job, job_id=job_id, owner=LOCAL_OWNER))
    failed = Call(Asked.ANSWER, Ending.FAILED, error="no")
    for item_index, ended in ((0, answered(0.5)), (1, failed)):
        change = partial(calls.end, place=place(item_index), ended=ended, rules=Rules(max_retries=1))
        assert await store.write(change) is None

    def left(connection: sqlite3.Connection) -> int:
        query = "SELECT (SELECT COUNT(*) FROM calls) + (SELECT COUNT(*) FROM answers)"
        count: int = connection.execute(query).fetchone()[0]
        return count

    assert await store.read(left) == 0


async def test_the_costs_of_failed_attempts_are_kept_as_they_end(store: Store) -> None:
    job_id = await create(store)
    failed = Call(Asked.ANSWER, Ending.FAILED, error="no", cost=0.25, tokens=1)
    assert await call(store, place(0), failed, Rules(max_retries=1)) is not None
    job = await store.read(partial(reads.job, job_id=job_id, owner=LOCAL_OWNER))
    assert (job.cost_incurred, job.tokens_used) == (0.25, 1)
    analytics = await store.read(partial(reads.analytics, job_id=job_id, owner=LOCAL_OWNER))
    assert (analytics.phases[0].items_processed, analytics.phases[0].cost) == (0, 0.25)
    assert await call(store, place(0), answered(0.5), Rules(max_retries=1)) is None
    job = await store.read(partial(reads.job, job_id=job_id, owner=LOCAL_OWNER))
    assert (job.cost_incurred, job.tokens_used) == (0.75, 4)
    analytics = await store.read(partial(reads.analytics, job_id=job_id, owner=LOCAL_OWNER))
    assert (analytics.phases[0].items_processed, analytics.phases[0].cost) == (1, 0.75)


def test_a_file_of_a_newer_engine_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.sqlite3"
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(UnreadableStoreError, match="version 99"):
        Store(path)


def test_a_file_that_is_no_database_is_not_kept_open(tmp_path: Path) -> None:
    path = tmp_path / "engine.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(UnreadableStoreError, match="no database") as caught:
        Store(path)
    held = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    assert path not in held, caught.value
