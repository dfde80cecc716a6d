"""Following the changes: nothing is missed, and who cannot be told everything is told so."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from artificer_provider.client.models.batch import BatchItem, BatchOptions, CreateBatchJob, PhaseConfig
from artificer_provider.engine import changes, reads, writes
from artificer_provider.engine.callers import LOCAL_OWNER
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.steps import Action
from artificer_provider.engine.store import Store

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from artificer_provider.client.models.batch import JobChanges

ASKED = CreateBatchJob(
    name="n",
    items=[BatchItem(input="a")],
    phases=[PhaseConfig(name="one")],
    options=BatchOptions(auto_start=False),
)


async def create(store: Store) -> str:
    return (
        await store.write(partial(writes.create_job, asked=ASKED, intent=None, owner=LOCAL_OWNER))
    ).reply.id


async def delete(store: Store, job_id: str) -> None:
    await store.write(partial(writes.delete_job, job_id=job_id, owner=LOCAL_OWNER))


async def cancel(store: Store, job_id: str) -> None:
    await store.write(partial(writes.move_job, job_id=job_id, action=Action.CANCEL, owner=LOCAL_OWNER))


async def since(store: Store, cursor: str, limit: int = 100) -> JobChanges:
    return await store.read(partial(changes.since, cursor=cursor, limit=limit, owner=LOCAL_OWNER))


async def now(store: Store) -> str:
    return (
        await store.read(partial(changes.jobs_and_cursor, filters={}, limit=1, offset=0, owner=LOCAL_OWNER))
    ).cursor


async def age(store: Store, job_id: str) -> None:
    """Make a tombstone as old as those that are forgotten."""
    long_ago = (datetime.now(UTC) - timedelta(days=1, minutes=1)).isoformat(timespec="milliseconds")

    def backdate(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE tombstones SET deleted_at = ? WHERE job_id = ?", (long_ago, job_id))

    await store.write(backdate)


async def test_only_what_changed_is_told_the_oldest_change_first(store: Store) -> None:
    first, second, third = [await create(store) for _ in range(3)]
    cursor = await now(store)
    assert (await since(store, cursor)).jobs == []
    await cancel(store, second)
    await cancel(store, first)
    await delete(store, third)
    told = await since(store, cursor)
    assert [(job.id, job.status) for job in told.jobs] == [(second, "CANCELLED"), (first, "CANCELLED")]
    assert [gone.id for gone in told.deleted] == [third]
    assert not told.has_more
    again = await since(store, told.next_cursor)
    assert (again.jobs, again.deleted, again.next_cursor) == ([], [], told.next_cursor)


async def test_a_page_holds_no_more_than_asked_for_and_leads_to_the_next(store: Store) -> None:
    ids = [await create(store) for _ in range(5)]
    seen: list[str] = []
    cursor, pages = "", 0
    while True:
        told = await since(store, cursor, limit=2)
        assert len(told.jobs) + len(told.deleted) <= 2
        seen += [job.id for job in told.jobs]
        cursor, pages = told.next_cursor, pages + 1
        if not told.has_more:
            break
    assert (seen, pages) == (ids, 3)


async def test_a_reader_that_follows_ends_with_what_a_list_would_say(store: Store) -> None:
    dice = random.Random(4)  # noqa: S311 - the same walk each time
    known: dict[str, str] = {}
    alive: list[str] = []
    cursor = ""
    for _ in range(300):
        act = dice.choice(["create", "cancel", "delete", "read", "read"])
        if act == "create":
            alive.append(await create(store))
        elif act == "cancel" and alive:
            job_id = dice.choice(alive)
            if (await store.read(partial(reads.job, job_id=job_id, owner=LOCAL_OWNER))).status == "PENDING":
                await cancel(store, job_id)
        elif act == "delete" and alive:
            await delete(store, alive.pop(dice.randrange(len(alive))))
        elif act == "read":
            cursor = await follow(store, cursor, known, limit=2)
    for _ in range(200):
        cursor = await follow(store, cursor, known, limit=2)
    listed, _ = await store.read(partial(reads.jobs, filters={}, limit=1000, offset=0, owner=LOCAL_OWNER))
    assert len(listed) > 5
    assert known == {job.id: job.status for job in listed}


async def follow(store: Store, cursor: str, known: dict[str, str], limit: int) -> str:
    told = await since(store, cursor, limit)
    known.update({job.id: job.status for job in told.jobs})
    for gone in told.deleted:
        known.pop(gone.id, None)
    return told.next_cursor


async def test_a_cursor_from_before_a_forgotten_deletion_is_unknown(store: Store) -> None:
    gone, kept = await create(store), await create(store)
    before = await now(store)
    await delete(store, gone)
    after = await now(store)
    await age(store, gone)
    await store.write(changes.forget)
    with pytest.raises(EngineError) as refusal:
        await since(store, before)
    assert (refusal.value.status, refusal.value.code) == (410, "unknown_cursor")
    assert (await since(store, after)).jobs == []
    assert [job.id for job in (await since(store, "")).jobs] == [kept]


async def test_a_reader_that_began_after_a_deletion_catches_up_though_it_is_forgotten(store: Store) -> None:
    ids = [await create(store) for _ in range(3)]
    gone = await create(store)
    await delete(store, gone)
    first = await since(store, "", limit=1)
    assert first.has_more
    await age(store, gone)
    await store.write(changes.forget)
    rest = await since(store, first.next_cursor)
    assert [job.id for job in (*first.jobs, *rest.jobs)] == ids
    assert rest.deleted == []


async def test_a_reader_that_begins_with_nothing_is_not_told_what_was_deleted_before(store: Store) -> None:
    await delete(store, await create(store))
    kept = await create(store)
    told = await since(store, "")
    assert ([job.id for job in told.jobs], told.deleted) == ([kept], [])


async def test_old_tombstones_are_dropped_when_another_job_is_deleted(store: Store) -> None:
    old, new = await create(store), await create(store)
    await delete(store, old)
    await age(store, old)
    await delete(store, new)
    assert [gone.id for gone in (await since(store, await now(store))).deleted] == []

    def tombstones(connection: sqlite3.Connection) -> list[str]:
        return [row["job_id"] for row in connection.execute("SELECT job_id FROM tombstones")]

    assert await store.read(tombstones) == [new]


@pytest.mark.parametrize("cursor", ["x", "%", "é", "0", "a" * 1000, "MTIz", "\ud800"])
async def test_a_cursor_that_is_none_is_unknown(store: Store, cursor: str) -> None:
    with pytest.raises(EngineError, match="list again"):
        await since(store, cursor)


async def test_a_cursor_of_another_database_is_unknown(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other.sqlite3")
    try:
        with pytest.raises(EngineError, match="list again"):
            await since(store, await now(other))
    finally:
        other.close()


async def test_a_cursor_ahead_of_its_database_is_unknown(store: Store) -> None:
    await create(store)
    cursor = changes.Cursor.read(await now(store))
    assert cursor is not None
    ahead = changes.Cursor(cursor.database_id, cursor.position + 1, cursor.settled + 1)
    with pytest.raises(EngineError, match="list again"):
        await since(store, str(ahead))
