"""What only the rest wire carries: the list of changes, and idempotency keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from support.wires import REST, SYNC, TRPC, finished, open_client

from artificer_provider.client.errors import InvalidRequestError, NotCarriedError, NotFoundError
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJob, JobChanges

ITEMS: list[dict[str, Any]] = [{"input": "one"}, {"input": "two"}]
PHASES: list[dict[str, Any]] = [{"name": "p"}]


def made(client: Artificer, name: str, **more: Any) -> BatchJob:
    return client.batch.create(name, ITEMS, PHASES, options={"auto_start": False}, **more)


def latest(client: Artificer) -> str:
    """Give the cursor beyond all that has happened so far."""
    changes = client.batch.list_changes()
    while changes.has_more:
        changes = client.batch.list_changes(changes.next_cursor)
    return changes.next_cursor


def told(changes: JobChanges) -> list[tuple[str, JobStatus]]:
    return [(job.id, job.status) for job in changes.jobs]


def test_what_changed_since_a_cursor_is_told_the_oldest_change_first(
    rest: Artificer, models: ModelServer, name: str
) -> None:
    cursor = latest(rest)
    first, second = made(rest, name), made(rest, name)
    changes = rest.batch.list_changes(cursor)
    assert told(changes) == [(first.id, JobStatus.PENDING), (second.id, JobStatus.PENDING)]
    finished(rest, rest.batch.start(first.id).id)
    changes = rest.batch.list_changes(changes.next_cursor)
    assert told(changes) == [(first.id, JobStatus.COMPLETED)]
    assert not changes.has_more
    quiet = rest.batch.list_changes(changes.next_cursor)
    assert (quiet.jobs, quiet.deleted) == ([], [])
    assert told(rest.batch.list_changes(cursor)) == [
        (second.id, JobStatus.PENDING),
        (first.id, JobStatus.COMPLETED),
    ]


def test_changes_come_a_page_at_a_time_and_none_is_left_out(rest: Artificer, name: str) -> None:
    cursor = latest(rest)
    ids = [made(rest, name).id for _ in range(5)]
    found: list[str] = []
    more = True
    while more:
        changes = rest.batch.list_changes(cursor, limit=2)
        found += [job.id for job in changes.jobs]
        cursor, more = changes.next_cursor, changes.has_more
    assert found == ids


def test_a_deleted_job_is_told_of(rest: Artificer, name: str) -> None:
    job = made(rest, name)
    cursor = latest(rest)
    rest.batch.delete(job.id)
    changes = rest.batch.list_changes(cursor)
    assert changes.jobs == []
    [gone] = changes.deleted
    assert (gone.id, gone.revision > (job.revision or 0)) == (job.id, True)
    assert job.created_at is not None
    assert gone.deleted_at >= job.created_at


def test_a_cursor_that_the_engine_never_gave_is_not_found(rest: Artificer) -> None:
    with pytest.raises(NotFoundError) as caught:
        rest.batch.list_changes("never-given")
    assert (caught.value.status_code, caught.value.retryable) == (410, False)


def test_a_key_gives_the_first_job_back(rest: Artificer, name: str) -> None:
    first = made(rest, name, idempotency_key=name)
    assert made(rest, name, idempotency_key=name) == first
    assert [job.id for job in rest.batch.find(name)] == [first.id]


def test_a_key_that_comes_with_another_body_is_refused(rest: Artificer, name: str) -> None:
    made(rest, name, idempotency_key=name)
    with pytest.raises(InvalidRequestError) as caught:
        made(rest, f"{name} changed", idempotency_key=name)
    assert (caught.value.status_code, caught.value.code) == (422, "idempotency_mismatch")
    assert not caught.value.retryable


def test_a_key_whose_job_was_deleted_makes_no_other(rest: Artificer, name: str) -> None:
    rest.batch.delete(made(rest, name, idempotency_key=name).id)
    with pytest.raises(NotFoundError) as caught:
        made(rest, name, idempotency_key=name)
    assert caught.value.status_code == 410
    assert rest.batch.find(name) == []


def test_calls_with_one_key_at_the_same_time_make_one_job(honest: Engine, name: str) -> None:
    with open_client(SYNC, honest.url, TRPC) as looking, ThreadPoolExecutor(8) as callers:

        def call(_: int) -> str:
            # With retries: a call that comes while the first is still under way is told to wait.
            with open_client(SYNC, honest.url, REST, retries=5) as client:
                return made(client, name, idempotency_key=name).id

        ids = set(callers.map(call, range(8)))
        assert {job.id for job in looking.batch.find(name)} == ids
    assert len(ids) == 1


def test_a_run_that_is_made_again_under_its_key_pays_once(
    rest: Artificer, models: ModelServer, name: str
) -> None:
    def run() -> list[str | None]:
        rows = rest.batch.run(name, ITEMS, PHASES, timeout=30, poll_interval=0.02, idempotency_key=name)
        return [row.output for row in rows]

    assert run() == run() == [">one", ">two"]
    assert sorted(models.texts()) == ["one", "two"]


def test_neither_is_carried_by_trpc(kind: str, honest: Engine, name: str) -> None:
    with open_client(kind, honest.url, TRPC) as client:
        with pytest.raises(NotCarriedError) as caught:
            client.batch.list_changes()
        assert caught.value.fields == ("updatedSince",)
        with pytest.raises(NotCarriedError) as caught:
            made(client, name, idempotency_key="k")
        assert caught.value.fields == ("Idempotency-Key",)
