"""An Airflow started here: what all of its processes are told, and what is asked of it over REST."""

from __future__ import annotations

import contextlib
import secrets
import time
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
from processes import Child, Pulse, child_environment, command_path, no_pulse, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

MIGRATE_SECONDS = 180.0
ASKED_SECONDS = 120.0
HEARD_SECONDS = 8.0
FOUND_SECONDS = 120.0
#: `airflow standalone` took 8 to 16 s to end its children in good order.
INTERRUPT_SECONDS = 25.0
#: For questions asked again and again: a busy API server must not hold up whoever asks.
POLL_TIMEOUT = 1.0
OVER = frozenset({"success", "failed"})


class DagLoadError(RuntimeError):
    """Airflow cannot import a DAG file."""


class Airflow(ABC):
    """
    An Airflow of our own, as its environment and its REST API; ``address`` says where once it is started.

    :param home: its AIRFLOW_HOME: logs, generated configuration, and a SQLite database.
    :param dags_folder: where its DAG files lie.
    :param env: more variables for all of its processes.
    """

    def __init__(self, home: Path, dags_folder: Path, env: Mapping[str, str]) -> None:
        self.home = home
        self.address = ""
        self._environment = child_environment(
            AIRFLOW_HOME=str(home),
            AIRFLOW__CORE__DAGS_FOLDER=str(dags_folder),
            # Shared by its processes, kept nowhere: nobody else's token is good here.
            AIRFLOW__API_AUTH__JWT_SECRET=secrets.token_hex(32),
            **{**_SETTINGS, **env},
        )
        self._children: list[Child] = []
        self._http = httpx.Client(trust_env=False, timeout=60.0)

    @abstractmethod
    def check_running(self) -> None:
        """
        Refuse to go on without it.

        :raises ProcessError: when it has ended.
        """

    def stop(self) -> None:
        """End all of its processes; a second time does nothing."""
        # Closed first: an API server waits for open connections before it ends.
        self._http.close()
        for child in reversed(self._children):
            child.stop()

    def migrate(self, *, pulse: Pulse = no_pulse) -> None:
        """
        Make the metadata database.

        :raises ProcessError: when `airflow db migrate` does not end well.
        """
        self._start("db", "migrate", log=self.home / "migrate.log").wait(seconds=MIGRATE_SECONDS, pulse=pulse)

    def _start(self, *arguments: str, log: Path, **env: str) -> Child:
        child = Child(
            [str(command_path("airflow")), *arguments],
            environment=self._environment | env,
            log=log,
            interrupt_seconds=INTERRUPT_SECONDS,
        )
        self._children.append(child)
        return child

    def _listen_at(self, port: int) -> None:
        """Tell all of its processes where its API server will listen."""
        self.address = f"http://127.0.0.1:{port}"
        self._http.base_url = self.address
        self._environment |= {
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.address,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.address}/execution/",
        }

    def _is_healthy(self, parts: Collection[str]) -> bool:
        """Tell whether each of its parts says that it is well."""
        health = self._try_get("/api/v2/monitor/health") or {}
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def _sign_in(self) -> None:
        """Send the token that its API asks for from now on."""
        self._http.headers["Authorization"] = f"Bearer {self._own_token()}"

    def _own_token(self) -> str:
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

    def trigger(
        self,
        dag_id: str,
        *,
        run_id: str = "",
        params: Mapping[str, Any] | None = None,
        pulse: Pulse = no_pulse,
    ) -> str:
        """
        Ask for a run of a DAG as soon as Airflow knows it, and return the run's id.

        :param run_id: what the run is called; any name of its own unless given.
        :param params: of the run, in the place of the DAG's own.
        :raises DagLoadError: when the DAG's file cannot be imported, or it is not found.
        """
        # An id of our own: a request that has to be repeated asks for the same run.
        run_id = run_id or f"local__{uuid.uuid4().hex[:12]}"
        asked = {"dag_run_id": run_id, "logical_date": None, "conf": dict(params or {})}

        reply = self._once_known(
            dag_id, lambda: self._http.post(f"/api/v2/dags/{dag_id}/dagRuns", json=asked), pulse
        )
        if reply.status_code != httpx.codes.CONFLICT:
            reply.raise_for_status()
        return run_id

    def _once_known(self, dag_id: str, ask: Callable[[], httpx.Response], pulse: Pulse) -> httpx.Response:
        """Ask again and again until Airflow knows the DAG and is not too busy to answer."""
        replies: list[httpx.Response] = []

        def answered() -> bool:
            self.check_running()
            try:
                reply = ask()
            except httpx.TransportError:
                return False
            if reply.is_server_error:  # its database was busy
                return False
            if reply.status_code == httpx.codes.NOT_FOUND:
                self._check_importable(dag_id)
                return False
            replies.append(reply)
            return True

        try:
            wait_until(answered, seconds=FOUND_SECONDS, pulse=pulse)
        except TimeoutError:
            raise DagLoadError(
                f"Airflow did not find the DAG {dag_id} within {FOUND_SECONDS:.0f} s"
            ) from None
        return replies[0]

    def _check_importable(self, dag_id: str) -> None:
        errors = (self._try_get("/api/v2/importErrors") or {}).get("import_errors", [])
        for error in errors:
            if Path(error["filename"]).stem == dag_id:
                reason = error["stack_trace"].strip().splitlines()[-1]
                raise DagLoadError(f"the DAG file {error['filename']} cannot be imported: {reason}")

    def unpause(self, dag_id: str) -> None:
        """
        Switch a DAG on, as soon as Airflow knows it.

        Its file is read again: until then nobody watches for its events.
        """
        path = f"/api/v2/dags/{dag_id}"
        reply = self._once_known(dag_id, lambda: self._http.patch(path, json={"is_paused": False}), no_pulse)
        dag = reply.raise_for_status().json()
        self._http.put(f"/api/v2/parseDagFile/{dag['file_token']}").raise_for_status()

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> str:
        """
        Answer a task that asks people, some seconds after it did, as somebody does in the UI.

        :return: what it asked.
        """
        task = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        path = f"{task}/-1/hitlDetails"

        def waits() -> bool:
            return (self._try_get(task) or {}).get("state") in ("awaiting_input", "deferred")

        wait_until(waits, seconds=ASKED_SECONDS)
        # Sooner than the scheduler hears that the worker is done with the task, an answer is lost: the
        # scheduler takes the task for one that was killed, and it asks again. It does not
        # show when it has heard.
        time.sleep(HEARD_SECONDS)
        asked = self._try_get(path)
        answer = {"chosen_options": [option], "params_input": {}}
        self._http.patch(path, json=answer, timeout=60.0).raise_for_status()
        return str((asked or {})["body"])

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
