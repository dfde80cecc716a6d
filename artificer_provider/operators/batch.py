"""Batch jobs in a DAG: create one, or run any number of items to the end and land their rows."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator, conf

from artificer_provider.batch.identity import RunKey
from artificer_provider.batch.layout import Bounds, lay_out, lot_of
from artificer_provider.batch.plan import Work, checked_item, read_options, read_phases, refuse_one_value
from artificer_provider.batch.policy import OnChangedInput, OnClearedSuccess, OnUnknownCost, read_policy
from artificer_provider.batch.prompt import Prompt
from artificer_provider.batch.record import Outcome
from artificer_provider.batch.sources import Columns, Listed
from artificer_provider.batch.watch import Fleet, Progress, Reason, Wake
from artificer_provider.client import limits
from artificer_provider.client.errors import ArtificerError, ConfigurationError
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.operators._errors import told_to_airflow
from artificer_provider.operators._formats import Format, read_format
from artificer_provider.operators._inputs import Items, source_of
from artificer_provider.operators._landing import Landing, Manifest
from artificer_provider.operators._ledger import Ledger
from artificer_provider.operators._run import Asked, Run
from artificer_provider.operators._store import run_store
from artificer_provider.operators._submit import Submission
from artificer_provider.triggers.batch import ArtificerBatchTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from artificer_provider.batch.plan import Json
    from artificer_provider.batch.sources import Source
    from artificer_provider.client import Artificer

#: What a run may take before it is cancelled.
DEFAULT_TIMEOUT = timedelta(hours=24)
DEFAULT_STALLED = timedelta(hours=1)
DEFAULT_POLL_INTERVAL = 10.0
_TOLD_FAILURES = 5


class _BatchOperator(BaseOperator):
    """What the batch operators share: arguments checked at parse time, and jobs that are billed once."""

    template_fields: Sequence[str] = ("artificer_conn_id", "job_name", "items", "phases", "prompt")

    def __init__(
        self,
        *,
        items: Items,
        phases: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any] | None = None,
        input_column: str = "input",
        metadata_columns: Sequence[str] | None = None,
        prompt: str | None = None,
        job_name: str = "{{ dag.dag_id }}.{{ task.task_id }}",
        artificer_conn_id: str = ArtificerHook.default_conn_name,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.items = items
        self.phases = phases
        self.options = options
        self.input_column = input_column
        self.metadata_columns = metadata_columns
        self.prompt = prompt
        self.job_name = job_name
        self.artificer_conn_id = artificer_conn_id
        read_options(options)
        if isinstance(phases, list | tuple):
            read_phases(phases)
        if prompt is not None and "{{" not in prompt:  # one with a template in it is read when it is rendered
            Prompt.read(prompt)
        if isinstance(items, list | tuple):
            _check_listed(items)
            # Bulk text is no template: what looks like one in it must not be executed, nor kept by Airflow.
            self.template_fields = tuple(name for name in self.template_fields if name != "items")

    @property
    def hook(self) -> ArtificerHook:
        """The connection's hook."""
        return ArtificerHook(self.artificer_conn_id)

    def source(self) -> Source:
        """
        Find where the items come from, as the arguments say now, rendered.

        :raises ConfigurationError: naming the file or the argument.
        """
        kept = None if self.metadata_columns is None else tuple(self.metadata_columns)
        prompt = None if self.prompt is None else Prompt.read(self.prompt)
        return source_of(self.items, Columns(self.input_column, kept, prompt))

    def work(self) -> Work:
        """
        Read phases and options as they are now, rendered.

        :raises ConfigurationError: naming the phase or the option.
        """
        return Work(read_phases(self.phases), read_options(self.options))

    def run_key(self, context: Context) -> RunKey:
        """Say which task instance this is, whatever its try."""
        ti = context["ti"]
        namespace = conf.get("artificer", "namespace", fallback="airflow")
        return RunKey(
            namespace, ti.dag_id, ti.task_id, ti.run_id, -1 if ti.map_index is None else ti.map_index
        )

    def ledger(self, context: Context) -> Ledger:
        """Read what earlier legs and tries of this run wrote down."""
        return Ledger(run_store(context), self.run_key(context))


class ArtificerCreateBatchOperator(_BatchOperator):
    """
    Create a batch job, start it, and go on without waiting; the job id goes to XCom.

    A retry finds the job of the try before and makes no second one. Wait for the job with
    :class:`~artificer_provider.sensors.batch.ArtificerBatchSensor`.

    :param items: 1 to 10,000 inputs: text, or mappings of ``input`` and ``metadata``; or the path of a JSONL,
        CSV or Parquet file or of a folder of text files, on any object storage that Airflow knows.
    :param phases: 1 to 10 steps that every item goes through, each given the answer of the one before.
    :param options: ``concurrency`` (1 to 50) and ``checkpoint_frequency``.
    :param input_column: where a record of the file has its text.
    :param metadata_columns: the columns that come back with the rows; all others unless given.
    :param prompt: what each text is put into: ``Translate to {language}: {text}``.
    :param job_name: what people know the job by; an identifying mark is put behind it.
    :param artificer_conn_id: the connection to the engine.
    """

    def execute(self, context: Context) -> str:
        """Create and start the job; return its id."""
        with told_to_airflow(_nothing_started), self.hook.get_conn() as client:
            source, work, ledger = self.source(), self.work(), self.ledger(context)
            layout = lay_out(source, work, Bounds())
            if len(layout.shards) > 1:
                raise ConfigurationError(
                    f"There are {layout.items:,} items, which is more than one job takes (at most "
                    f"{limits.MAX_ITEMS:,}): ArtificerRunBatchOperator makes several."
                )
            if ledger.header is None or ledger.header.fingerprint != layout.fingerprint:
                ledger.open(self.artificer_conn_id, layout, ledger.next_generation)
            Submission(
                client=client,
                ledger=ledger,
                number=0,
                lot=partial(lot_of, source, layout.shards[0], work),
                work=work,
                name=self.job_name,
                log=self.log,
            ).bring_to_run()
            return str(ledger.shards[0].job_id)


class ArtificerRunBatchOperator(_BatchOperator):
    """
    Run any number of items through an engine, and land their rows.

    The items are cut into jobs that the engine takes. Each job is created before it is started, and its id is
    kept before each step that can bill: a try that dies is followed by one that goes on with the same jobs.
    What comes back is judged row by row, landed a file for each job with a manifest beside them, and a short
    form of the manifest goes to XCom. The task fails when more items than allowed have no good answer, with
    all rows landed; clear it, and only those are done over.

    :param items: 1 or more inputs: text, or mappings of ``input`` and ``metadata``; or the path of a JSONL,
        CSV or Parquet file or of a folder of text files, on any object storage that Airflow knows, which is
        read as a stream.
    :param phases: 1 to 10 steps that every item goes through, each given the answer of the one before.
    :param output: the folder for rows and manifest, a path or URL on any object storage Airflow knows. One
        folder a run: put ``{{ run_id }}`` into it.
    :param output_format: ``jsonl``, ``jsonl.gz``, ``csv`` or ``parquet``.
    :param options: ``concurrency`` (1 to 50) and ``checkpoint_frequency``, of each job.
    :param input_column: where a record of the file has its text.
    :param metadata_columns: the columns that come back with the rows; all others unless given.
    :param prompt: what each text is put into: ``Translate to {language}: {text}``.
    :param max_cost: US dollars; when it is passed the jobs are cancelled, what is done is landed, and the
        task fails.
    :param on_unknown_cost: what a run with ``max_cost`` does on an engine that does not say what it costs:
        ``fail``, or ``ignore`` and spend without a limit.
    :param max_failed: how many items may be without a good answer: a count, or a share from 0.0 to 1.0.
    :param retry_failed: how often the items without a good answer are done over, in a job of their own.
    :param max_parallel_jobs: how many jobs run at once.
    :param max_items_per_job: items of one job at most, 1 to 10,000.
    :param timeout: how long the run may take from its first job on; then what still runs is cancelled, what
        is done is landed, and the task fails.
    :param max_stalled: how long a job may run without any change; then it is given up for dead, the rows
        that are done are kept, and the rest goes into a new job.
    :param durable: whether a later try goes on with the jobs of an earlier one; without it they are
        cancelled, and all is paid again.
    :param on_changed_input: what a later try does that finds another input: ``cancel_and_rerun`` or ``fail``.
    :param on_cleared_success: what a cleared task does that had succeeded: ``reuse`` lands the same rows for
        nothing, ``rerun`` pays again.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param poll_interval: seconds between two looks at the jobs.
    :param job_name: what people know the jobs by; an identifying mark is put behind it.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*_BatchOperator.template_fields, "output_path")

    def __init__(
        self,
        *,
        output: str,
        output_format: str = Format.JSONL,
        max_cost: float | None = None,
        on_unknown_cost: str = OnUnknownCost.FAIL,
        max_failed: int | float = 0,  # noqa: PYI041 - 1 is one item, 1.0 is all of them
        retry_failed: int = 0,
        max_parallel_jobs: int = 4,
        max_items_per_job: int = limits.MAX_ITEMS,
        timeout: timedelta = DEFAULT_TIMEOUT,
        max_stalled: timedelta = DEFAULT_STALLED,
        durable: bool = True,
        on_changed_input: str = OnChangedInput.CANCEL_AND_RERUN,
        on_cleared_success: str = OnClearedSuccess.REUSE,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.output_path = output  # `output` is Airflow's: the XComArg of the task
        self.output_format = output_format
        self.max_items_per_job = max_items_per_job
        self.deferrable = deferrable
        self.policy = read_policy(
            timeout=timeout,
            poll_interval=poll_interval,
            max_parallel_jobs=max_parallel_jobs,
            max_cost=max_cost,
            on_unknown_cost=on_unknown_cost,
            max_failed=max_failed,
            retry_failed=retry_failed,
            max_stalled=max_stalled,
            durable=durable,
            on_changed_input=on_changed_input,
            on_cleared_success=on_cleared_success,
        )
        if not output:
            raise ConfigurationError("output is empty: name the folder for the rows.")
        if not 1 <= max_items_per_job <= limits.MAX_ITEMS:
            raise ConfigurationError(
                f"max_items_per_job is {max_items_per_job}: write 1 to {limits.MAX_ITEMS:,}."
            )
        read_format(output_format)

    def execute(self, context: Context) -> dict[str, Json]:
        """Bring the jobs to run, wait for them (or defer), and land their rows."""
        with told_to_airflow(_nothing_started), self.hook.get_conn() as client:
            landing = self._landing(context)
            landing.prepare()
            run = self._run(context, client, landing)
            with told_to_airflow(run.kept):
                run.begin()
                return self._carry_on(run, landing)

    def execute_complete(self, context: Context, event: dict[str, Json]) -> dict[str, Json]:
        """
        Go on after the deferral.

        :param event: what the trigger fired.
        """
        wake = Wake.from_json(event)
        if wake.reason in (Reason.REFUSED, Reason.UNREACHABLE):
            raise AirflowException(
                f"{wake.message} The watch over job {wake.job_id} ended ({wake.reason}); nothing was landed. "
                "A retry looks for the job again and goes on with it while it is there."
            )
        with told_to_airflow(_nothing_started), self.hook.get_conn() as client:
            landing = self._landing(context)
            run = self._run(context, client, landing)
            with told_to_airflow(run.kept):
                run.resume()
                run.heed(wake)
                return self._carry_on(run, landing)

    def _carry_on(self, run: Run, landing: Landing) -> dict[str, Json]:
        while not run.advance():
            fleet = Fleet(run.running(), run.terms())
            if self.deferrable:
                self._defer(run)
            run.heed(self._wait(run.client, fleet))
        manifest = run.result()
        place = landing.write_manifest(manifest)
        self._report(manifest, place)
        run.end(manifest)
        if manifest.outcome != Outcome.SUCCEEDED:
            raise AirflowFailException(_verdict(manifest, run.first_failures(), place))
        return manifest.to_xcom(place)

    def _wait(self, client: Artificer, fleet: Fleet) -> Wake:
        """Look until it is time to wake."""
        progress = {job_id: Progress() for job_id in fleet.open}
        while True:
            for job_id in fleet.open:
                try:
                    job = client.batch.get(job_id)
                except ArtificerError as error:
                    self.log.warning("%s", error.message)
                    fleet.on_error(job_id, error, time.time())
                    continue
                fleet.on_job(job_id, job, time.time())
                if line := progress[job_id].line(job):
                    self.log.info("Job %s is %s", job_id, line)
            decision = fleet.decide(time.time())
            if isinstance(decision, Wake):
                return decision
            time.sleep(decision)

    def _defer(self, run: Run) -> NoReturn:
        jobs = run.running()
        self.log.info("Waiting for %d job(s) in the triggerer: %s.", len(jobs), ", ".join(jobs[:5]))
        trigger = ArtificerBatchTrigger.of(self.artificer_conn_id, jobs, run.terms())
        # No kwargs: `dag.test` drops them, and the rest is in the store and the engine.
        self.defer(trigger=trigger, method_name="execute_complete")

    def _run(self, context: Context, client: Artificer, landing: Landing) -> Run:
        asked = Asked(
            source=self.source(),
            work=self.work(),
            policy=self.policy,
            name=self.job_name,
            conn_id=self.artificer_conn_id,
            bounds=Bounds(items=self.max_items_per_job),
        )
        return Run(
            client=client,
            clients=lambda conn_id: ArtificerHook(conn_id).get_conn(),
            ledger=self.ledger(context),
            landing=landing,
            asked=asked,
            log=self.log,
        )

    def _landing(self, context: Context) -> Landing:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        run = self.run_key(context).digest()
        return Landing(ObjectStoragePath(self.output_path), run, read_format(self.output_format))

    def _report(self, manifest: Manifest, place: str) -> None:
        counts = ", ".join(f"{count} {status}" for status, count in manifest.counts.items() if count)
        cost = "cost unknown" if manifest.cost is None else f"cost ${manifest.cost:.4f}"
        models = ", ".join(manifest.models) or "no model named"
        self.log.info("%d items: %s; %s; %s; rows by %s.", manifest.items, counts, cost, models, place)


def _check_listed(items: Sequence[object]) -> None:
    refuse_one_value(items, "items")
    for index, read in enumerate(Listed(items).read()):
        checked_item(read.item, f"items[{index}]")
    if not items:
        raise ConfigurationError("There are no items: a batch job needs at least one.")


def _nothing_started() -> str:
    return "No job was started by this try."


_WHY = {
    Outcome.FAILED: "",
    Outcome.BUDGET: "It cost more than max_cost and was cancelled. ",
    Outcome.DEADLINE: "It took too long and was cancelled. ",
    Outcome.UNPRICED: (
        "The engine does not say what it costs, so max_cost cannot be watched, and it was cancelled (set "
        "on_unknown_cost='ignore' to run it without a limit). "
    ),
}


def _verdict(manifest: Manifest, failures: Sequence[str], place: str) -> str:
    """Say why the run failed, what was kept, and what comes next."""
    good = manifest.counts["succeeded"]
    first = "; ".join(failures[:_TOLD_FAILURES]) or "the engine sent no rows for them"
    jobs = ", ".join(manifest.job_ids[:_TOLD_FAILURES]) or "none"
    return (
        f"{manifest.items - good} of {manifest.items} items have no good answer (jobs: {jobs}). "
        f"{_WHY[Outcome(manifest.outcome)]}First: {first}. All rows are beside {place}, {good} of them good. "
        "Airflow does not retry this; clear the task to do over what has no good answer."
    )
