"""An input too large for one task: cut into parts, run by as many mapped tasks, gathered in one manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import TaskGroup, conf

from artificer_provider.links import JOB_AND_ROWS
from artificer_provider.operators._base import ArtificerOperator
from artificer_provider.operators.batch import ArtificerRunBatchOperator

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context, XComArg

    from artificer_provider.batch.plan import Json

#: What Airflow maps a task over at most, unless it is configured otherwise.
_MAX_MAP_LENGTH = 1024


class ArtificerPlanPartsOperator(ArtificerOperator):
    """
    Cut a file or a folder into parts for mapped tasks; the parts, three numbers each, go to XCom.

    :param items: the path, as the run operator takes it.
    :param tasks: how many parts at most, under Airflow's ``[core] max_map_length``.
    :param input_column: where a record of the file has its text.
    """

    template_fields: Sequence[str] = (*ArtificerOperator.template_fields, "items")

    def __init__(self, *, items: str, tasks: int, input_column: str = "input", **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's
        super().__init__(**kwargs)
        self.items = items
        self.tasks = tasks
        self.input_column = input_column
        most = conf.getint("core", "max_map_length", fallback=_MAX_MAP_LENGTH)
        if not 1 <= tasks <= most:
            from artificer_provider.client.errors import ConfigurationError

            raise ConfigurationError(f"tasks is {tasks}: write 1 to {most}, Airflow's [core] max_map_length.")

    def reads(self) -> Sequence[str]:
        """Name the file or folder."""
        from artificer_provider.operators._inputs import place_of

        return place_of(self.items)

    def execute(self, context: Context) -> list[dict[str, Json]]:
        """Read the input once; return the parts."""
        from artificer_provider.batch.parts import cut_into
        from artificer_provider.batch.sources import Columns
        from artificer_provider.operators._inputs import source_of

        with self.told_to_airflow():
            # Without the columns that come back: those are checked by the tasks that read them.
            parts = cut_into(source_of(self.items, Columns(self.input_column, ())), self.tasks)
        self.log.info("%d items in %d parts.", parts[-1].first + parts[-1].count, len(parts))
        return [part.to_json() for part in parts]


class ArtificerGatherOperator(ArtificerOperator):
    """
    Put the manifests of mapped runs together, in one manifest that names all of them.

    :param manifests: what the runs left in XCom.
    :param output: the folder of the one manifest.
    """

    template_fields: Sequence[str] = (*ArtificerOperator.template_fields, "manifests", "output_path")
    operator_extra_links: Collection[BaseOperatorLink] = JOB_AND_ROWS

    def __init__(
        self,
        *,
        manifests: Iterable[Mapping[str, Json]],
        output: str,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.manifests = manifests
        self.output_path = output

    def execute(self, context: Context) -> dict[str, Json]:
        """Write the manifest; return it without the list of the others."""
        from artificer_provider.operators._gathered import gathered, write_gathered
        from artificer_provider.operators._landing import folder_at
        from artificer_provider.operators._report import Report

        with self.told_to_airflow():
            whole = gathered(self.manifests)
            place = write_gathered(whole, folder_at(self.output_path))
        self.report = Report(lambda: {**whole, "manifest": place, "path": self.output_path})
        self.log.info("%s items of %d runs; all of it by %s.", whole["items"], whole["parts"], place)
        return {**{name: value for name, value in whole.items() if name != "manifests"}, "manifest": place}


def sharded_batch(
    group_id: str = "batch",
    *,
    items: str | XComArg,
    output: str,
    tasks: int = 8,
    input_column: str = "input",
    **run: Any,  # noqa: ANN401 - ArtificerRunBatchOperator's
) -> XComArg:
    """
    Run a large input over mapped tasks, as Celery or Kubernetes spread them, in a task group of its own.

    Each task is an :class:`~artificer_provider.operators.batch.ArtificerRunBatchOperator` of its part, with
    all that it promises; ``max_cost`` and ``max_failed`` hold for each of them. The rows of part 3 land in
    the folder ``part-0003`` of the output, numbered through all parts.

    :param items: the path of a file or folder, or what a task of the DAG returned as one.
    :param output: the folder; put ``{{ run_id }}`` into it.
    :param tasks: how many mapped tasks at most.
    :param input_column: where a record of the file has its text.
    :param run: what else the run operator takes; of its ``outlets`` the events come once, from what is
        gathered.
    :return: what was gathered: counts, cost, and where the one manifest is.
    :raises ConfigurationError: naming the argument that makes no sense.
    """
    outlets = run.pop("outlets", ())
    conn = {"artificer_conn_id": run["artificer_conn_id"]} if "artificer_conn_id" in run else {}
    path = cast("str", items)  # which it is when the tasks run
    with TaskGroup(group_id):
        plan = ArtificerPlanPartsOperator(
            task_id="plan", items=path, tasks=tasks, input_column=input_column, **conn
        )
        mapped = ArtificerRunBatchOperator.partial(
            task_id="run",
            items=path,
            input_column=input_column,
            output=output.rstrip("/") + "/part-{{ '%04d' % ti.map_index }}",
            **run,
        ).expand(part=plan.output)
        gather = ArtificerGatherOperator(
            task_id="gather",
            manifests=cast("Iterable[Mapping[str, Json]]", mapped.output),
            output=output,
            outlets=outlets,
            **conn,
        )
    return gather.output
