"""A job while it runs and after it: watched, stopped, explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.airflow_of_users import AirflowOfUsers
    from support.model_server import ModelServer
    from support.pages_of_airflow import Visit

pytestmark = [pytest.mark.ui, pytest.mark.timeout(900)]


def open_job(user: Visit, job_id: str) -> None:
    user.open_jobs(f"?connection=slow_engine&job={job_id}")
    expect(user.ours.get_by_role("heading", level=2)).to_be_visible()


def open_held_job(user: Visit, airflow: AirflowOfUsers, slow_model: ModelServer) -> str:
    """Start a job whose answers are held back, and look at it."""
    slow_model.forget()
    slow_model.open.clear()
    _, job_id = airflow.started("letters", "answer")
    open_job(user, job_id)
    return job_id


def test_a_job_page_moves_by_itself_until_the_job_ends_and_leaves_the_focus_alone(
    visit: Callable[..., Visit], airflow: AirflowOfUsers, slow_model: ModelServer
) -> None:
    user, in_the_dark = visit(), visit(theme="dark")
    job_id = open_held_job(user, airflow, slow_model)
    phases = user.ours.get_by_role("table", name="Phases")
    expect(user.ours.locator("header.job")).to_contain_text("Running")
    expect(phases.get_by_role("row", name="answer")).to_contain_text(" 0")
    user.ours.get_by_role("button", name="Completed").focus()

    slow_model.delay = 0.04
    slow_model.open.set()
    expect(user.ours.locator(".now, .headline")).to_contain_text("in answer")
    slow_model.open.clear()  # and let both see it running
    open_job(in_the_dark, job_id)
    expect(in_the_dark.ours.locator("header.job")).to_contain_text("Running")
    in_the_dark.picture("job-dark", height=1250)
    user.picture("job-running", height=1250)
    slow_model.delay = 0.0
    slow_model.open.set()
    expect(user.ours.locator("header.job")).to_contain_text("Completed")

    assert user.focused() == "Completed"
    expect(user.ours.get_by_role("status")).to_contain_text("Completed: 600 of 600 done, 0 failed.")
    expect(user.ours.locator(".headline")).to_contain_text("not told by the engine")
    expect(user.ours.get_by_role("img", name="Progress over time")).to_be_visible()


def test_a_job_is_paused_resumed_and_cancelled_by_keyboard_after_a_question(
    visit: Callable[..., Visit], airflow: AirflowOfUsers, slow_model: ModelServer
) -> None:
    user = visit()
    open_held_job(user, airflow, slow_model)
    state, keyboard = user.ours.locator("header.job .status"), user.page.keyboard

    def answer(action: str, *keys: str) -> None:
        user.ours.get_by_role("button", name=f"{action}…").focus()
        keyboard.press("Enter")
        expect(user.ours.get_by_role("dialog", name=f"{action} this job?")).to_be_visible()
        for key in keys:
            keyboard.press(key)
        expect(user.ours.get_by_role("dialog")).to_have_count(0)

    answer("Cancel", "Escape")
    assert user.focused() == "Cancel…"
    answer("Cancel", "Enter")  # what it begins with is to keep the job
    expect(state).to_have_text("Running")

    answer("Pause", "Tab", "Enter")
    slow_model.open.set()  # a job is paused once its calls under way are answered
    expect(state).to_have_text("Paused")
    slow_model.open.clear()
    answer("Resume", "Tab", "Enter")
    expect(state).to_have_text("Running")
    user.ours.get_by_role("button", name="Cancel…").click()
    user.picture("cancel")
    user.ours.get_by_role("button", name="Cancel the job").click()
    slow_model.open.set()
    expect(state).to_have_text("Cancelled")
    assert user.focused() == "Letters of November"
    expect(user.ours.locator(".actions button")).to_have_count(0)


def test_a_failed_job_says_why(
    visit: Callable[..., Visit], airflow: AirflowOfUsers, refused_run: tuple[str, str]
) -> None:
    run_id, job_id = refused_run
    user = visit()
    open_job(user, job_id)
    failures = user.ours.get_by_role("table", name="First failures")
    expect(failures.get_by_role("row")).to_have_count(1 + 5)
    expect(failures).to_contain_text('400: {"error": {"message": "this letter is against the rules"}}')
    user.picture("job-failed", height=1500)
    user.ours.get_by_role("button", name="Show all 8").click()
    expect(failures.get_by_role("row")).to_have_count(1 + 8)

    rows = user.ours.get_by_role("table", name="Rows")
    user.ours.get_by_role("group", name="Which rows").get_by_role("button", name="Failed").click()
    expect(rows.get_by_role("row")).to_have_count(1 + 8)
    assert "rows=FAILED" in user.page.url
    rows.get_by_role("button", name="Item 3 in full").click()
    expect(rows).to_contain_text("Refused letter 3: where is my parcel?")

    user.page.reload()
    expect(rows.get_by_role("row")).to_have_count(1 + 8)
    expect(user.ours.get_by_role("link", name=run_id)).to_have_attribute(
        "href", f"{airflow.address}/dags/refused_letters/runs/{run_id}/tasks/answer"
    )
