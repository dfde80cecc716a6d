"""A job, from its creation to the verdict over its rows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from artificer_provider.cli import _output
from artificer_provider.cli._errors import ExitCode
from artificer_provider.client.errors import IDEMPOTENCY_KEY, ArtificerError, NotCarriedError
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.progress import Progress, TaskID

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJob, BatchJobResult

#: Seconds between two looks at most. Each is two calls, and a deployed engine takes 100 calls a minute.
LOOK_EVERY = 2.0
#: For who names no time: a year.
FOREVER = 366 * 86_400.0
TOLD_NAME_CHARS = 24


@dataclass(frozen=True)
class Asked:
    """What a job is made of."""

    name: str
    items: Sequence[dict[str, Any]]
    phases: Sequence[dict[str, Any]]
    options: dict[str, Any] = field(default_factory=dict[str, Any])


def create(client: Artificer, asked: Asked) -> BatchJob:
    """Create a job that is not started; where the engine takes a key, a lost reply makes no second one."""
    options = {**asked.options, "auto_start": False}
    key = uuid.uuid4().hex
    try:
        return client.batch.create(
            asked.name, asked.items, asked.phases, options=options, idempotency_key=key
        )
    except NotCarriedError as error:
        if error.fields != (IDEMPOTENCY_KEY,):
            raise
    return client.batch.create(asked.name, asked.items, asked.phases, options=options)


def wait(client: Artificer, job_id: str, timeout: float | None) -> BatchJob:
    """Wait until a job has ended, with bars on a terminal."""
    with _output.progress("failed", "cost") as progress:
        return client.batch.wait(
            job_id,
            timeout=FOREVER if timeout is None else timeout,
            poll_interval=LOOK_EVERY,
            on_progress=_Bars(client, progress),
        )


class _Bars:
    """One bar for the items of a job, and one for each of its phases."""

    def __init__(self, client: Artificer, progress: Progress) -> None:
        self._client = client
        self._progress = progress
        self._tasks: dict[str | None, TaskID] = {}

    def __call__(self, job: BatchJob) -> None:
        if self._progress.disable:
            return
        failed = f"{job.failed_items} failed"
        done = job.completed_items + job.failed_items
        self._show(None, job.name, done, job.total_items, failed, job.cost_incurred)
        try:
            phases = self._client.batch.get_analytics(job.id).phases
        except ArtificerError:
            return  # the bar of the job says enough
        for phase in phases:
            self._show(
                phase.phase, f"  {phase.phase}", phase.items_processed, job.total_items, "", phase.cost
            )

    def _show(  # noqa: PLR0917 - what a bar shows
        self, key: str | None, label: str, done: int, total: int, failed: str, cost: float | None
    ) -> None:
        if key not in self._tasks:
            description = " ".join(_output.plain(label).split("\n"))[:TOLD_NAME_CHARS]
            self._tasks[key] = self._progress.add_task(description, total=total, failed="", cost="")
        self._progress.update(self._tasks[key], completed=done, failed=failed, cost=money(cost))


@dataclass
class Counted:
    """Counts the rows of a job while they pass: COMPLETED is a claim, rows are the proof."""

    phases: Sequence[str]
    succeeded: int = 0
    first_failure: str | None = None

    def passing(self, rows: Iterable[BatchJobResult]) -> Iterator[BatchJobResult]:
        """Hand on rows, counted."""
        from artificer_provider.batch.results import RowStatus, judge, reason

        for row in rows:
            status = judge(row, tuple(self.phases))
            if status is RowStatus.SUCCEEDED:
                self.succeeded += 1
            elif self.first_failure is None:
                self.first_failure = f"item {row.item_index}: {reason(row, status)}"
            yield row


def verdict(job: BatchJob, failed: int, max_failed: int) -> ExitCode:
    """
    Say how a command ends that waited for this job.

    :param failed: items without a good answer.
    """
    if job.status is not JobStatus.COMPLETED:
        return ExitCode.FAILED
    return ExitCode.SOME_FAILED if failed > max_failed else ExitCode.DONE


def money(cost: float | None) -> str:
    """Write US dollars; what is not known is left out."""
    return "" if cost is None else f"${cost:,.4f}"


def to_json(job: BatchJob) -> dict[str, Any]:
    """Write a job as the wire does."""
    return job.model_dump(mode="json", by_alias=True, exclude_none=True)
