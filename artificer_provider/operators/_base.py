"""What every operator of this provider has: a connection, a retry policy, and errors as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from artificer_provider import configured
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.links import JOB

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import AirflowException, BaseOperatorLink, Context
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset
    from openlineage.client.facet_v2 import JobFacet, RunFacet

    from artificer_provider.batch.identity import RunKey
    from artificer_provider.operators._report import Report

# What a task needs to run is imported where it runs: a DAG file that is parsed every few seconds pays for
# the classes, and for the checks of their arguments.


class ArtificerOperator(BaseOperator):
    """
    An operator that calls an engine.

    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = ("artificer_conn_id",)
    operator_extra_links: Collection[BaseOperatorLink] = JOB
    #: What is there when a try fails, as long as nothing better is known.
    kept = "Nothing was changed by this try."
    #: What this leg did with data, from when that is known.
    report: Report | None = None

    def __init__(
        self,
        *,
        artificer_conn_id: str = ArtificerHook.default_conn_name,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.artificer_conn_id = artificer_conn_id
        if getattr(self, "retry_policy", "") is None:  # it is not there before Airflow 3.3
            from artificer_provider.retry import ArtificerRetryPolicy

            self.retry_policy = ArtificerRetryPolicy()

    def pre_execute(self, context: Context) -> None:
        """Show the links of the task before anything can end it."""
        from artificer_provider.operators._shown import show_links

        super().pre_execute(context)
        show_links(context, self)

    def post_execute(self, context: Context, result: object = None) -> None:
        """Tell the assets of the task what was landed; a task that fails does not get here."""
        super().post_execute(context, result)
        if self.outlets and self.report is not None and (landed := self.report.landed()) is not None:
            from artificer_provider.operators._outlets import tell_outlets

            tell_outlets(context, self.outlets, landed, getattr(self, "output_path", None))

    def reads(self) -> Sequence[str]:
        """Name the files and folders that the arguments say are read."""
        return ()

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Dataset, RunFacet | JobFacet]:
        """
        Tell OpenLineage what is read and written, and what came of it.

        Asked before it runs, and again when it has ended, well or not: there is no other method for that.
        """
        from artificer_provider.lineage import lineage_of

        return lineage_of(self)

    @property
    def hook(self) -> ArtificerHook:
        """The connection's hook."""
        return ArtificerHook(self.artificer_conn_id)

    def told_to_airflow(self) -> AbstractContextManager[None]:
        """Turn what fails inside into what Airflow, and the task's retry policy, know."""
        from artificer_provider.operators._errors import told_to_airflow

        return told_to_airflow(lambda: self.kept, self.permanent())

    def permanent(self) -> type[AirflowException]:
        """Say what a failure that waiting does not mend is raised as."""
        from artificer_provider.operators._errors import permanent_under

        return permanent_under(getattr(self, "retry_policy", None))

    def project_or(self, project_id: str | None) -> str | None:
        """Give the project that is named, else the connection's, if it has one."""
        return self.hook.settings().project if project_id is None else project_id

    def run_key(self, context: Context) -> RunKey:
        """Say which task instance this is, whatever its try."""
        from artificer_provider.batch.identity import RunKey

        ti = context["ti"]
        namespace = self.hook.settings().namespace or configured.namespace()
        return RunKey(
            namespace, ti.dag_id, ti.task_id, ti.run_id, -1 if ti.map_index is None else ti.map_index
        )
