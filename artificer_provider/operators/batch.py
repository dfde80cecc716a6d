"""Batch jobs in a DAG: create one, or run one to the end and land its rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator, conf

from artificer_provider.batch.identity import RunKey
from artificer_provider.batch.items import from_json_lines
from artificer_provider.batch.plan import Plan, read_items, read_options, read_phases
from artificer_provider.batch.results import RowStatus, Tally
from artificer_provider.batch.watch import Progress, Reason, Wake, Watch
from artificer_provider.client.errors import ArtificerError, ConfigurationError, ConflictError
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.operators._errors import told_to_airflow
from artificer_provider.operators._landing import WRONG_PLACE, Landing, Manifest
from artificer_provider.operators._store import run_store
from artificer_provider.operators._submit import Submission
from artificer_provider.triggers.batch import ArtificerBatchTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Context

    from artificer_provider.batch.plan import Item, Json
    from artificer_provider.batch.submit import RunRecord
    from artificer_provider.client import Artificer

#: What a run may take before it is cancelled.
DEFAULT_TIMEOUT = timedelta(hours=24)
DEFAULT_POLL_INTERVAL = 10.0

Items = str | Sequence[object]


class _BatchOperator(BaseOperator):
    """What the batch operators share: arguments checked at parse time, and a job that is billed once."""

    template_fields: Sequence[str] = ("artificer_conn_id", "job_name", "items", "phases")

    def __init__(
        self,
        *,
        items: Items,
        phases: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any] | None = None,
        input_column: str = "input",
        job_name: str = "{{ dag.dag_id }}.{{ task.task_id }}",
        artificer_conn_id: str = ArtificerHook.default_conn_name,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.items = items
        self.phases = phases
        self.options = options
        self.input_column = input_column
        self.job_name = job_name
        self.artificer_conn_id = artificer_conn_id
        read_options(options)
        if isinstance(phases, list | tuple):
            read_phases(phases)
        if isinstance(items, list | tuple):
            read_items(items)
            # Bulk text is no template: what looks like one in it must not be executed, nor kept by Airflow.
            self.template_fields = tuple(name for name in self.template_fields if name != "items")

    @property
    def hook(self) -> ArtificerHook:
        """The connection's hook."""
        return ArtificerHook(self.artificer_conn_id)

    def plan(self) -> Plan:
        """
        Read items, phases and options as they are now, rendered.

        :raises ConfigurationError: naming the item, the phase or the file.
        """
        items = read_items(self._read_file(self.items) if isinstance(self.items, str) else self.items)
        return Plan(items, read_phases(self.phases), read_options(self.options))

    def run_key(self, context: Context) -> RunKey:
        """Say which task instance this is, whatever its try."""
        ti = context["ti"]
        namespace = conf.get("artificer", "namespace", fallback="airflow")
        return RunKey(
            namespace, ti.dag_id, ti.task_id, ti.run_id, -1 if ti.map_index is None else ti.map_index
        )

    def bring_to_run(self, context: Context, client: Artificer) -> RunRecord:
        """Make sure that this run's job runs, or ran."""
        submission = Submission(
            client=client,
            store=run_store(context),
            run=self.run_key(context),
            plan=self.plan(),
            name=self.job_name,
            conn_id=self.artificer_conn_id,
            log=self.log,
        )
        with told_to_airflow(submission.kept):
            return submission.bring_to_run()

    def _read_file(self, path: str) -> list[Item]:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        try:
            with ObjectStoragePath(path).open("r", encoding="utf-8") as file:
                return list(from_json_lines(file, self.input_column, path))
        except (*WRONG_PLACE, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The items cannot be read from {path}: {error}.") from error


class ArtificerCreateBatchOperator(_BatchOperator):
    """
    Create a batch job, start it, and go on without waiting; the job id goes to XCom.

    A retry finds the job of the try before and makes no second one. Wait for the job with
    :class:`~artificer_provider.sensors.batch.ArtificerBatchSensor`.

    :param items: 1 to 10,000 inputs: text, or mappings of ``input`` and ``metadata``; or the path of a file
        of JSON lines, on any object storage Airflow knows.
    :param phases: 1 to 10 steps that every item goes through, each given the answer of the one before.
    :param options: ``concurrency`` (1 to 50) and ``checkpoint_frequency``.
    :param input_column: where a line of the file has its text; all else comes back as the row's metadata.
    :param job_name: what people know the job by; an identifying mark is put behind it.
    :param artificer_conn_id: the connection to the engine.
    """

    def execute(self, context: Context) -> str:
        """Create and start the job; return its id."""
        with told_to_airflow(_nothing_started), self.hook.get_conn() as client:
            return str(self.bring_to_run(context, client).job_id)


class ArtificerRunBatchOperator(_BatchOperator):
    """
    Run a batch job to its end, and land its rows.

    The job is created before it is started, and its id is kept before each step that can bill: a try that
    dies is followed by one that goes on with the same job. What comes back is judged row by row; the rows
    are landed as JSON lines with a manifest beside them, and the manifest goes to XCom. The task fails when
    an item has no good answer, with all rows landed.

    :param items: 1 to 10,000 inputs: text, or mappings of ``input`` and ``metadata``; or the path of a file
        of JSON lines, on any object storage Airflow knows.
    :param phases: 1 to 10 steps that every item goes through, each given the answer of the one before.
    :param output: the folder for rows and manifest, a path or URL on any object storage Airflow knows. One
        folder a run: put ``{{ run_id }}`` into it.
    :param options: ``concurrency`` (1 to 50) and ``checkpoint_frequency``.
    :param input_column: where a line of the file has its text; all else comes back as the row's metadata.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param poll_interval: seconds between two looks at the job.
    :param timeout: how long the job may take from its start; then it is cancelled, what is done is landed,
        and the task fails.
    :param job_name: what people know the job by; an identifying mark is put behind it.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*_BatchOperator.template_fields, "output_path")

    def __init__(
        self,
        *,
        output: str,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        timeout: timedelta = DEFAULT_TIMEOUT,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.output_path = output  # `output` is Airflow's: the XComArg of the task
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        if not output:
            raise ConfigurationError("output is empty: name the folder for the rows.")
        if poll_interval <= 0:
            raise ConfigurationError(f"poll_interval is {poll_interval}: it must be more than 0 seconds.")
        if timeout <= timedelta(0):
            raise ConfigurationError(f"timeout is {timeout}: it must be more than 0.")

    def execute(self, context: Context) -> dict[str, Json]:
        """Bring the job to run, wait for it (or defer), and land its rows."""
        with told_to_airflow(_nothing_started), self.hook.get_conn() as client:
            self._landing(context).prepare()
            watch = self._watch(self.bring_to_run(context, client))
            wake = self._wait(client, watch)
        return self._finish(context, wake)

    def execute_complete(self, context: Context, event: dict[str, Json]) -> dict[str, Json]:
        """
        Go on after the deferral.

        :param event: what the trigger fired.
        """
        return self._finish(context, Wake.from_json(event))

    def _watch(self, record: RunRecord) -> Watch:
        started = record.start_sent_at or time.time()
        deadline = started + self.timeout.total_seconds()
        return Watch(str(record.job_id), poll_interval=self.poll_interval, deadline=deadline)

    def _wait(self, client: Artificer, watch: Watch) -> Wake:
        """Look until it is time to wake; a deferrable task leaves that to the triggerer after one look."""
        progress = Progress()
        while True:
            try:
                job = client.batch.get(watch.job_id)
                decision = watch.on_job(job, time.time())
            except ArtificerError as error:
                self.log.warning("%s", error.message)
                decision = watch.on_error(error, time.time())
            else:
                if line := progress.line(job):
                    self.log.info("Job %s is %s", watch.job_id, line)
            if isinstance(decision, Wake):
                return decision
            if self.deferrable:
                self._defer(watch)
            time.sleep(decision)

    def _defer(self, watch: Watch) -> NoReturn:
        self.log.info("Waiting for job %s in the triggerer.", watch.job_id)
        trigger = ArtificerBatchTrigger(
            self.artificer_conn_id, watch.job_id, self.poll_interval, watch.deadline
        )
        # No kwargs: `dag.test` drops them, and the rest is in the event, the store and the engine.
        self.defer(trigger=trigger, method_name="execute_complete")

    def _finish(self, context: Context, wake: Wake) -> dict[str, Json]:
        if wake.reason in (Reason.GONE, Reason.REFUSED, Reason.UNREACHABLE):
            raise AirflowException(
                f"{wake.message} The watch over job {wake.job_id} ended ({wake.reason}); nothing was landed. "
                "A retry looks for the job again and goes on with it while it is there."
            )
        tally = Tally(tuple(phase.name for phase in read_phases(self.phases)))
        with told_to_airflow(lambda: f"Job {wake.job_id} and its answers are kept."):
            manifest, place = self._land(context, wake, tally)
        self._report(manifest, place)
        if tally.unsuccessful(manifest.items):
            self._record_failure(context)
            raise AirflowFailException(_verdict(wake, tally, manifest.items, place))
        return {**manifest.to_json(), "manifest": place}

    def _land(self, context: Context, wake: Wake, tally: Tally) -> tuple[Manifest, str]:
        landing = self._landing(context)
        with self.hook.get_conn() as client:
            if wake.reason is Reason.DEADLINE:
                self._cancel(client, wake.job_id)
            expected = client.batch.get(wake.job_id).total_items
            rows = landing.write_rows(tally.records(client.batch.iter_results(wake.job_id)))
        manifest = Manifest(
            run=self.run_key(context).digest(),
            path=self.output_path,
            files=[rows],
            job_ids=[wake.job_id],
            items=expected,
            counts={status.value: count for status, count in tally.counts.items()},
            cost=tally.cost,
            tokens=tally.tokens,
            models=sorted(tally.models),
        )
        return manifest, landing.write_manifest(manifest)

    def _record_failure(self, context: Context) -> None:
        store = run_store(context)
        if (record := store.get()) is not None:
            store.set(replace(record, failed=True))

    def _cancel(self, client: Artificer, job_id: str) -> None:
        try:
            client.batch.cancel(job_id)
        except ConflictError:  # it has just ended by itself
            return
        self.log.warning("Job %s took longer than %s and was cancelled.", job_id, self.timeout)

    def _report(self, manifest: Manifest, place: str) -> None:
        counts = ", ".join(f"{count} {status}" for status, count in manifest.counts.items() if count)
        cost = "cost unknown" if manifest.cost is None else f"cost ${manifest.cost:.4f}"
        models = ", ".join(manifest.models) or "no model named"
        self.log.info("%d items: %s; %s; %s; rows by %s.", manifest.items, counts, cost, models, place)

    def _landing(self, context: Context) -> Landing:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        return Landing(ObjectStoragePath(self.output_path), self.run_key(context).digest())


def _nothing_started() -> str:
    return "No job was started by this try."


def _verdict(wake: Wake, tally: Tally, expected: int, place: str) -> str:
    """Say why the run failed, what was kept, and what comes next."""
    why = "took too long and was cancelled" if wake.reason is Reason.DEADLINE else f"ended {wake.status}"
    first = "; ".join(tally.first_failures) or "the engine sent no rows for them"
    return (
        f"{tally.unsuccessful(expected)} of {expected} items have no good answer: job {wake.job_id} {why}. "
        f"First: {first}. All rows are beside {place}, {tally.counts[RowStatus.SUCCEEDED]} of them good. "
        "Airflow does not retry this; clear the task to run the whole batch again."
    )
