"""What the people on call are told by a real Airflow: of a task, of a run, and of a deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from processes import wait_until
from support.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_airflow import LocalAirflow
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SECRET = "a-password-of-the-webhook"


def is_there(airflow: LocalAirflow, conn_id: str, fields: dict[str, str]) -> bool:
    """Add a connection; an API server that has just started answers nobody for a while."""
    try:
        airflow.add_connection(conn_id, fields)
    except httpx.TransportError:
        return False
    except httpx.HTTPStatusError as error:
        return error.response.status_code == httpx.codes.CONFLICT  # added by a call that seemed lost
    return True


@pytest.fixture(scope="module")
def hook(airflow: LocalAirflow) -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    server.otherwise = lambda _: Reply(200, "ok")
    address = f"{server.url}/services/T0/the-secret-path"
    fields = {"conn_type": "http", "host": address, "login": "me", "password": SECRET}
    try:
        wait_until(lambda: is_there(airflow, "on_call", fields), seconds=120)
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def answers(model_server: ModelServer) -> None:
    model_server.open.set()


def texts(server: ScriptedServer) -> list[str]:
    said: list[Any] = [asked.json for asked in server.asked]
    return [one["text"] for one in said]


def test_a_failure_is_told_by_the_worker_and_by_the_dag_processor(
    airflow: LocalAirflow, hook: ScriptedServer
) -> None:
    run_id = airflow.trigger("told_run")
    assert airflow.wait_over("told_run", run_id) == "failed"
    wait_until(lambda: len(hook.asked) >= 2, seconds=240)
    of_task = next(text for text in texts(hook) if "Task refuse" in text)
    of_run = next(text for text in texts(hook) if "The DAG run" in text)
    # Two phases, each given the answer of the one before, and the message behind them.
    assert of_task.startswith(f">>Task refuse of told_run, run {run_id}, try 1, is failed.")
    assert f"/dags/told_run/runs/{run_id}/tasks/refuse" in of_task
    assert "*** is no {{ 6 * 7 }}" in of_task
    assert of_run.startswith(f">>The DAG run {run_id} of told_run ended: task_failure.")
    assert "Its last task: refuse, try 1" in of_run
    assert not [text for text in texts(hook) if SECRET in text]
    told = "".join(airflow.task_log("told_run", run_id, "refuse", 1))
    assert "Posted" in told
    assert "the-secret-path" not in told


def test_a_missed_deadline_is_told_by_the_triggerer(airflow: LocalAirflow, hook: ScriptedServer) -> None:
    before = len(hook.asked)
    run_id = airflow.trigger("late")
    wait_until(lambda: len(hook.asked) > before, seconds=180)
    [text] = texts(hook)[before:]
    assert text.startswith(f">The DAG run {run_id} of late is running and missed its deadline")
    (airflow.home / "seen").touch()
    assert airflow.wait_over("late", run_id) == "success"
    assert [
        path for path in airflow.home.rglob("*.log") if "the-secret-path" in path.read_text(errors="replace")
    ] == []


def test_a_notifier_that_fails_leaves_the_reason_of_the_failure_in_the_log(airflow: LocalAirflow) -> None:
    run_id = airflow.trigger("untold")
    assert airflow.wait_over("untold", run_id) == "failed"
    told = "".join(airflow.task_log("untold", run_id, "refuse", 1))
    assert "ValueError" in told
    assert "the reason to be found in the log" in told
    assert "The notification for webhook 'nobody_there' was not told" in told
