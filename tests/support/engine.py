"""The embedded engine as a real process on a free port."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from support.forge import COMMAND, Streams, start_command
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STOP_SECONDS = 15.0
ENGINE = [*COMMAND, "engine"]


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give our environment without its engine settings: a developer's own must not change a test."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ARTIFICER_")}
    return {**ours, **(more or {})}


class Engine:
    """One engine process, and a client that talks to it."""

    def __init__(self, data: Path, environment: Mapping[str, str], arguments: Sequence[str] = ()) -> None:
        self.data = data
        self.arguments = arguments
        self.environment = dict(environment)
        self.log = data.parent / f"{data.name}.log"
        self._clients: list[httpx.Client] = []
        self.start()

    def start(self) -> None:
        environment = clean_environment({"XDG_DATA_HOME": str(self.data.parent), **self.environment})
        words = ["engine", "--port", "0", "--data", str(self.data), *self.arguments]
        said, theirs = os.pipe()
        self._said = os.fdopen(said)
        with self.log.open("ab") as log, Path(os.devnull).open("rb") as nothing, os.fdopen(theirs) as out:
            streams = Streams(nothing.fileno(), out.fileno(), log.fileno())
            self.process = start_command(words, environment, Path.cwd(), streams)
        self.ready = self._said.readline()
        if not self.ready:
            self._said.close()
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the engine did not start: {self.log.read_text()}")
        self.url = next(word for word in self.ready.split() if word.startswith("http://"))
        key = self.environment.get("ARTIFICER_ENGINE_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = _client(self.url, headers)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process, and give its exit code."""
        for each in (self.http, *self._clients):
            each.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._said.close()

    def client(self, **headers: str) -> httpx.Client:
        """Open a client that sends these headers alone; it is closed with the engine."""
        opened = _client(self.url, headers)
        self._clients.append(opened)
        return opened

    def create(self, body: Mapping[str, Any], **headers: str) -> dict[str, Any]:
        reply = self.http.post("/api/batch", json=body, headers=headers)
        assert reply.status_code == 200, reply.text
        created: dict[str, Any] = reply.json()
        return created

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/api/batch/{job_id}").raise_for_status().json()
        return found

    def act(self, job_id: str, action: str) -> httpx.Response:
        return self.http.post(f"/api/batch/{job_id}/{action}")

    def results(self, job_id: str) -> list[dict[str, Any]]:
        reply = self.http.get(f"/api/batch/{job_id}/results").raise_for_status()
        rows: list[dict[str, Any]] = reply.json()
        return rows

    def wait_for(self, job_id: str, status: str, seconds: float = 60.0) -> dict[str, Any]:
        wait_until(lambda: self.job(job_id)["status"] == status, f"job {status}", seconds)
        return self.job(job_id)


def _client(url: str, headers: Mapping[str, str]) -> httpx.Client:
    # To read the certificates of all authorities takes a tenth of a second, and this is plain HTTP.
    return httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False, verify=False)  # noqa: S501 - as above


@contextmanager
def running_engine(
    data: Path, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
) -> Iterator[Engine]:
    """Run an engine, with what else is on its command line, and end it whatever happens."""
    engine = Engine(data, environment or {}, arguments)
    try:
        yield engine
    finally:
        engine.end()
