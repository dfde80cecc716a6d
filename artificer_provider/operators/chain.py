"""Chains in a DAG: any number of items through phases, a call for each, where batch jobs do not serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.operators.batch import DEFAULT_POLL_INTERVAL, DEFAULT_TIMEOUT, _BatchOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from artificer_provider.batch.plan import Json, Work
    from artificer_provider.operators._chain_run import ChainRun


class ArtificerChainOperator(_BatchOperator):
    """
    Put any number of items through phases, a call for each phase, and land their rows as a batch would.

    Each phase is given the answer of the one before. Every row is written down as soon as it is made, and a
    try that dies is followed by one that pays only for what has no row yet. What comes back is judged row by
    row and landed with a manifest, and a short form of that goes to XCom. The task fails when more items than
    allowed have no good answer, with all rows landed; clear it, and only those are done over.

    The task holds its worker until it is done, for the engine has nothing to wait for elsewhere. Use
    :class:`~artificer_provider.operators.batch.ArtificerRunBatchOperator` where the engine's batches serve.

    :param items: 1 or more inputs: text, or mappings of ``input`` and ``metadata``; or the path of a JSONL,
        CSV or Parquet file or of a folder of text files, on any object storage that Airflow knows, which is
        read as a stream.
    :param phases: 1 to 10 steps that every item goes through: ``name`` and ``model``, and either
        ``system_prompt`` and ``temperature``, or ``task_type``, ``use_rag`` and ``validation``, which only
        an engine that speaks ``rest`` takes, and of texts of up to 10,000 characters.
    :param output: the folder for rows and manifest, a path or URL on any object storage Airflow knows. One
        folder a run: put ``{{ run_id }}`` into it.
    :param output_format: ``jsonl``, ``jsonl.gz``, ``csv`` or ``parquet``.
    :param input_column: where a record of the file has its text.
    :param metadata_columns: the columns that come back with the rows; all others unless given.
    :param prompt: what each text is put into: ``Translate to {language}: {text}``.
    :param concurrency: items under way at once, 1 to 50.
    :param min_score: what the last phase's answer must be scored, 0 to 10; one that scores less is no good
        answer. A phase of its own is scored by its ``validation``.
    :param score_retries: how often a phase is asked again whose answer scores too little, beyond what the
        engine does by itself. The best answer is kept, and all are paid.
    :param project_id: the project whose documents a phase with ``use_rag`` looks up.
    :param max_cost: US dollars; when it is passed no further item is begun, and the task fails.
    :param on_unknown_cost: what a run with ``max_cost`` does on an engine that does not say what it costs:
        ``fail``, or ``ignore`` and spend without a limit.
    :param max_failed: how many items may be without a good answer: a count, or a share from 0.0 to 1.0.
    :param retry_failed: how often the items without a good answer are done over.
    :param max_items_per_file: rows of one file at most, 1 to 10,000.
    :param timeout: how long the run may take from its first call on; then no further item is begun, and the
        task fails. A day, or what ``[artificer] timeout`` says.
    :param durable: whether a later try goes on with the rows of an earlier one; without it all is paid again.
    :param on_changed_input: what a later try does that finds another input: ``cancel_and_rerun`` or ``fail``.
    :param on_cleared_success: what a cleared task does that had succeeded: ``reuse`` lands the same rows for
        nothing, ``rerun`` pays again.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (
        *(name for name in _BatchOperator.template_fields if name != "job_name"),
        "output_path",
        "project_id",
    )
    kept = "Nothing was sent by this try."

    def __init__(
        self,
        *,
        output: str,
        output_format: str = "jsonl",
        concurrency: int = 5,
        min_score: float | None = None,
        score_retries: int = 0,
        project_id: str | None = None,
        max_cost: float | None = None,
        on_unknown_cost: str = "fail",
        max_failed: int | float = 0,  # noqa: PYI041 - 1 is one item, 1.0 is all of them
        retry_failed: int = 0,
        max_items_per_file: int = 10_000,
        timeout: timedelta = DEFAULT_TIMEOUT,
        durable: bool = True,
        on_changed_input: str = "cancel_and_rerun",
        on_cleared_success: str = "reuse",
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        if kwargs.get("options") is not None:
            from artificer_provider.client.errors import ConfigurationError

            raise ConfigurationError("options are those of a batch job: a chain has concurrency beside them.")
        super().__init__(**kwargs)
        self.output_path = output  # `output` is Airflow's: the XComArg of the task
        self.output_format = output_format
        self.min_score = min_score
        self.project_id = project_id
        self.max_items_per_file = max_items_per_file
        from artificer_provider.batch.chain import check_work, read_chaining
        from artificer_provider.batch.policy import read_policy
        from artificer_provider.operators._arguments import check_bounds, check_output

        check_output(output, output_format)
        check_bounds(max_items_per_file, "max_items_per_file")
        self.chaining = read_chaining(concurrency, score_retries)
        self.policy = read_policy(
            timeout=timeout,
            poll_interval=DEFAULT_POLL_INTERVAL,
            max_cost=max_cost,
            on_unknown_cost=on_unknown_cost,
            max_failed=max_failed,
            retry_failed=retry_failed,
            max_stalled=DEFAULT_TIMEOUT,
            durable=durable,
            on_changed_input=on_changed_input,
            on_cleared_success=on_cleared_success,
        )
        if isinstance(self.phases, list | tuple):
            check_work(self.work())
        self._run: ChainRun | None = None

    def work(self) -> Work:
        """
        Read phases and project as they are now, rendered.

        :raises ConfigurationError: naming the phase.
        """
        from dataclasses import replace

        from artificer_provider.batch.chain import validated

        work = super().work()
        phases = work.phases if self.min_score is None else validated(work.phases, self.min_score)
        return replace(work, phases=phases, project_id=self.project_id)

    def execute(self, context: Context) -> dict[str, Json]:
        """Work on all items, and land their rows."""
        from artificer_provider.batch.layout import Bounds
        from artificer_provider.operators._asked import Asked
        from artificer_provider.operators._chain_run import ChainRun
        from artificer_provider.operators._formats import read_format
        from artificer_provider.operators._landing import Landing, folder_at
        from artificer_provider.operators._report import report_of

        with self.told_to_airflow():
            asked = Asked(
                source=self.source(),
                work=self.work(),
                policy=self.policy,
                name=self.job_name,
                conn_id=self.artificer_conn_id,
                bounds=Bounds(items=self.max_items_per_file),
            )
            landing = Landing(
                folder_at(self.output_path),
                self.run_key(context).digest(),
                read_format(self.output_format),
            )
            ledger = self.ledger(context)
            self.report = report_of(self.hook.settings().base_url, asked.work, ledger, landing)
            self._run = ChainRun(
                asked=asked,
                ledger=ledger,
                landing=landing,
                log=self.log,
                chaining=self.chaining,
                permanent=self.permanent(),
            )
            return self._run.to_the_end()

    def on_kill(self) -> None:
        """Begin no further item. Nothing is to be cancelled: a retry goes on from what was made."""
        if self._run is not None:
            self._run.end_soon()
