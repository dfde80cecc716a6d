"""How users write it, checked by mypy and pyright in strict mode and never run."""

from __future__ import annotations

from typing import assert_type

from artificer_provider.client import Artificer, AsyncArtificer  # noqa: TC001 - as users import them
from artificer_provider.client.errors import NotFoundError, RateLimitError
from artificer_provider.client.models.batch import BatchJob, BatchJobResult, PhaseConfig
from artificer_provider.client.states import ItemStatus, JobStatus


def use(client: Artificer) -> None:
    job = client.batch.create("name", [{"input": "text"}], [PhaseConfig(name="p", task_type="qa")])
    assert_type(job, BatchJob)
    assert_type(job.status, JobStatus)
    assert_type(client.batch.wait(job.id, timeout=60), BatchJob)
    assert_type(client.batch.list(status=JobStatus.RUNNING), list[BatchJob])
    assert_type(client.batch.delete(job.id), None)
    for row in client.batch.iter_results(job.id):
        assert_type(row, BatchJobResult)
        assert_type(row.status, ItemStatus)
    try:
        client.batch.cancel(job.id)
    except NotFoundError as error:
        assert_type(error.job_id, str | None)
    except RateLimitError as error:
        assert_type(error.retry_after, float | None)


async def use_async(client: AsyncArtificer) -> None:
    job = await client.batch.create("name", [{"input": "text"}], [{"name": "p"}])
    assert_type(job, BatchJob)
    assert_type(await client.batch.wait(job.id, timeout=60), BatchJob)
    async for row in client.batch.iter_results(job.id, page_size=10):
        assert_type(row, BatchJobResult)
