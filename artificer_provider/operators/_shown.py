"""What a task shows of itself while it is under way: the links in Airflow's UI, and which jobs it has."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import TaskInstanceKey

from artificer_provider.links import JOBS_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from artificer_provider.batch.plan import Json

#: Jobs that are named to the page of a task at most.
MAX_SHOWN = 200

log = logging.getLogger(__name__)


def show_links(context: Context, operator: BaseOperator) -> None:
    """Push the links of a task now: Airflow does it when a leg has ended, and a killed one never has."""
    if goes_on(context):
        return
    ti = context["ti"]
    key = TaskInstanceKey(
        ti.dag_id, ti.task_id, ti.run_id, map_index=-1 if ti.map_index is None else ti.map_index
    )
    for link in operator.operator_extra_links:
        try:
            url = link.get_link(operator, ti_key=key)
        except Exception as error:  # noqa: BLE001 - no link is worth a run
            log.warning("The link %s is not shown: %s", link.name, error)
        else:
            _push(context, link.xcom_key, url)


def goes_on(context: Context) -> bool:
    """Tell whether this leg follows a deferral: what earlier ones of the try pushed is there then."""
    # Airflow says it nowhere else; where that is gone, the same is pushed once more.
    return bool(getattr(getattr(context["ti"], "_ti_context_from_server", None), "next_method", None))


def show_jobs(context: Context, conn_id: str, job_ids: Sequence[str]) -> None:
    """
    Tell Airflow which jobs a task has.

    It comes after the record that a later try goes by, and what fails here is logged and no more.

    :param job_ids: all of them, in the order of the shards.
    """
    shown: dict[str, Json] = {"connection_id": conn_id, "job_ids": [*job_ids[:MAX_SHOWN]]}
    if len(job_ids) > MAX_SHOWN:
        shown["more"] = len(job_ids) - MAX_SHOWN
    _push(context, JOBS_KEY, shown)


def _push(context: Context, key: str, value: Json) -> None:
    try:
        context["ti"].xcom_push(key, value)
    except Exception as error:  # noqa: BLE001 - whatever keeps XComs: a run does not depend on it
        log.warning("Airflow did not take %s, which its pages show: %s", key, error)
