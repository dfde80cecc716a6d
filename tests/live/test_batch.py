"""Batch jobs on a live engine. Two short texts are billed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from support.live import Made, offered

from artificer_provider.client.errors import ConflictError
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from artificer_provider.client import Artificer

ITEMS = [{"input": "The kettle boils. The tea is green."}, {"input": "The train is late."}]
PHASES = [{"name": "summarize", "task_type": "summarize"}]


def create(client: Artificer, made: Made, name: str) -> str:
    with offered("batch jobs"):
        job = client.batch.create(name, ITEMS, PHASES, options={"auto_start": False})

    def remove() -> None:
        with suppress(ConflictError):  # it has ended
            client.batch.cancel(job.id)
        client.batch.delete(job.id)

    made.add(f"job {job.id}", remove)
    return job.id


def test_a_job_is_created_and_listed_and_deleted(client: Artificer, made: Made, name: str) -> None:
    job_id = create(client, made, name)
    job = client.batch.get(job_id)
    assert (job.status, job.total_items) == (JobStatus.PENDING, len(ITEMS))
    assert job_id in {found.id for found in client.batch.find(name)}
    client.batch.delete(job_id)
    assert client.batch.find(name) == []


def test_a_job_runs_to_its_end_and_has_a_row_for_each_item(client: Artificer, made: Made, name: str) -> None:
    job_id = create(client, made, name)
    client.batch.start(job_id)
    done = client.batch.wait(job_id, timeout=300)
    assert done.status is JobStatus.COMPLETED
    rows = client.batch.get_results(job_id)
    assert [row.item_index for row in rows] == [0, 1]
    assert [row.input for row in rows] == [item["input"] for item in ITEMS]
    assert client.batch.get_analytics(job_id).total_items == len(ITEMS)
