"""A distributed Airflow: PostgreSQL, Redis, and each of its parts as a process of its own, some twice."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_base import OVER, Airflow
from processes import Child, ProcessError, Pulse, no_pulse, session_members, wait_until

from support.servers import Postgres, Redis, own_port
from support.warden import Warden

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEALTHY_SECONDS = 180.0
#: What Airflow's health page knows of.
HEALTH = ("metadatabase", "scheduler", "triggerer", "dag_processor")
PARTS = {
    "api-server": ("api-server",),
    "scheduler-1": ("scheduler",),
    "scheduler-2": ("scheduler",),
    "triggerer-1": ("triggerer", "--skip-serve-logs"),
    "triggerer-2": ("triggerer", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "worker-1": ("celery", "worker", "--skip-serve-logs"),
    "worker-2": ("celery", "worker", "--skip-serve-logs"),
}

#: What is shortened, in seconds, that a fault is found out within seconds and not minutes.
SHORTENED = {
    # A worker tells the API server that its task lives. It gives the task up after the third time in vain.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",  # 5
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "5",  # 90
    # A task of which nothing was heard is failed, or tried again.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",  # 300
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",  # 10
    # A task that no worker takes up is queued again.
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "40",  # 600
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",  # 120
    # A scheduler's tasks are adopted by the other.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",  # 5
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",  # 5
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "12",  # 30
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",  # 300
    # A triggerer's triggers are adopted by the other.
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",  # 5
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",  # 30
}

#: What is made small, for a machine of two cores.
_SMALL = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CORE__PARALLELISM": "8",  # of each scheduler
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
    "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
    "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps({"imports": ["support.preloaded"]}),
    # Many tasks at once ask an API server that has just been started: with 13 connections all of them waited
    # within a transaction, longer than the tasks wait for an answer. The default is 15.
    "AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": "40",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "20",  # 5: beside others' work the API server takes longer
    "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "10",  # 2: a fault may last longer than that
}


@dataclass
class _Part:
    """One of Airflow's processes; ``is_wanted`` unless a test has taken it away for a while."""

    child: Child
    is_wanted: bool = True
    began: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class TaskLine:
    """A task, as Airflow's database has it."""

    run_id: str
    task_id: str
    map_index: int
    state: str | None
    tries: int


class Cluster(Airflow):
    """
    A distributed Airflow in one directory.

    :param home: its AIRFLOW_HOME.
    :param dags_folder: where its DAG files lie.
    :param env: more variables for all of its processes.
    """

    def __init__(self, home: Path, dags_folder: Path, env: Mapping[str, str]) -> None:
        super().__init__(home, dags_folder, {**_SMALL, **SHORTENED, **env})
        self.restarts: list[str] = []
        self._parts: dict[str, _Part] = {}
        self._of_part: dict[str, dict[str, str]] = {}
        self._ends = ExitStack()
        try:
            self.warden = Warden()
            self._ends.callback(self.warden.close)
            self.database = Postgres(home, self.warden)
            self._ends.callback(self.database.stop)
            self.broker = Redis(home, self.warden)
            self._ends.callback(self.broker.stop)
        except BaseException:
            self._ends.close()
            raise
        self._environment |= {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database.url,
            "AIRFLOW__CELERY__BROKER_URL": self.broker.url(0),
            "AIRFLOW__CELERY__RESULT_BACKEND": self.broker.url(1),
        }

    def start(
        self, connections: Mapping[str, Mapping[str, Any]], of_part: Mapping[str, Mapping[str, str]]
    ) -> None:
        """
        Start all of its parts, without waiting for them to be ready.

        :param connections: by connection id, the fields of each connection the DAGs can use.
        :param of_part: by part, what else it finds in its environment.
        """
        for name, fields in connections.items():
            self._environment[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(fields)
        self._of_part = {name: dict(env) for name, env in of_part.items()}
        self._listen_at(own_port())
        for name in PARTS:
            self.start_part(name)

    def start_part(self, name: str) -> None:
        """Start a part, or start it again."""
        arguments, log = [*PARTS[name]], self.home / f"{name}.log"
        if name.startswith("worker"):
            pid_file = self.home / f"{name}.pid"
            pid_file.unlink(missing_ok=True)  # of one that was killed
            arguments += ["--celery-hostname", f"{name}@localhost", "--pid", str(pid_file)]
        if log.exists():
            log.rename(self.home / f"{name}.{len(self._children)}.log")
        self._parts[name] = _Part(self._start(*arguments, log=log, **self._of_part.get(name, {})))

    def _start(self, *arguments: str, log: Path, **env: str) -> Child:
        child = super()._start(*arguments, log=log, **env)
        self.warden.look_after(child.pid)
        return child

    def processes_of(self, name: str) -> list[int]:
        """Name the living processes of a part, the first one first."""
        return sorted(session_members(self._parts[name].child.pid))

    def kill_part(self, name: str) -> int:
        """Kill a part with all of its processes, until it is started again; tell how many those were."""
        processes = self.processes_of(name)
        self._parts[name].is_wanted = False
        self._parts[name].child.kill()
        return len(processes)

    def tasks_of(self, run_id: str) -> list[TaskLine]:
        """All tasks of a run: the REST API gives pages of a hundred."""
        query = (
            "SELECT run_id, task_id, map_index, state, try_number FROM task_instance "
            "WHERE run_id = :run ORDER BY task_id, map_index"
        )
        return [TaskLine(*row) for row in self.database.rows(query, run=run_id)]

    def logged(self, words: str) -> int:
        """Count the lines of all tasks' logs that have these words."""
        sought = words.encode()
        return sum(
            sum(sought in line for line in log.read_bytes().splitlines())
            for log in (self.home / "logs").glob("dag_id=*/**/*.log")
        )

    def run_python(self, module: str, *arguments: str) -> None:
        """
        Run a module with the configuration of its parts, to its end.

        :raises ProcessError: when it does not end well.
        """
        log = self.home / f"{module}.log"
        command = [sys.executable, "-m", module, *arguments]
        with Child(command, environment=self._environment, log=log) as child:
            self.warden.look_after(child.pid)
            child.wait(seconds=HEALTHY_SECONDS)

    def wait_healthy(self) -> None:
        """
        Wait until each of its parts is well, and the workers listen.

        :raises ProcessError: when one ends before, or the time is up.
        """

        def healthy() -> bool:
            self.check_running()
            workers = [part.child for name, part in self._parts.items() if name.startswith("worker")]
            return self._is_healthy(HEALTH) and all(" ready." in worker.output() for worker in workers)

        api = self._parts["api-server"].child
        api.wait_for(healthy, "did not see each part ready", seconds=HEALTHY_SECONDS)
        self._sign_in()

    def wait_over(self, dag_id: str, run_id: str, *, seconds: float, pulse: Pulse = no_pulse) -> str:
        """
        Wait for the end of a run and return its state.

        :raises TimeoutError: when the time is up.
        """

        def end_state() -> str | None:
            self.check_running()
            state: str = (self.dag_run(dag_id, run_id) or {}).get("state", "")
            return state if state in OVER else None

        return wait_until(end_state, seconds=seconds, pulse=pulse) or ""

    def wait_ready(self, name: str) -> None:
        """Wait until a triggerer that was started tells Airflow's database that it lives."""
        query = (
            "SELECT 1 FROM job WHERE job_type = 'TriggererJob' AND state = 'running' AND start_date > :begin"
        )
        begin = self._parts[name].began
        self._parts[name].child.wait_for(
            lambda: self.database.rows(query, begin=begin), "was not ready", seconds=HEALTHY_SECONDS
        )

    def check_running(self) -> None:
        """
        Start the parts again that ended by themselves, as whatever runs a service does.

        :raises ProcessError: when it was not started.
        """
        if not self._parts:
            raise ProcessError("the cluster was not started")
        for name, part in list(self._parts.items()):
            if part.is_wanted and part.child.exit_code is not None:
                self.restarts.append(name)
                self.start_part(name)

    def stop(self) -> None:
        """End all of its processes; a second time does nothing."""
        with self._ends:
            for part in self._parts.values():
                part.child.kill()  # in good order they would wait for each other's answers
            super().stop()
