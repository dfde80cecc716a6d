"""An Airflow API server with users of each role, and nothing else of Airflow beside it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx
from processes import Child, child_environment, command_path

from support.servers import own_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: A user of each role of Airflow's simple auth manager, and one who is known and may do nothing.
ROLES = {"admin": "admin", "op": "op", "user": "user", "viewer": "viewer", "nobody": ""}
PASSWORD = "open sesame"
MIGRATE_SECONDS = 180.0
READY_SECONDS = 120.0
DAG = """
from airflow.sdk import DAG, task

with DAG("{dag_id}", schedule=None):

    @task
    def run_batch():
        pass

    @task
    def wait_for_batch():
        pass

    @task
    def in_parts(part):
        pass

    run_batch() >> wait_for_batch()
    in_parts.expand(part=[1, 2])
"""


@dataclass(frozen=True)
class Task:
    """A task instance, as a path names it."""

    dag_id: str
    run_id: str
    task_id: str = "run_batch"
    map_index: int = -1

    @property
    def path(self) -> str:
        parts = (self.dag_id, self.run_id, self.task_id, str(self.map_index))
        return "/artificer/tasks/" + "/".join(quote(part, safe="") for part in parts)


def wheel_metadata(project: Path, folder: Path) -> tuple[Path, list[str]]:
    """Build the wheel; give a folder for PYTHONPATH with its metadata, and the names of its files."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        metadata = folder / "metadata"
        packed.extractall(metadata, [name for name in names if ".dist-info/" in name])
    return metadata, names


class ApiServer:
    """
    :param home: its AIRFLOW_HOME.
    :param env: more variables for it.
    :param base_path: where it is on its host, as behind a proxy: ``/air/flow``.
    """

    def __init__(self, home: Path, env: Mapping[str, str], base_path: str = "") -> None:
        self.home = home
        port = own_port()
        self.address = f"http://127.0.0.1:{port}{base_path}"
        passwords = home / "passwords.json"
        passwords.write_text(json.dumps(dict.fromkeys(ROLES, PASSWORD)))
        self._environment = child_environment(
            AIRFLOW_HOME=str(home),
            AIRFLOW__API__BASE_URL=self.address,
            AIRFLOW__API__HOST="127.0.0.1",
            AIRFLOW__API__PORT=str(port),
            AIRFLOW__API__WORKERS="1",
            AIRFLOW__API_AUTH__JWT_SECRET="of a test, and long enough for that to be no complaint",
            AIRFLOW__CORE__DAGS_FOLDER=str(home / "dags"),
            AIRFLOW__CORE__LOAD_EXAMPLES="False",
            AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=",".join(
                f"{name}:{role}" for name, role in ROLES.items()
            ),
            AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=str(passwords),
            **env,
        )
        self._child: Child | None = None
        self._clients: dict[str | None, httpx.Client] = {}

    def migrate(self, *dag_ids: str) -> None:
        """Make the database, with DAGs in it."""
        (self.home / "dags").mkdir()
        for dag_id in dag_ids:
            (self.home / "dags" / f"{dag_id}.py").write_text(DAG.format(dag_id=dag_id))
        self._command("db", "migrate")
        self._command("dags", "reserialize")

    def copy_database(self, other: ApiServer) -> None:
        """Take what another has, which does not run any more."""
        shutil.copytree(other.home / "dags", self.home / "dags")
        shutil.copy(other.home / "airflow.db", self.home)

    def _command(self, *words: str) -> None:
        log = self.home / f"{words[0]}-{words[1]}.log"
        with Child([str(command_path("airflow")), *words], environment=self._environment, log=log) as child:
            child.wait(seconds=MIGRATE_SECONDS)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self.home / "api-server.log"
        arguments = [str(command_path("airflow")), "api-server"]
        self._child = Child(arguments, environment=self._environment, log=log)
        self._child.wait_for(self._answers, "did not answer", seconds=READY_SECONDS)

    def _answers(self) -> bool:
        assert self._child is not None
        self._child.check_running()
        try:
            return self.client(None).get("/api/v2/version").is_success
        except httpx.TransportError:
            return False

    @property
    def log(self) -> str:
        return (self.home / "api-server.log").read_text(errors="replace")

    def client(self, user: str | None) -> httpx.Client:
        """Give a client of a user, or one without a token."""
        if user not in self._clients:
            client = httpx.Client(base_url=self.address, trust_env=False, timeout=30)
            self._clients[user] = client
            if user is not None:
                said = client.post("/auth/token", json={"username": user, "password": PASSWORD})
                client.headers["Authorization"] = f"Bearer {said.raise_for_status().json()['access_token']}"
        return self._clients[user]

    def token(self, user: str) -> str:
        """Sign a user in."""
        return self.client(user).headers["Authorization"].removeprefix("Bearer ")

    def run(self, dag_id: str, run_id: str) -> Task:
        """Make a run of a DAG; nothing of it is run."""
        asked = {"dag_run_id": run_id, "logical_date": None}
        self._post(f"/api/v2/dags/{dag_id}/dagRuns", asked)
        return Task(dag_id, run_id)

    def leave(self, task: Task, key: str, value: Any) -> None:
        """Leave something in XCom as a task does."""
        run = f"/api/v2/dags/{task.dag_id}/dagRuns/{quote(task.run_id, safe='')}"
        path = f"{run}/taskInstances/{task.task_id}/xcomEntries"
        self._post(path, {"key": key, "value": value, "map_index": task.map_index})

    def connect(self, conn_id: str, **fields: str) -> None:
        """Put a connection into the database."""
        self._post("/api/v2/connections", {"connection_id": conn_id, **fields})

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        reply = self.client("admin").post(path, json=body)
        assert reply.is_success, f"{reply.status_code} {reply.text}"

    def stop(self) -> None:
        """End it; a second time does nothing."""
        for client in self._clients.values():
            client.close()
        if self._child is not None:
            self._child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
