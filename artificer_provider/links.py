"""
Links from a task in Airflow's UI: to the page of its jobs, and to where its rows landed.

A DAG that is parsed imports this, so it loads nothing but the base class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink, conf

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

#: The XCom that names the jobs of a task: ``connection_id``, ``job_ids``, and ``more`` where there are more.
JOBS_KEY = "artificer_jobs"
#: Asks the page of a task for its rows.
_SHOW_ROWS = "?show=rows"


def job_page(base_url: str, ti_key: TaskInstanceKey) -> str:
    """
    Give the page of a task instance that shows its jobs, whichever they are by then.

    :param base_url: Airflow's ``[api] base_url``. Where it is empty the page is named from the root of the
        host that shows the link.
    """
    names = f"dags/{_part(ti_key.dag_id)}/runs/{_part(ti_key.run_id)}/tasks/{_part(ti_key.task_id)}"
    mapped = "" if ti_key.map_index < 0 else f"/mapped/{ti_key.map_index}"
    return f"{base_url.rstrip('/')}/{names}{mapped}/plugin/artificer_job"


def rows_page(base_url: str, ti_key: TaskInstanceKey, output: object) -> str:
    """
    Give the page where somebody sees the rows of a task instance.

    :param output: the folder they land in; what no browser can open is shown by the task's own page.
    """
    return _browsable(output) or job_page(base_url, ti_key) + _SHOW_ROWS


class ArtificerJobLink(BaseOperatorLink):
    """To the page of the task that shows its jobs. It names the task, so that it is there before they are."""

    name = "Job"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Give the address of the page."""
        return job_page(_base_url(), ti_key)


class ArtificerRowsLink(BaseOperatorLink):
    """To the folder that the rows land in, or else to the page of the task that shows them."""

    name = "Rows"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Give the address of the folder, rendered as the operator is."""
        return rows_page(_base_url(), ti_key, getattr(operator, "output_path", None))


#: What each operator of ours has, and what one has that rows come of.
JOB: tuple[BaseOperatorLink, ...] = (ArtificerJobLink(),)
JOB_AND_ROWS: tuple[BaseOperatorLink, ...] = (*JOB, ArtificerRowsLink())


def _base_url() -> str:
    return conf.get("api", "base_url", fallback="") or ""


def _part(name: str) -> str:
    return quote(name, safe="")


def _browsable(output: object) -> str | None:
    """Give the address under which a browser shows a folder; None where there is none."""
    try:
        found = urlsplit(output if isinstance(output, str) else "")
    except ValueError:
        return None
    # Before the @ stands a connection of Airflow's, or what logs in at a host; a query may hold a signature.
    place, folder = found.netloc.rpartition("@")[2], found.path.strip("/")
    if not place or found.scheme not in _PAGES:
        return None
    return _PAGES[found.scheme].format(
        scheme=found.scheme,
        place=place,
        path=found.path,
        folder=quote(folder),
        prefix=_part(f"{folder}/") if folder else "",
    )


_AMAZON = "https://console.aws.amazon.com/s3/buckets/{place}?prefix={prefix}"
_GOOGLE = "https://console.cloud.google.com/storage/browser/{place}/{folder}"
_ITSELF = "{scheme}://{place}{path}"
#: The page that shows a folder, by the scheme of its address.
_PAGES = {
    "s3": _AMAZON,
    "s3a": _AMAZON,
    "gs": _GOOGLE,
    "gcs": _GOOGLE,
    "http": _ITSELF,
    "https": _ITSELF,
}
