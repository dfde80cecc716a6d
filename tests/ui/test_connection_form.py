"""From nothing to a finished job, as somebody does it in Airflow's UI."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_engine import LocalEngine
    from support.airflow_of_users import AirflowOfUsers
    from support.pages_of_airflow import Visit

pytestmark = [pytest.mark.ui, pytest.mark.timeout(900)]


def test_a_connection_is_added_in_the_form_and_tested_and_the_demo_runs_on_it(
    visit: Callable[..., Visit], airflow: AirflowOfUsers, quick_engine: LocalEngine
) -> None:
    address = urlsplit(quick_engine.address or "")
    user = visit()
    page = user.page

    user.open("connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.locator("input[name=connection_id]").fill("artificer_default")
    form.get_by_role("combobox").first.click()
    page.keyboard.type("artificer")
    page.get_by_role("option", name="Artificer").click()
    form.locator("input[name=host]").fill(f"http://{address.hostname}")
    form.locator("input[name=port]").fill(str(address.port))
    form.locator("textarea[name=description]").fill("The engine of this machine")
    user.picture("connection-form", height=1000)
    form.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text="artificer_default")
    expect(row).to_be_visible()

    row.get_by_role("button", name="Test").click()
    expect(
        page.get_by_text(f"The engine at {quick_engine.address} answers: speaks rest").first
    ).to_be_visible()

    run_id = airflow.trigger("artificer_demo")
    assert airflow.wait_over("artificer_demo", run_id) == "success"
    user.open_jobs("?connection=artificer_default")
    job = user.job("artificer_demo.run_batch")
    expect(job).to_contain_text("Completed")
    expect(job).to_contain_text("36 of 36")
    expect(job.get_by_role("link", name=run_id)).to_have_attribute(
        "href", f"{airflow.address}/dags/artificer_demo/runs/{run_id}/tasks/run_batch"
    )


def test_the_job_link_of_a_task_leads_to_its_job_and_what_it_brought_in(
    visit: Callable[..., Visit], airflow: AirflowOfUsers, demo_run: str
) -> None:
    user = visit()
    user.open(f"dags/artificer_demo/runs/{demo_run}/tasks/run_batch/details")
    link = user.page.get_by_role("link", name="Job", exact=True)
    expect(link).to_have_attribute(
        "href", f"{airflow.address}/dags/artificer_demo/runs/{demo_run}/tasks/run_batch/plugin/artificer_job"
    )

    user.open_task("artificer_demo", demo_run, "run_batch")
    result = user.ours.get_by_role("region", name="Result")
    expect(result).to_contain_text("manifest.json")
    expect(user.ours.get_by_role("heading", name="artificer_demo.run_batch")).to_be_visible()
    expect(user.ours.get_by_role("table", name="Rows")).to_contain_text("Completed")
    user.picture("task-tab", height=1400)


def test_a_task_without_a_job_says_so(visit: Callable[..., Visit], demo_run: str) -> None:
    user = visit()
    user.open_task("artificer_demo", demo_run, "print_table")
    expect(user.ours.get_by_role("heading", name="This task has no job")).to_be_visible()
