"""The embedded engine, run as a process of its own on a free port of this machine."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import httpx
from processes import Child, ProcessError, Pulse, child_environment, command_path, no_pulse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY = re.compile(r"^Artificer engine \S+ on (http://\S+)", re.MULTILINE)
READY_SECONDS = 60.0


@dataclass(frozen=True)
class BatchProgress:
    """How far the newest batch job is."""

    status: str
    phase: str | None
    ended: int
    total: int


class LocalEngine:
    """
    An embedded engine.

    :param data: the directory it keeps its database in.
    :param log: the file its output goes to.
    :param env: more variables for it.
    """

    def __init__(self, data: Path, *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.address: str | None = None
        self.log = log
        self.ready_after: float | None = None
        self._data = data
        self._environment = child_environment()
        # It listens on loopback only; with a key of the user's it would refuse those who come without.
        self._environment.pop("ARTIFICER_ENGINE_API_KEY", None)
        self._environment |= env or {}
        self._child: Child | None = None
        self._started_at = 0.0
        self._http = httpx.Client(trust_env=False, timeout=1.0)

    def start(self, port: int = 0) -> None:
        """
        Start it, without waiting for it to be ready.

        :param port: where it listens; any free one unless given.
        """
        self._started_at = time.monotonic()
        arguments = [str(command_path("artificer")), "engine", "--port", str(port), "--data", str(self._data)]
        self._child = Child(arguments, environment=self._environment, log=self.log, interrupt_seconds=10.0)

    def look(self) -> str | None:
        """
        Return its address, known as soon as it says that it is ready.

        :raises ProcessError: when it has ended.
        """
        child = self._started()
        if self.address is None and (ready := READY.search(child.output())):
            self.address = ready[1]
            self.ready_after = time.monotonic() - self._started_at
        child.check_running()
        return self.address

    def wait_ready(self, *, pulse: Pulse = no_pulse) -> None:
        """
        Wait until it listens.

        :raises ProcessError: when it ends before, or is not ready within a minute.
        """
        self._started().wait_for(self.look, "was not ready", seconds=READY_SECONDS, pulse=pulse)

    def _started(self) -> Child:
        if self._child is None:
            raise ProcessError("the engine was not started")
        return self._child

    @property
    def connection(self) -> dict[str, str]:
        """The fields of an Airflow connection to it."""
        return {"conn_type": "artificer", "host": self.address or ""}

    def newest_batch(self) -> BatchProgress | None:
        """Return how far the newest batch job is; nothing when there is none or the engine is busy."""
        if self.address is None:
            return None
        try:
            reply = self._http.get(f"{self.address}/api/batch", params={"limit": 5})
            jobs = reply.raise_for_status().json()
        except httpx.HTTPError:
            return None
        if not jobs:
            return None
        newest = jobs[0]
        return BatchProgress(
            status=newest["status"],
            phase=newest.get("currentPhase"),
            ended=newest["completedItems"] + newest["failedItems"],
            total=newest["totalItems"],
        )

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._started().pid

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._started().kill()

    def start_again(self) -> None:
        """Start it where it was before it was killed, without waiting for it to be ready."""
        port = urlsplit(self.address or "").port or 0
        self.address = None
        self.start(port)

    def crash(self) -> None:
        """Kill it, and start it again where it was, without waiting for it to be ready."""
        self.kill()
        self.start_again()

    def stop(self) -> None:
        """End it; a second time does nothing."""
        self._http.close()
        if self._child is not None:
            self._child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
