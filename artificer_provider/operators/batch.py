"""Batch jobs in a DAG: create one, or run any number of items to the end and land their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

from airflow.providers.common.compat.sdk import AirflowException, conf

from artificer_provider import configured
from artificer_provider.links import JOB_AND_ROWS
from artificer_provider.operators._base import ArtificerOperator

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    from artificer_provider.batch.plan import Json, Work
    from artificer_provider.batch.sources import Columns, Source
    from artificer_provider.operators._inputs import Items
    from artificer_provider.operators._ledger import Ledger
    from artificer_provider.operators._leg import Leg
    from artificer_provider.operators._run import Run

#: What `[artificer]` says for all DAGs; an argument has the word.
DEFAULT_TIMEOUT = configured.timeout()
DEFAULT_STALLED = configured.max_stalled()
DEFAULT_UNREACHABLE = configured.max_unreachable()
DEFAULT_POLL_INTERVAL = configured.poll_interval()
DEFAULT_PARALLEL_JOBS = configured.max_parallel_jobs()

#: Jobs that a line of the log names at most.
_NAMED = 5

#: What Airflow resumes a task with whose deferral it ended itself, and the reason that means its timeout. The
#: exception for that is not there on 3.1.
_ENDED_BY_AIRFLOW = "__fail__"
_TIMEOUT = "Trigger timeout"


class _BatchOperator(ArtificerOperator):
    """What the batch operators share: arguments checked at parse time, and jobs that are billed once."""

    template_fields: Sequence[str] = (
        *ArtificerOperator.template_fields,
        "job_name",
        "items",
        "phases",
        "prompt",
    )
    operator_extra_links: Collection[BaseOperatorLink] = JOB_AND_ROWS
    kept = "No job was started by this try."

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
        from artificer_provider.operators._arguments import check_work

        check_work(items, phases, options, prompt)
        if isinstance(items, list | tuple):
            # Bulk text is no template: what looks like one in it must not be executed, nor kept by Airflow.
            self.template_fields = tuple(name for name in self.template_fields if name != "items")

    def render_template(self, content: Any, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - BaseOperator's
        """Render a value; of a mapped task Airflow renders the fields of the class, bulk text among them."""
        if content is self.items and "items" not in self.template_fields:
            return content
        return super().render_template(content, *arguments, **more)

    def source(self) -> Source:
        """
        Find where the items come from, as the arguments say now, rendered.

        :raises ConfigurationError: naming the file or the argument.
        """
        from artificer_provider.operators._inputs import source_of

        return source_of(self.items, self.columns())

    def reads(self) -> Sequence[str]:
        """Name where the items are, where they are in files."""
        from artificer_provider.operators._inputs import place_of

        return place_of(self.items)

    def columns(self) -> Columns:
        """
        Read which columns make an item, as the arguments say now, rendered.

        :raises ConfigurationError: when the prompt is no template.
        """
        from artificer_provider.batch.prompt import Prompt
        from artificer_provider.batch.sources import Columns

        kept = None if self.metadata_columns is None else tuple(self.metadata_columns)
        prompt = None if self.prompt is None else Prompt.read(self.prompt)
        return Columns(self.input_column, kept, prompt)

    def work(self) -> Work:
        """
        Read phases and options as they are now, rendered.

        :raises ConfigurationError: naming the phase or the option.
        """
        from artificer_provider.batch.plan import Work, read_options, read_phases

        return Work(read_phases(self.phases), read_options(self.options))

    def work_in_project(self) -> Work:
        """
        Read phases and options, and the project of the connection, which the jobs belong to.

        :raises ConfigurationError: as :meth:`work`, or naming what is wrong with the connection.
        """
        from dataclasses import replace

        return replace(self.work(), project_id=self.project_or(None))

    def ledger(self, context: Context) -> Ledger:
        """Read what earlier legs and tries of this run wrote down."""
        from functools import partial

        from artificer_provider.operators._ledger import Ledger
        from artificer_provider.operators._shown import show_jobs
        from artificer_provider.operators._store import run_store

        return Ledger(run_store(context), self.run_key(context), partial(show_jobs, context))


class ArtificerCreateBatchOperator(_BatchOperator):
    """
    Create a batch job, start it, and go on without waiting; the job id goes to XCom.

    A retry finds the job of the try before and makes no second one, so a kill leaves the job. Wait for it
    with :class:`~artificer_provider.sensors.batch.ArtificerBatchSensor`.

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
        from artificer_provider.operators._leg import create_and_start
        from artificer_provider.operators._report import Report

        with self.told_to_airflow():
            job_id = create_and_start(
                hook=self.hook,
                ledger=self.ledger(context),
                source=self.source(),
                work=self.work_in_project(),
                name=self.job_name,
                log=self.log,
            )
            self.report = Report(lambda: {"job_ids": [job_id], "job_count": 1}, self.hook.settings().base_url)
        return job_id


class ArtificerRunBatchOperator(_BatchOperator):
    """
    Run any number of items through an engine, and land their rows.

    The items are cut into jobs that the engine takes. Each job is created before it is started, and its id is
    kept before each step that can bill: a try that dies is followed by one that goes on with the same jobs.
    What comes back is judged row by row, landed a file for each job with a manifest beside them, and a short
    form of the manifest goes to XCom. The task fails when more items than allowed have no good answer, with
    all rows landed; clear it, and only those are done over.

    :param items: 1 or more inputs: text, or mappings of ``input`` and ``metadata``; or the path of a JSONL,
        CSV or Parquet file, of a folder of text files, or of what another run landed as JSONL, on any object
        storage that Airflow knows, which is read as a stream.
    :param phases: 1 to 10 steps that every item goes through, each given the answer of the one before.
    :param output: the folder for rows and manifest, a path or URL on any object storage Airflow knows. One
        folder a run: put ``{{ run_id }}`` into it.
    :param output_format: ``jsonl``, ``jsonl.gz``, ``csv`` or ``parquet``.
    :param options: ``concurrency`` (1 to 50) and ``checkpoint_frequency``, of each job.
    :param input_column: where a record of the file has its text.
    :param metadata_columns: the columns that come back with the rows; all others unless given.
    :param prompt: what each text is put into: ``Translate to {language}: {text}``.
    :param max_cost: US dollars; when it is passed the jobs are cancelled, what is done is landed, and the
        task fails. A run that would cost more for what is read alone fails before anything is spent.
    :param on_unknown_cost: what a run with ``max_cost`` does on an engine that does not say what it costs:
        ``fail``, or ``ignore`` and spend without a limit.
    :param max_failed: how many items may be without a good answer: a count, or a share from 0.0 to 1.0.
    :param retry_failed: how often the items without a good answer are done over, in a job of their own.
    :param max_parallel_jobs: how many jobs run at once; 4, or what ``[artificer] max_parallel_jobs`` says.
    :param max_items_per_job: items of one job at most, 1 to 10,000.
    :param timeout: how long the run may take from its first job on; then what still runs is cancelled, what
        is done is landed, and the task fails. A day, or what ``[artificer] timeout`` says.
    :param max_stalled: how long a job may run without any change; then it is given up for dead, the rows
        that are done are kept, and the rest goes into a new job. An hour, or what ``[artificer] max_stalled``
        says.
    :param max_unreachable: how long the engine may be out of reach while the jobs run; then this try fails,
        and the next one goes on with them. An hour, or what ``[artificer] max_unreachable`` says.
    :param durable: whether a later try goes on with the jobs of an earlier one; without it they are
        cancelled, and all is paid again.
    :param on_changed_input: what a later try does that finds another input: ``cancel_and_rerun`` or ``fail``.
    :param on_cleared_success: what a cleared task does that had succeeded: ``reuse`` lands the same rows for
        nothing, ``rerun`` pays again.
    :param canary: whether a deployed engine (``trpc``) first gets a job of one item and one phase, whose cost
        is not the run's, once per connection and engine version. When its answer is the engine's apology, as
        of stock engines, the task fails before anything is spent. ``False`` skips it.
    :param fallback: what is done in place of that failure: ``chain`` has each item answered by calls of its
        own, over ``orchestration.processText``.
    :param part: the part of the items that this task runs, where
        :class:`~artificer_provider.operators.sharded.ArtificerPlanPartsOperator` cut them for several.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param poll_interval: seconds between two looks at the jobs; 10, or ``[artificer] poll_interval``.
    :param job_name: what people know the jobs by; an identifying mark is put behind it.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*_BatchOperator.template_fields, "output_path", "part")

    def __init__(
        self,
        *,
        output: str,
        output_format: str = "jsonl",
        max_cost: float | None = None,
        on_unknown_cost: str = "fail",
        max_failed: int | float = 0,  # noqa: PYI041 - 1 is one item, 1.0 is all of them
        retry_failed: int = 0,
        max_parallel_jobs: int = DEFAULT_PARALLEL_JOBS,
        max_items_per_job: int = 10_000,
        timeout: timedelta = DEFAULT_TIMEOUT,
        max_stalled: timedelta = DEFAULT_STALLED,
        durable: bool = True,
        on_changed_input: str = "cancel_and_rerun",
        on_cleared_success: str = "reuse",
        max_unreachable: timedelta = DEFAULT_UNREACHABLE,
        canary: bool = True,
        fallback: str | None = None,
        part: Mapping[str, int] | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.output_path = output  # `output` is Airflow's: the XComArg of the task
        self.output_format = output_format
        self.max_items_per_job = max_items_per_job
        self.part = part
        self.deferrable = deferrable
        self._under_way: Leg | None = None
        from artificer_provider.batch.policy import read_policy
        from artificer_provider.operators._arguments import check_bounds, check_output

        check_output(output, output_format)
        check_bounds(max_items_per_job, "max_items_per_job")
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
            max_unreachable=max_unreachable,
            canary=canary,
            fallback=fallback,
        )

    def source(self) -> Source:
        """Find where the items come from: of a part, only those of it."""
        from artificer_provider.batch.parts import Part, PartOf

        source = super().source()
        return source if self.part is None else PartOf(source, Part.read(self.part))

    def execute(self, context: Context) -> dict[str, Json]:
        """Bring the jobs to run, wait for them (or defer), and land their rows."""
        with self.told_to_airflow():
            return self._leg(context).begin()

    def execute_complete(self, context: Context, event: dict[str, Json]) -> dict[str, Json]:
        """
        Go on after the deferral.

        :param event: what the trigger fired.
        """
        from artificer_provider.batch.watch import Wake

        with self.told_to_airflow():
            return self._leg(context).go_on(Wake.from_json(event))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: ANN401 - BaseOperator's
        """
        Go on after a deferral, or say what became of the jobs where Airflow ended it.

        :raises AirflowException: when its own time for the deferral was over: then the jobs are cancelled; or
            when the trigger failed: then they are left.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            if next_method != _ENDED_BY_AIRFLOW:
                raise
            raise type(error)(self._after((next_kwargs or {}).get("error"), context)) from error

    def _after(self, reason: object, context: Context) -> str:
        if reason != _TIMEOUT:
            return f"{reason}. The jobs were left as they are; a retry goes on with them."
        with self.told_to_airflow():
            return f"{_TIMEOUT}. {self._leg(context).after_timeout()}"

    def on_kill(self) -> None:
        """
        Cancel the jobs when somebody ended the task (marked it failed or success), or its time is over.

        Airflow also calls this when a pod is evicted, a worker is stopped, the task is cleared or its
        ``execution_timeout`` passes: then they are left, and the next try goes on with them.
        """
        if self._under_way is not None and self._under_way.kill is not None:
            self._under_way.kill.handle()

    def _leg(self, context: Context) -> Leg:
        from artificer_provider.batch.layout import Bounds
        from artificer_provider.operators._asked import Asked
        from artificer_provider.operators._formats import read_format
        from artificer_provider.operators._landing import Landing, folder_at
        from artificer_provider.operators._leg import Leg, look_on
        from artificer_provider.operators._report import report_of

        asked = Asked(
            source=self.source(),
            work=self.work_in_project(),
            policy=self.policy,
            name=self.job_name,
            conn_id=self.artificer_conn_id,
            bounds=Bounds(items=self.max_items_per_job),
            first=0 if self.part is None else self.part["first"],
        )
        folder, form = folder_at(self.output_path), read_format(self.output_format)
        ledger, landing = self.ledger(context), Landing(folder, self.run_key(context).digest(), form)
        self.report = report_of(self.hook.settings().base_url, asked.work, ledger, landing)
        self._under_way = Leg(
            asked=asked,
            ledger=ledger,
            landing=landing,
            wait=self._defer if self.deferrable else look_on,
            permanent=self.permanent(),
            task=cast("RuntimeTaskInstance", context["ti"]),
            log=self.log,
        )
        return self._under_way

    def _defer(self, run: Run) -> NoReturn:
        from artificer_provider.triggers.batch import ArtificerBatchTrigger

        jobs = run.running()
        more = f" and {len(jobs) - _NAMED:,} more" if len(jobs) > _NAMED else ""
        self.log.info("The triggerer waits for %d job(s): %s%s.", len(jobs), ", ".join(jobs[:_NAMED]), more)
        trigger = ArtificerBatchTrigger.of(self.artificer_conn_id, jobs, run.terms())
        # No kwargs: `dag.test` drops them, and the rest is in the store and the engine.
        self.defer(trigger=trigger, method_name="execute_complete")
