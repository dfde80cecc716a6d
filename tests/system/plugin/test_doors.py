"""Who may see and do what in the pages: over HTTP, with real users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute
from support.jobs_of_tasks import ACTION, KEY

from artificer_provider.ui.app import make_app

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from support.api_server import ApiServer, Task
    from support.jobs_of_tasks import Jobs

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

HELD = "manual__2026-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def task(server: ApiServer) -> Task:
    return server.run("ours", HELD)


@pytest.fixture(scope="module")
def job(jobs: Jobs, task: Task) -> str:
    return jobs.of(task, start=False)


def routes() -> list[tuple[str, str]]:
    found = [route for route in make_app().routes if isinstance(route, APIRoute)]
    return [(method, route.path) for route in found for method in sorted(route.methods)]


def at(path: str, job_id: str) -> str:
    """Fill in a path."""
    told = {
        "{connection_id}": "engine",
        "{dag_id}": "ours",
        "{run_id}": HELD.replace("+", "%2B"),
        "{task_id}": "run_batch",
        "{map_index}": "-1",
        "{job_id}": job_id,
        "{action}": "cancel",
    }
    for name, value in told.items():
        path = path.replace(name, value)
    return "/artificer" + path


def ask(server: ApiServer, user: str | None, method: str, path: str, **more: Any) -> httpx.Response:
    json = {"json": {}, "headers": ACTION} if method == "POST" else {}
    return server.client(user).request(method, path, **{**json, **more})


def test_every_route_wants_a_token(server: ApiServer, job: str) -> None:
    assert len(routes()) == 9
    for method, path in routes():
        reply = ask(server, None, method, at(path, job))
        assert reply.status_code == 401, f"{method} {path}: {reply.status_code} {reply.text}"


def test_every_route_is_closed_to_who_has_no_right(server: ApiServer, job: str) -> None:
    for method, path in routes():
        if path == "/connections":
            continue  # it tells everybody what is theirs
        reply = ask(server, "nobody", method, at(path, job))
        assert reply.status_code == 403, f"{method} {path}: {reply.status_code} {reply.text}"


def test_who_has_no_right_is_told_of_no_connection(server: ApiServer) -> None:
    assert ask(server, "nobody", "GET", "/artificer/connections").json() == {"connections": []}


def test_who_may_see_dags_alone_sees_their_jobs_and_changes_none(server: ApiServer, job: str) -> None:
    for method, path in routes():
        if path == "/connections":
            continue
        allowed = path.startswith("/tasks/") and method == "GET"
        reply = ask(server, "viewer", method, at(path, job))
        assert reply.status_code == (200 if allowed else 403), f"{method} {path}: {reply.text}"


def test_rows_of_a_connection_go_by_no_dag_of_the_browsers_choice(server: ApiServer, job: str) -> None:
    rows = at("/connections/{connection_id}/jobs/{job_id}/rows?dag_id=ours", job)
    assert ask(server, "op", "GET", rows).status_code == 200
    assert ask(server, "viewer", "GET", rows).status_code == 403


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Content-Type": "application/json"}, "X-Artificer-Action"),
        ({"Content-Type": "text/plain", "X-Artificer-Action": "1"}, "application/json"),
        ({"X-Artificer-Action": "1"}, "application/json"),
        ({**ACTION, "Origin": "https://elsewhere.example.com"}, "elsewhere.example.com"),
        ({**ACTION, "Origin": "null"}, "null"),
        ({**ACTION, "Origin": "http://127.0.0.1:1"}, "127.0.0.1:1"),
    ],
)
@pytest.mark.parametrize(
    "door",
    [
        "/connections/{connection_id}/jobs/{job_id}/{action}",
        "/tasks/{dag_id}/{run_id}/{task_id}/{map_index}/jobs/{job_id}/{action}",
    ],
)
def test_an_action_that_no_page_of_ours_asks_for_is_refused(
    server: ApiServer, jobs: Jobs, job: str, door: str, *, headers: dict[str, str], why: str
) -> None:
    reply = server.client("admin").post(at(door, job), content=b"{}", headers=headers)

    assert reply.status_code == 403
    assert why in reply.json()["detail"]
    assert jobs.engine.job(job)["status"] == "PENDING"


def test_a_job_of_another_task_is_not_found_through_this_one(
    server: ApiServer, jobs: Jobs, task: Task, job: str
) -> None:
    theirs = server.run("theirs", "theirs__1")
    foreign = jobs.of(theirs, start=False)

    for way in (f"/jobs/{foreign}", f"/jobs/{foreign}/rows"):
        assert ask(server, "viewer", "GET", task.path + way).status_code == 404
    assert ask(server, "user", "POST", f"{task.path}/jobs/{foreign}/cancel").status_code == 404
    assert jobs.engine.job(foreign)["status"] == "PENDING"


def test_a_job_is_not_found_where_xcom_names_it_and_its_mark_is_of_a_task_unknown_here(
    server: ApiServer, jobs: Jobs
) -> None:
    liar = server.run("ours", "liar__1")
    unknown = jobs.create(jobs.name(server.run("theirs", "silent__1")), start=False)
    jobs.tell(liar, unknown)

    assert ask(server, "admin", "GET", liar.path).json()["jobs"] == []
    assert ask(server, "admin", "GET", f"{liar.path}/jobs/{unknown}").status_code == 404
    assert ask(server, "admin", "POST", f"{liar.path}/jobs/{unknown}/cancel").status_code == 404
    assert jobs.engine.job(unknown)["status"] == "PENDING"


def test_a_task_that_waits_shows_the_job_of_the_task_that_made_it(server: ApiServer, jobs: Jobs) -> None:
    run = server.run("ours", "waits__1")
    made = jobs.of(run, start=False)
    waits = type(run)(run.dag_id, run.run_id, "wait_for_batch")
    jobs.tell(waits, made)

    assert [job["id"] for job in ask(server, "viewer", "GET", waits.path).json()["jobs"]] == [made]
    assert ask(server, "viewer", "GET", f"{waits.path}/jobs/{made}").status_code == 200


def test_a_connection_of_another_type_is_none_of_ours_and_its_password_goes_nowhere(
    server: ApiServer, jobs: Jobs, task: Task
) -> None:
    run = server.run("ours", "elsewhere__1")
    jobs.tell(run, "some-job", connection_id="elsewhere")

    for path in ("/artificer/connections/elsewhere/jobs", run.path, f"{run.path}/jobs/some-job"):
        reply = ask(server, "admin", "GET", path)
        assert (reply.status_code, reply.json()["detail"]) == (
            404,
            "The connection 'elsewhere' is none to an Artificer engine.",
        )


def test_no_reply_has_the_key_in_it(server: ApiServer, job: str) -> None:
    for method, path in routes():
        if method == "GET":
            reply = ask(server, "admin", method, at(path, job))
            assert reply.status_code == 200, f"{path}: {reply.text}"
            assert KEY not in reply.text + str(reply.headers)
    for wrong in ("/artificer/connections/down/jobs", "/artificer/connections/engine/jobs/none"):
        assert KEY not in ask(server, "admin", "GET", wrong).text
    assert KEY not in server.log


def test_the_plugin_is_found_by_its_entry_point_and_its_files_are_in_the_wheel(
    server: ApiServer, wheel: tuple[Path, list[str]]
) -> None:
    plugins = ask(server, "admin", "GET", "/api/v2/plugins").json()["plugins"]
    [ours] = [plugin for plugin in plugins if plugin["name"] == "artificer"]
    assert ours["source"].startswith("airflow-provider-artificer==")
    assert [app["url_route"] for app in ours["react_apps"]] == ["artificer", "artificer_job"]
    assert "artificer_provider/ui/static/icon.svg" in wheel[1]


def test_the_files_of_the_pages_are_asked_for_anew_and_not_sent_anew(server: ApiServer) -> None:
    first = ask(server, None, "GET", "/artificer/static/icon.svg")
    again = ask(
        server, None, "GET", "/artificer/static/icon.svg", headers={"If-None-Match": first.headers["etag"]}
    )

    assert (first.status_code, first.headers["cache-control"]) == (200, "no-cache")
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")
