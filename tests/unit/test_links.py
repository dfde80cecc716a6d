"""Where the links of a task lead: to its own page, and to where its rows are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import TaskInstanceKey

from artificer_provider.links import ArtificerJobLink, ArtificerRowsLink, job_page, rows_page

KEY = TaskInstanceKey("dag", "run_batch", "manual__1")
PAGE = "/dags/dag/runs/manual__1/tasks/run_batch/plugin/artificer_job"


@pytest.mark.parametrize(
    ("base_url", "page"),
    [
        ("https://airflow.example.com", f"https://airflow.example.com{PAGE}"),
        ("https://airflow.example.com/", f"https://airflow.example.com{PAGE}"),
        ("https://example.com/team/airflow/", f"https://example.com/team/airflow{PAGE}"),
        ("", PAGE),
    ],
)
def test_the_page_lies_under_the_base_path_of_airflow(base_url: str, page: str) -> None:
    assert job_page(base_url, KEY) == page


def test_whatever_a_run_or_a_task_is_called_stays_one_part_of_the_path() -> None:
    odd = TaskInstanceKey("täg", "group.a?b#c", "manual__2026-11-23T09:00:00+00:00/ 100%")
    assert job_page("http://a", odd) == (
        "http://a/dags/t%C3%A4g/runs/manual__2026-11-23T09%3A00%3A00%2B00%3A00%2F%20100%25"
        "/tasks/group.a%3Fb%23c/plugin/artificer_job"
    )


def test_each_mapped_task_has_a_page_of_its_own_the_first_too() -> None:
    assert job_page("", KEY._replace(map_index=0)) == PAGE.replace("/plugin", "/mapped/0/plugin")


@pytest.mark.parametrize(
    ("output", "page"),
    [
        (
            "s3://bucket/out put/run=1",
            "https://console.aws.amazon.com/s3/buckets/bucket?prefix=out%20put%2Frun%3D1%2F",
        ),
        ("s3://my_conn@bucket/out/", "https://console.aws.amazon.com/s3/buckets/bucket?prefix=out%2F"),
        ("s3://bucket", "https://console.aws.amazon.com/s3/buckets/bucket?prefix="),
        ("gs://conn@bucket/a b/c", "https://console.cloud.google.com/storage/browser/bucket/a%20b/c"),
        ("https://files.example.com/out/1", "https://files.example.com/out/1"),
        ("/data/out", f"{PAGE}?show=rows"),
        ("file:///data/out", f"{PAGE}?show=rows"),
        ("abfs://container/out", f"{PAGE}?show=rows"),
        ("s3://[", f"{PAGE}?show=rows"),
        (None, f"{PAGE}?show=rows"),
    ],
)
def test_rows_are_shown_where_they_landed_or_else_by_the_task(output: str | None, page: str) -> None:
    assert rows_page("", KEY, output) == page


def test_a_link_to_rows_holds_no_password_and_no_signature() -> None:
    page = rows_page("", KEY, "https://user:secret@files.example.com/out?X-Signature=secret")
    assert page == "https://files.example.com/out"


def test_the_links_are_those_of_the_airflow_that_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/base/")
    landed = cast("Any", SimpleNamespace(output_path="/rows"))
    page = f"https://airflow.example.com/base{PAGE}"
    assert ArtificerJobLink().get_link(landed, ti_key=KEY) == page
    assert ArtificerRowsLink().get_link(landed, ti_key=KEY) == f"{page}?show=rows"
