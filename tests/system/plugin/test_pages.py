"""What the pages are told, and how often an engine is asked for it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.jobs_of_tasks import ACTION, KEY
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.api_server import ApiServer
    from support.jobs_of_tasks import Jobs
    from support.relay import Relay

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

JOBS = "/artificer/connections/engine/jobs"
BROWSERS, SECONDS = 10, 5.0


@pytest.fixture
def held(jobs: Jobs) -> Iterator[Jobs]:
    """Jobs whose calls to the model get no answer yet."""
    jobs.model.open.clear()
    yield jobs
    jobs.model.open.set()


def get(server: ApiServer, path: str, user: str = "admin") -> dict[str, Any]:
    reply = server.client(user).get(path)
    assert reply.status_code == 200, f"{path}: {reply.status_code} {reply.text}"
    found: dict[str, Any] = reply.json()
    return found


def act(server: ApiServer, path: str, action: str, user: str = "admin") -> httpx.Response:
    return server.client(user).post(f"{path}/{action}", json={}, headers=ACTION)


def test_connections_of_the_database_and_of_the_environment_are_listed(server: ApiServer) -> None:
    listed = get(server, "/artificer/connections", "op")["connections"]

    assert [(each["connection_id"], each["description"], each["may_change"]) for each in listed] == [
        ("down", None, True),
        ("engine", "Ours.", True),
        ("from_env", None, True),
    ]
    assert get(server, "/artificer/connections/from_env/jobs")["engine"]["dialect"] == "rest"


def test_a_job_is_listed_with_the_task_it_is_of(server: ApiServer, jobs: Jobs, relay: Relay) -> None:
    task = server.run("ours", "listed:1+2")
    made = jobs.of(task)
    jobs.engine.wait_for(made, "COMPLETED")

    def listed() -> dict[str, Any]:
        return next((job for job in get(server, JOBS)["jobs"] if job["id"] == made), {})

    wait_until(lambda: bool(listed().get("owner")), "the owner is known", 30)
    job = listed()
    assert job["owner"] == {
        "dag_id": "ours",
        "run_id": "listed:1+2",
        "task_id": "run_batch",
        "map_index": -1,
    }
    assert (job["title"], job["status"], job["total"], job["completed"]) == ("reviews", "COMPLETED", 3, 3)
    assert job["actions"] == []
    assert job["ended_at"] >= job["started_at"] >= job["created_at"]
    page = get(server, JOBS)
    assert page["total"] >= len(page["jobs"]) > 0
    assert page["engine"]["mode"] == "embedded"
    assert page["engine"]["address"] == relay.url


def test_the_page_of_a_job_tells_how_it_went_and_why_items_failed(
    server: ApiServer, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.model, "delay", 0.01)  # at once would be 0 ms
    task = server.run("ours", "page__1")
    name = jobs.name(task)
    jobs.model.failures[f"{name} 1"] = [400] * 20
    made = jobs.of(task)
    wait_until(lambda: jobs.engine.job(made)["status"] in ("COMPLETED", "FAILED"), "the job's end")

    page = get(server, f"{task.path}/jobs/{made}", "viewer")

    assert page["job"]["actions"] == []
    assert page["states"] == {"COMPLETED": 2, "FAILED": 1, "PENDING": 0}
    assert [(each["index"], each["phase"]) for each in page["failures"]] == [(1, "say")]
    assert "400" in page["failures"][0]["reason"]
    assert [phase["name"] for phase in page["phases"]] == ["say"]
    assert page["phases"][0]["p95_ms"] >= page["phases"][0]["p50_ms"] > 0
    assert page["points_since"] == "start"
    assert page["points"][-1]["completed"] == 2
    rows = get(server, f"{task.path}/jobs/{made}/rows?status=FAILED", "viewer")
    assert (rows["total"], [row["index"] for row in rows["rows"]]) == (1, [1])
    assert rows["rows"][0]["input"] == f"{name} 1"
    first = get(server, f"{task.path}/jobs/{made}/rows?limit=1&offset=2", "viewer")
    assert (first["total"], [row["index"] for row in first["rows"]]) == (3, [2])
    assert first["rows"][0]["outputs"] == {"say": f">{name} 2"}


def test_the_tab_of_a_task_tells_its_jobs_and_what_its_run_left(server: ApiServer, jobs: Jobs) -> None:
    run = server.run("ours", "tab__1")
    mapped = type(run)(run.dag_id, run.run_id, "in_parts", 1)
    assert get(server, run.path)["jobs"] == []
    made = jobs.of(mapped, start=False)
    manifest = {"path": "s3://rows", "outcome": "succeeded", "items": 3, "counts": {"completed": 3}}
    server.leave(mapped, "return_value", {**manifest, "cost": None, "manifest": "s3://rows/m.json", "x": 1})

    page = get(server, mapped.path, "viewer")

    assert [job["id"] for job in page["jobs"]] == [made]
    assert (page["map_index"], page["connection_id"], page["more"]) == (1, "engine", 0)
    assert page["result"] == {**manifest, "cost": None, "manifest": "s3://rows/m.json"}
    assert server.client("viewer").get(run.path.replace("run_batch", "missing")).status_code == 404


@pytest.mark.parametrize("door", ["connection", "task"])
def test_a_job_is_paused_resumed_and_cancelled(server: ApiServer, held: Jobs, door: str) -> None:
    task = server.run("ours", f"acted_on_by_{door}")
    made = held.of(task, 20)
    held.engine.wait_for(made, "RUNNING")
    path = f"{JOBS}/{made}" if door == "connection" else f"{task.path}/jobs/{made}"
    user = "op" if door == "connection" else "user"

    assert get(server, path, user)["job"]["actions"] == ["pause", "cancel"]
    assert act(server, path, "pause", user).json()["status"] == "PAUSED"
    assert held.engine.job(made)["status"] == "PAUSED"
    assert get(server, path, user)["job"]["actions"] == ["resume", "cancel"], "no older look is shown"
    refused = act(server, path, "pause", user)
    assert refused.status_code == 409
    assert isinstance(refused.json()["detail"], str)
    assert act(server, path, "resume", user).json()["status"] == "RUNNING"
    assert act(server, path, "cancel", user).json()["status"] == "CANCELLED"
    assert held.engine.job(made)["status"] == "CANCELLED"
    assert act(server, path, "delete", user).status_code == 422


def test_who_may_not_change_a_connection_is_offered_no_action_on_its_jobs(
    server: ApiServer, jobs: Jobs
) -> None:
    task = server.run("ours", "offered__1")
    made = jobs.of(task, start=False)

    assert get(server, f"{task.path}/jobs/{made}", "user")["job"]["actions"] == ["cancel"]
    assert get(server, f"{task.path}/jobs/{made}", "viewer")["job"]["actions"] == []


def test_however_many_look_the_engine_gets_one_call_a_second(
    server: ApiServer, held: Jobs, relay: Relay
) -> None:
    made = held.create("many look", 20)
    held.engine.wait_for(made, "RUNNING")
    get(server, f"{JOBS}/{made}")
    relay.forget()
    looks: list[int] = []
    end = time.monotonic() + SECONDS
    token = server.client("admin").headers["Authorization"]

    def look() -> None:
        with httpx.Client(base_url=server.address, trust_env=False, timeout=30) as browser:
            while time.monotonic() < end:
                reply = browser.get(f"{JOBS}/{made}", headers={"Authorization": token})
                looks.append(reply.status_code)

    browsers = [threading.Thread(target=look) for _ in range(BROWSERS)]
    for browser in browsers:
        browser.start()
    for browser in browsers:
        browser.join()

    assert set(looks) == {200}
    assert len(looks) > 3 * SECONDS, "more looks than that would be too few to tell"
    for path in {path.partition("?")[0] for path in relay.paths}:
        asked = sum(each.partition("?")[0] == path for each in relay.paths)
        assert 2 <= asked <= SECONDS + 2, f"{path}: {asked} calls for {len(looks)} looks"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/artificer/connections/down/jobs", 502, "127.0.0.1:9"),
        ("/artificer/connections/none/jobs", 404, "There is no connection 'none'."),
        (f"{JOBS}/no-such-job", 404, "no-such-job"),
        (f"{JOBS}?limit=101", 422, "limit"),
        (f"{JOBS}?status=ASLEEP", 422, "status"),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence(server: ApiServer, path: str, status: int, words: str) -> None:
    reply = server.client("admin").get(path)

    assert reply.status_code == status, reply.text
    detail = reply.json()["detail"]
    assert words in detail
    assert "\n" not in detail
    assert "Traceback" not in detail


def test_a_key_that_the_engine_does_not_take_is_no_missing_token(server: ApiServer, relay: Relay) -> None:
    server.connect("locked", conn_type="artificer", host=relay.url, password="sk_wrong")

    reply = server.client("admin").get("/artificer/connections/locked/jobs")

    assert reply.status_code == 502
    assert "sk_wrong" not in reply.text
    assert KEY not in reply.text
