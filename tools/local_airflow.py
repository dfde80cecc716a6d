"""A whole Airflow on this machine: scheduler, DAG processor, triggerer and API server over SQLite."""

from __future__ import annotations

import contextlib
import json
import secrets
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
from processes import (
    Child,
    ProcessError,
    Pulse,
    child_environment,
    command_path,
    free_port,
    no_pulse,
    session_members,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MIGRATE_SECONDS = 180.0
HEALTHY_SECONDS = 240.0
FOUND_SECONDS = 120.0
RUN_SECONDS = 600.0
#: `airflow standalone` took 8 to 16 s to end its children in good order.
INTERRUPT_SECONDS = 25.0
#: For questions asked again and again: a busy API server must not hold up whoever asks.
POLL_TIMEOUT = 1.0
PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
OVER = frozenset({"success", "failed"})


class DagLoadError(RuntimeError):
    """Airflow cannot import a DAG file."""


class LocalAirflow:
    """
    An Airflow of its own in one directory, reached over REST; ``address`` says where once it is started.

    :param home: its AIRFLOW_HOME: database, logs, generated configuration.
    :param dags_folder: where its DAG files lie.
    :param env: more variables for all of its processes.
    """

    def __init__(self, home: Path, dags_folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.log = home / "standalone.log"
        self.address = ""
        self._environment = child_environment(
            AIRFLOW_HOME=str(home),
            AIRFLOW__CORE__DAGS_FOLDER=str(dags_folder),
            # Shared by its processes, kept nowhere: nobody else's token is good here.
            AIRFLOW__API_AUTH__JWT_SECRET=secrets.token_hex(32),
            **{**_SETTINGS, **(env or {})},
        )
        self._children: list[Child] = []
        self._standalone: Child | None = None
        self._http = httpx.Client(trust_env=False, timeout=10.0)

    def migrate(self, *, pulse: Pulse = no_pulse) -> None:
        """
        Make the metadata database.

        :raises ProcessError: when `airflow db migrate` does not end well.
        """
        self._start("db", "migrate", log=self.home / "migrate.log").wait(seconds=MIGRATE_SECONDS, pulse=pulse)

    def start(self, connections: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """
        Start all of its processes, without waiting for them to be ready.

        :param connections: by connection id, the fields of each connection the DAGs can use.
        """
        for name, fields in (connections or {}).items():
            self._environment[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(fields)
        self._environment |= self._ports()
        self._standalone = self._start("standalone", log=self.log)

    def start_triggerer(self) -> Child:
        """Start one more triggerer, without waiting for it to be ready."""
        port = str(free_port(8795))
        return self._start(
            "triggerer",
            log=self.home / f"triggerer-{port}.log",
            AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT=port,
        )

    @property
    def processes(self) -> list[int]:
        """The ids of the processes it was started with, further triggerers aside."""
        return session_members(self._running().pid)

    def _running(self) -> Child:
        if self._standalone is None:
            raise ProcessError("Airflow was not started")
        return self._standalone

    def start_part(self, name: str) -> None:
        """
        Start another of its processes, in the place of one that ended.

        :param name: as the command ``airflow`` calls it: ``triggerer``.
        """
        self._start(name, log=self.home / f"{name}-{len(self._children)}.log")

    def _ports(self) -> dict[str, str]:
        """Choose the ports only now, when they are about to be used."""
        api = free_port(8080)
        worker_logs = free_port(8793, besides={api})
        trigger_logs = free_port(8794, besides={api, worker_logs})
        self.address = f"http://127.0.0.1:{api}"
        self._http.base_url = self.address
        return {
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__API__BASE_URL": self.address,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.address}/execution/",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
        }

    def _start(self, *arguments: str, log: Path, **env: str) -> Child:
        child = Child(
            [str(command_path("airflow")), *arguments],
            environment=self._environment | env,
            log=log,
            interrupt_seconds=INTERRUPT_SECONDS,
        )
        self._children.append(child)
        return child

    def wait_healthy(self, *, pulse: Pulse = no_pulse) -> None:
        """
        Wait until each of its parts says that it is well.

        :raises ProcessError: when it ends before, or some part does not get ready.
        """

        def healthy() -> bool:
            self.check_running()
            health = self._try_get("/api/v2/monitor/health") or {}
            return all((health.get(part) or {}).get("status") == "healthy" for part in PARTS)

        failure = "did not get each of its parts ready"
        self._running().wait_for(healthy, failure, seconds=HEALTHY_SECONDS, pulse=pulse)
        self._http.headers["Authorization"] = f"Bearer {self._sign_in()}"

    def _sign_in(self) -> str:
        """Get the token of an admin, which everybody is here."""
        return str(self._http.get("/auth/token").raise_for_status().json()["access_token"])

    def add_connection(self, conn_id: str, fields: Mapping[str, str]) -> None:
        """Put a connection into its database, as somebody does in the UI."""
        self._http.post("/api/v2/connections", json={"connection_id": conn_id, **fields}).raise_for_status()

    def warm_up(self) -> None:
        """Have the API server build its execution API now: seconds of work that the first task waits for."""
        # It answers nobody meanwhile, so the answer is not waited for.
        with contextlib.suppress(httpx.TimeoutException):
            self._http.get("/execution/health", timeout=httpx.Timeout(POLL_TIMEOUT, read=0.1))

    def trigger(self, dag_id: str, *, pulse: Pulse = no_pulse) -> str:
        """
        Ask for a run of a DAG as soon as Airflow knows it, and return the run's id.

        :raises DagLoadError: when the DAG's file cannot be imported, or it is not found.
        """
        # An id of our own: a request that has to be repeated asks for the same run.
        run_id = f"local__{uuid.uuid4().hex[:12]}"

        def accepted() -> bool:
            self.check_running()
            try:
                reply = self._http.post(
                    f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": run_id, "logical_date": None}
                )
            except httpx.TransportError:
                return False
            if reply.is_server_error:  # its database was busy
                return False
            if reply.status_code == httpx.codes.NOT_FOUND:
                self._check_importable(dag_id)
                return False
            if reply.status_code != httpx.codes.CONFLICT:
                reply.raise_for_status()
            return True

        try:
            wait_until(accepted, seconds=FOUND_SECONDS, pulse=pulse)
        except TimeoutError:
            raise DagLoadError(
                f"Airflow did not find the DAG {dag_id} within {FOUND_SECONDS:.0f} s"
            ) from None
        return run_id

    def _check_importable(self, dag_id: str) -> None:
        errors = (self._try_get("/api/v2/importErrors") or {}).get("import_errors", [])
        for error in errors:
            if Path(error["filename"]).stem == dag_id:
                reason = error["stack_trace"].strip().splitlines()[-1]
                raise DagLoadError(f"the DAG file {error['filename']} cannot be imported: {reason}")

    def dag_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """Return a run as Airflow shows it; nothing while Airflow is too busy to answer."""
        return self._try_get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]] | None:
        """Return the tasks of a run, in the order of the DAG; nothing while Airflow is too busy to answer."""
        found = self._try_get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return None if found is None else list(found["task_instances"])

    def set_task_state(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task, as somebody does in the UI."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self._http.patch(path, json={"new_state": state}).raise_for_status()

    def clear_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Have a task run again, as somebody does in the UI."""
        asked = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, "task_ids": [task_id]}
        self._http.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json=asked).raise_for_status()

    def wait_over(self, dag_id: str, run_id: str, *, pulse: Pulse = no_pulse) -> str:
        """
        Wait for the end of a run and return its state.

        :raises ProcessError: when Airflow ends before, or the run takes more than ten minutes.
        """

        def end_state() -> str | None:
            self.check_running()
            state: str = (self.dag_run(dag_id, run_id) or {}).get("state", "")
            return state if state in OVER else None

        failure = f"did not bring the run {run_id} of {dag_id} to its end"
        return self._running().wait_for(end_state, failure, seconds=RUN_SECONDS, pulse=pulse) or ""

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        """Return what one try of a task logged, a line each; nothing when there is no log."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = (self._try_get(path, params={"full_content": "true"}, timeout=10.0) or {}).get(
            "content", []
        )
        return [line for entry in content for line in _log_lines(entry)]

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:  # noqa: ANN401 - any JSON
        """Return a value that a task left; nothing when it left none."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        asked = {"stringify": "false", "map_index": str(map_index)}
        return (self._try_get(path, params=asked, timeout=10.0) or {}).get("value")

    def links(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> dict[str, str | None]:
        """Return the extra links of a task by their names."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        found = self._try_get(path, params={"map_index": str(map_index)}, timeout=10.0) or {}
        return dict(found.get("extra_links", {}))

    def _try_get(
        self, path: str, params: Mapping[str, str] | None = None, *, timeout: float = POLL_TIMEOUT
    ) -> dict[str, Any] | None:
        try:
            reply = self._http.get(path, params=params, timeout=timeout)
            return dict(reply.raise_for_status().json())
        except (httpx.HTTPError, ValueError):
            return None

    def check_running(self) -> None:
        """
        Refuse to go on without it.

        :raises ProcessError: when it has ended.
        """
        self._running().check_running()

    def stop(self) -> None:
        """End all of its processes; a second time does nothing."""
        # Closed first: an API server waits for open connections before it ends.
        self._http.close()
        for child in reversed(self._children):
            child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _log_lines(entry: str | Mapping[str, Any]) -> list[str]:
    """Take an event, and the reasons of the exception it carries without their stack frames."""
    if isinstance(entry, str):
        return entry.splitlines()
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    return [str(entry.get("event", "")), *errors]


_SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    # Parsing the files again and again would take the processors from the tasks.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
}
