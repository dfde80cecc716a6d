"""What a user without rights is shown, and where nothing can be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.airflow_of_users import AirflowOfUsers
    from support.pages_of_airflow import Visit

pytestmark = [pytest.mark.ui, pytest.mark.timeout(900)]


def test_who_may_not_read_connections_sees_none_of_their_jobs(
    visit: Callable[..., Visit], refused_run: tuple[str, str]
) -> None:
    user = visit("viewer")
    user.open_jobs()
    expect(user.ours.get_by_role("heading", name="No connection yet")).to_be_visible()
    user.open_jobs("?connection=slow_engine")
    expect(user.ours.get_by_role("alert")).to_contain_text("Ask whoever runs this Airflow for the right.")
    user.open_jobs(f"?connection=slow_engine&job={refused_run[1]}")
    expect(user.ours.get_by_role("alert")).to_contain_text("Ask whoever runs this Airflow for the right.")
    assert "Letters nobody may answer" not in user.ours.inner_text()
    assert user.faults() == []


def test_who_may_look_at_dags_sees_the_job_of_a_task_and_changes_nothing(
    visit: Callable[..., Visit], refused_run: tuple[str, str]
) -> None:
    user = visit("viewer")
    user.open_task("refused_letters", refused_run[0], "answer")
    expect(user.ours.get_by_role("heading", name="Letters nobody may answer")).to_be_visible()
    expect(user.ours.locator(".actions button")).to_have_count(0)


def test_an_engine_that_does_not_answer_is_told_in_a_sentence(
    visit: Callable[..., Visit], airflow: AirflowOfUsers
) -> None:
    airflow.add_connection("nobody_there", {"conn_type": "artificer", "host": "http://127.0.0.1:9"})
    user = visit()
    user.open_jobs("?connection=nobody_there")
    problem = user.ours.get_by_role("alert")
    expect(problem).to_contain_text("http://127.0.0.1:9")
    expect(problem).to_contain_text("Test the connection under Admin, Connections.")
    expect(problem.get_by_role("button", name="Try now")).to_be_visible()
    assert user.faults() == []
    user.picture("engine-down", height=400)
