"""One batch job that is there already: start, pause, resume, cancel or delete it, or land its rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from artificer_provider.links import JOB_AND_ROWS
from artificer_provider.operators._base import ArtificerOperator

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from artificer_provider.batch.plan import Json
    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJob


class _JobOperator(ArtificerOperator):
    """
    Does something with one job, and gives back how it stands then.

    :param job_id: the job.
    """

    template_fields: Sequence[str] = (*ArtificerOperator.template_fields, "job_id")
    operator_extra_links: Collection[BaseOperatorLink] = JOB_AND_ROWS

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's
        super().__init__(**kwargs)
        self.job_id = job_id

    def pre_execute(self, context: Context) -> None:
        """Show the job beside the links of the task: it is known already."""
        from artificer_provider.operators._shown import show_jobs

        super().pre_execute(context)
        show_jobs(context, self.artificer_conn_id, [self.job_id])

    def execute(self, context: Context) -> dict[str, Json]:
        """Do it; return how the job stands."""
        with self.told_to_airflow(), self.hook.get_conn() as client:
            job = self._act(client, context)
            self.log.info("Job %s is %s.", job.id, job.status)
            return _summary(job)

    def _act(self, client: Artificer, context: Context) -> BatchJob:
        raise NotImplementedError


class ArtificerStartBatchOperator(_JobOperator):
    """
    Start a job that was created and not started. One that runs or ran is left as it is.

    The start is written down before it is sent, and a job id is sent it at most once on an engine that would
    run a second one (WIRE §6.2): a retry that finds the job PENDING after that fails, and says so.

    :param job_id: the job.
    :param artificer_conn_id: the connection to the engine.
    """

    def _act(self, client: Artificer, context: Context) -> BatchJob:
        from artificer_provider.client.states import JobStatus
        from artificer_provider.operators._store import run_store

        store = run_store(context)
        job = client.batch.get(self.job_id)
        if job.status is not JobStatus.PENDING:
            return job
        if client.dialect != "rest" and store.get(_STARTED) == {"job_id": self.job_id}:
            return _arrived(client, self.job_id)
        store.set(_STARTED, {"job_id": self.job_id})
        return client.batch.start(self.job_id)


class ArtificerPauseBatchOperator(_JobOperator):
    """
    Let the items of a job that are under way end, and begin no others. One that is paused is left so.

    :param job_id: the job; the task fails when it has ended, or was never started.
    :param artificer_conn_id: the connection to the engine.
    """

    def _act(self, client: Artificer, context: Context) -> BatchJob:
        from artificer_provider.client.states import JobStatus

        job = client.batch.get(self.job_id)
        return job if job.status is JobStatus.PAUSED else client.batch.pause(self.job_id)


class ArtificerResumeBatchOperator(_JobOperator):
    """
    Go on with a paused job. One that runs is left so. A deployed engine runs some of it again (WIRE §6.4).

    :param job_id: the job; the task fails when it has ended, or was never started.
    :param artificer_conn_id: the connection to the engine.
    """

    def _act(self, client: Artificer, context: Context) -> BatchJob:
        from artificer_provider.client.states import JobStatus

        job = client.batch.get(self.job_id)
        return job if job.status is JobStatus.RUNNING else client.batch.resume(self.job_id)


class ArtificerCancelBatchOperator(_JobOperator):
    """
    End a job for good; what it did so far is kept. One that has ended is left as it is.

    :param job_id: the job.
    :param artificer_conn_id: the connection to the engine.
    """

    def _act(self, client: Artificer, context: Context) -> BatchJob:
        from artificer_provider.client.errors import ConflictError

        job = client.batch.get(self.job_id)
        if job.status.is_terminal:
            return job
        try:
            return client.batch.cancel(self.job_id)
        except ConflictError:  # it ended just before
            return client.batch.get(self.job_id)


class ArtificerDeleteBatchOperator(_JobOperator):
    """
    Remove a job and its rows from the engine. One that is gone already is no failure.

    :param job_id: the job; the task fails while it runs.
    :param artificer_conn_id: the connection to the engine.
    """

    def execute(self, context: Context) -> None:  # type: ignore[override] # there is no job left to tell of
        """Remove it."""
        from artificer_provider.client.errors import NotFoundError

        with self.told_to_airflow(), self.hook.get_conn() as client:
            try:
                client.batch.delete(self.job_id)
            except NotFoundError:
                self.log.info("Job %s is gone already.", self.job_id)
            else:
                self.log.info("Job %s and its rows are deleted.", self.job_id)


class ArtificerGetBatchResultsOperator(_JobOperator):
    """
    Land the rows of a job that something else ran; a short form of the manifest goes to XCom.

    Landed again, the file has the same bytes. The task fails, with all rows landed, when more of them than
    allowed have no good answer.

    :param job_id: the job. What it has by now is landed: wait for its end with
        :class:`~artificer_provider.sensors.batch.ArtificerBatchSensor`.
    :param phases: the names of its phases: a row succeeded when each gave an answer. Without them every row
        is taken at the engine's word, and at its answers not being apologies.
    :param output: the folder for the rows and the manifest, on any object storage that Airflow knows. One
        folder a run: put ``{{ run_id }}`` into it.
    :param output_format: ``jsonl``, ``jsonl.gz``, ``csv`` or ``parquet``.
    :param max_failed: how many rows may be without a good answer: a count, or a share from 0.0 to 1.0.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*_JobOperator.template_fields, "output_path")
    kept = "The job and its rows are kept on the engine."

    def __init__(
        self,
        *,
        output: str,
        phases: Sequence[str] = (),
        output_format: str = "jsonl",
        max_failed: int | float = 0,  # noqa: PYI041 - 1 is one row, 1.0 is all of them
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.output_path = output  # `output` is Airflow's: the XComArg of the task
        self.output_format = output_format
        self.phases = tuple(phases)
        self.max_failed = max_failed
        from artificer_provider.batch.policy import check_max_failed
        from artificer_provider.operators._arguments import check_output

        check_max_failed(max_failed)
        check_output(output, output_format)

    def execute(self, context: Context) -> dict[str, Json]:
        """Land them; return the manifest, in short."""
        from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath

        from artificer_provider.batch.record import Outcome
        from artificer_provider.operators._formats import read_format
        from artificer_provider.operators._landing import Landing
        from artificer_provider.operators._report import Report
        from artificer_provider.operators._result import land_job
        from artificer_provider.operators._told import told

        with self.told_to_airflow():
            settings = self.hook.settings()
        with self.told_to_airflow(), settings.client() as client:
            run = self.run_key(context).digest()
            landing = Landing(ObjectStoragePath(self.output_path), run, read_format(self.output_format))
            landing.prepare()
            manifest, failures = land_job(client, landing, self.job_id, self.phases, self.max_failed)
            place = landing.write_manifest(manifest)
            self.report = Report(lambda: manifest.to_xcom(place), settings.base_url)
            self.log.info("%s", told(manifest, failures, place, None))
        if manifest.outcome != Outcome.SUCCEEDED:
            raise AirflowFailException(
                f"{manifest.items - manifest.counts['succeeded']} of {manifest.items} rows of job "
                f"{self.job_id} have no good answer. First: {'; '.join(failures)}. All are beside {place}."
            )
        return manifest.to_xcom(place)


#: Under it stands the job whose start was sent. Never to be renamed: a retry finds it.
_STARTED = "artificer_start"
_LOOKS = 12
_LOOK_AGAIN = 5.0


def _arrived(client: Artificer, job_id: str) -> BatchJob:
    """Wait for a start that was sent before to show."""
    from artificer_provider.client.errors import ArtificerError
    from artificer_provider.client.states import JobStatus

    for _ in range(_LOOKS):
        job = client.batch.get(job_id)
        if job.status is not JobStatus.PENDING:
            return job
        time.sleep(_LOOK_AGAIN)
    raise ArtificerError(
        f"The start of job {job_id} was sent by an earlier try, and the job is PENDING still. It is not sent "
        "again, since two starts bill twice on this engine: delete the job and create a new one.",
        job_id=job_id,
    )


def _summary(job: BatchJob) -> dict[str, Json]:
    return {
        "job_id": job.id,
        "name": job.name,
        "status": str(job.status),
        "total_items": job.total_items,
        "completed_items": job.completed_items,
        "failed_items": job.failed_items,
        "cost": job.cost_incurred,
    }
