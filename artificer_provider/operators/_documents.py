"""What the operators over documents share: files found, read some at once, and landed as they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.links import JOB_AND_ROWS
from artificer_provider.operators._base import ArtificerOperator
from artificer_provider.operators.batch import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from artificer_provider.batch.plan import Item, Json, Work
    from artificer_provider.operators._asked import Asked
    from artificer_provider.operators._document_run import DocumentRun
    from artificer_provider.operators._landing import Landing
    from artificer_provider.operators._ledger import Ledger
    from artificer_provider.operators._readings import Reading


class DocumentOperator(ArtificerOperator):
    """
    Reads documents, some at once, and lands a row for each.

    :param files: a file, a folder or a pattern such as ``s3://inbox/*.pdf``, or a list of these.
    :param output: the folder for rows and manifest, a path or URL on any object storage Airflow knows. One
        folder a run: put ``{{ run_id }}`` into it.
    :param output_format: ``jsonl``, ``jsonl.gz``, ``csv`` or ``parquet``.
    :param concurrency: documents under way at once, 1 to 50.
    :param max_failed: how many documents may fail: a count, or a share from 0.0 to 1.0.
    :param max_cost: US dollars; when it is passed no further document is begun, and the task fails.
    :param on_unknown_cost: what a run with ``max_cost`` does on an engine that does not say what it costs:
        ``fail``, or ``ignore`` and spend without a limit.
    :param retry_failed: how often the documents that failed are done over.
    :param timeout: how long the run may take from its first document on; then no further one is begun, and
        the task fails. A day, or what ``[artificer] timeout`` says.
    :param allow_empty: whether no file at all is no failure.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*ArtificerOperator.template_fields, "files", "output_path")
    operator_extra_links: Collection[BaseOperatorLink] = JOB_AND_ROWS
    kept = "Nothing was read by this try."

    def __init__(
        self,
        *,
        files: str | Sequence[str],
        output: str | None,
        output_format: str = "jsonl",
        concurrency: int = 5,
        max_failed: int | float = 0,  # noqa: PYI041 - 1 is one document, 1.0 is all of them
        max_cost: float | None = None,
        on_unknown_cost: str = "fail",
        retry_failed: int = 0,
        timeout: timedelta = DEFAULT_TIMEOUT,
        allow_empty: bool = False,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.files = files
        self.output_path = output  # `output` is Airflow's: the XComArg of the task
        self.output_format = output_format
        self.allow_empty = allow_empty
        from artificer_provider.batch.chain import read_chaining
        from artificer_provider.batch.policy import read_policy
        from artificer_provider.operators._arguments import check_files, check_output

        check_files(files)
        if output is not None:
            check_output(output, output_format)
        self.concurrency = read_chaining(concurrency, 0).concurrency
        self.policy = read_policy(
            timeout=timeout,
            max_cost=max_cost,
            on_unknown_cost=on_unknown_cost,
            max_failed=max_failed,
            retry_failed=retry_failed,
        )
        self._run: DocumentRun | None = None

    def reads(self) -> Sequence[str]:
        """Name the files, and of a pattern the folder that it begins in."""
        from artificer_provider.operators._files import folder_and_pattern

        named = (self.files,) if isinstance(self.files, str) else self.files
        return [folder_and_pattern(place)[0] for place in named] if isinstance(named, list | tuple) else ()

    def reading(self) -> Reading:
        """
        Say what is done to each document, as the arguments say now, rendered.

        :raises ConfigurationError: naming the argument that makes no sense.
        """
        raise NotImplementedError

    def execute(self, context: Context) -> dict[str, Json]:
        """Read all documents, and land their rows; return the manifest, in short."""
        from artificer_provider.operators._ledger import Ledger
        from artificer_provider.operators._store import run_store

        ledger = Ledger(run_store(context), self.run_key(context))
        return self.landed_in(self.output_path or "", ledger)

    def landed_in(self, output: str, ledger: Ledger) -> dict[str, Json]:
        """
        Read all documents, and land their rows in a folder.

        :param ledger: what earlier tries wrote down.
        :return: the manifest, in short.
        """
        from artificer_provider.operators._document_rows import columns_of
        from artificer_provider.operators._document_run import DocumentRun
        from artificer_provider.operators._formats import read_format
        from artificer_provider.operators._landing import Landing, folder_at
        from artificer_provider.operators._report import report_of

        with self.told_to_airflow():
            reading = self.reading()
            landing = Landing(
                folder_at(output),
                ledger.run.digest(),
                read_format(self.output_format),
                columns_of(reading.columns),
            )
            if output == self.output_path:  # else it ends with this try
                engine = self.hook.settings().base_url
                self.report = report_of(engine, _work_of(reading), ledger, landing)
            items = self._items()
            if not items:
                return self._land_nothing(landing)
            self._run = DocumentRun(
                asked=self._asked(items, reading),
                ledger=ledger,
                landing=landing,
                log=self.log,
                reading=reading,
                hands=self.concurrency,
                permanent=self.permanent(),
            )
        return self._run.to_the_end()

    def _asked(self, items: list[Item], reading: Reading) -> Asked:
        from artificer_provider.batch.layout import Bounds
        from artificer_provider.batch.sources import Listed
        from artificer_provider.operators._asked import Asked

        return Asked(
            source=Listed(items),
            work=_work_of(reading),
            policy=self.policy,
            name=self.task_id,
            conn_id=self.artificer_conn_id,
            bounds=Bounds(),
        )

    def on_kill(self) -> None:
        """Begin no further document. Nothing is to be cancelled: a retry goes on from what was read."""
        if self._run is not None:
            self._run.end_soon()

    def _items(self) -> list[Item]:
        from artificer_provider.client.errors import ConfigurationError
        from artificer_provider.operators._document_run import items_of
        from artificer_provider.operators._files import files_of

        items = items_of(files_of(self.files))
        if not items and not self.allow_empty:
            raise ConfigurationError(
                f"{self.files} matches no file (allow_empty=True makes that no failure)."
            )
        return items

    def _land_nothing(self, landing: Landing) -> dict[str, Json]:
        from artificer_provider.batch.record import Outcome
        from artificer_provider.batch.results import RowStatus
        from artificer_provider.operators._landing import Manifest

        landing.prepare()
        manifest = Manifest(
            run=landing.run,
            path=landing.path,
            outcome=Outcome.SUCCEEDED.value,
            files=[landing.write_rows(0, 1, [])],
            job_ids=[],
            items=0,
            counts={status.value: 0 for status in RowStatus},
            cost=0.0,
            tokens=0,
            models=[],
            rows=0,
        )
        place = landing.write_manifest(manifest)
        self.log.info("%s matches no file: no row by %s.", self.files, place)
        return manifest.to_xcom(place)


def _work_of(reading: Reading) -> Work:
    from artificer_provider.batch.plan import Options, Phase, Work

    return Work((Phase(reading.name, parameters=reading.asked()),), Options())
