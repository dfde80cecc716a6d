"""A whole Airflow on this machine: scheduler, DAG processor, triggerer and API server over SQLite."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_base import OVER, Airflow
from processes import Child, ProcessError, Pulse, free_port, no_pulse, session_members

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEALTHY_SECONDS = 240.0
RUN_SECONDS = 600.0
PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


class LocalAirflow(Airflow):
    """
    An Airflow of its own in one directory, reached over REST; ``address`` says where once it is started.

    :param home: its AIRFLOW_HOME: database, logs, generated configuration.
    :param dags_folder: where its DAG files lie.
    :param env: more variables for all of its processes.
    :param port: where it is served if nothing else is; its logs are served behind it.
    """

    def __init__(
        self, home: Path, dags_folder: Path, env: Mapping[str, str] | None = None, *, port: int = 8080
    ) -> None:
        super().__init__(home, dags_folder, {**_SETTINGS, **(env or {})})
        self._port = port
        self.log = home / "standalone.log"
        self._standalone: Child | None = None

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
        port = str(free_port(self._port + 3))
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
        api = free_port(self._port)
        worker_logs = free_port(api + 1)
        trigger_logs = free_port(api + 2, besides={worker_logs})
        self._listen_at(api)
        return {
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
        }

    def wait_healthy(self, *, pulse: Pulse = no_pulse) -> None:
        """
        Wait until each of its parts says that it is well.

        :raises ProcessError: when it ends before, or some part does not get ready.
        """

        def healthy() -> bool:
            self.check_running()
            return self._is_healthy(PARTS)

        failure = "did not get each of its parts ready"
        self._running().wait_for(healthy, failure, seconds=HEALTHY_SECONDS, pulse=pulse)
        self._sign_in()

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

    def check_running(self) -> None:
        """
        Refuse to go on without it.

        :raises ProcessError: when it has ended.
        """
        self._running().check_running()


_SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "4",
}
