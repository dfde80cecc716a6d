"""Real processes over real HTTP: an engine on a free port, and a model server that counts its calls."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from pathlib import Path

STOP_SECONDS = 15.0
ENGINE = [sys.executable, "-m", "artificer_provider.cli", "engine"]


def _wait_until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Look again and again until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def _clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give our environment without its engine settings: a developer's own must not change a test."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ARTIFICER_")}
    return {**ours, **(more or {})}


WaitUntil = Callable[..., None]
CleanEnvironment = Callable[[Mapping[str, str] | None], dict[str, str]]


class Engine:
    """One engine process, and a client that talks to it."""

    def __init__(self, data: Path, environment: Mapping[str, str]) -> None:
        self.data = data
        self.environment = dict(environment)
        self.log = data.parent / f"{data.name}.log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*ENGINE, "--port", "0", "--data", str(self.data)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_clean_environment(self.environment),
            )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()
        assert self.ready, f"the engine did not start: {self.log.read_text()}"
        self.url = next(word for word in self.ready.split() if word.startswith("http://"))
        key = self.environment.get("ARTIFICER_ENGINE_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process, and give its exit code."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()

    def create(self, body: Mapping[str, Any], **headers: str) -> dict[str, Any]:
        reply = self.http.post("/api/batch", json=body, headers=headers)
        assert reply.status_code == 201, reply.text
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
        _wait_until(lambda: self.job(job_id)["status"] == status, f"job {status}", seconds)
        return self.job(job_id)


class ModelServer:
    """A real OpenAI-compatible server: it counts every call, and can be told to hold answers back or fail.

    A text's answer is the text with ``>`` before it, so that the phases it went through can be counted.
    """

    model = "test-model-2026"

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answered: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.failures: dict[str, list[int]] = {}  # by text, the statuses to answer with first
        self.retry_after = "0"
        self.open = threading.Event()
        self.open.set()
        self.in_flight = 0
        self.most_in_flight = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def texts(self) -> list[str]:
        """What was asked, call by call."""
        with self._lock:
            return [call["messages"][-1]["content"] for call in self.calls]

    def reply_to(self, call: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        text = call["messages"][-1]["content"]
        with self._lock:
            self.calls.append(call)
            self.headers.append(headers)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            failures = self.failures.get(text, [])
            status = failures.pop(0) if failures else 200
        self.open.wait(60)
        with self._lock:
            self.in_flight -= 1
            self.answered.append(text)
        if status != 200:
            return status, {"error": {"message": f"told to fail with {status}"}}
        return 200, {
            "model": self.model,
            "choices": [{"message": {"role": "assistant", "content": f">{text}"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                known = self.path == "/v1/models"
                self._send(200 if known else 404, {"data": [{"id": "small"}, {"id": "large"}]})

            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/v1/chat/completions"
                self._send(*server.reply_to(call, dict(self.headers)))

            def _send(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    if status != 200:
                        self.send_header("Retry-After", server.retry_after)
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True  # the engine was killed meanwhile

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Handler


RunningEngine = Callable[..., AbstractContextManager[Engine]]


@contextmanager
def _running_engine(data: Path, environment: Mapping[str, str] | None = None) -> Iterator[Engine]:
    """Run an engine, and end it whatever happens."""
    engine = Engine(data, environment or {})
    try:
        yield engine
    finally:
        engine.end()


@pytest.fixture(scope="session")
def wait_until() -> WaitUntil:
    """Look again and again until something is so."""
    return _wait_until


@pytest.fixture(scope="session")
def clean_environment() -> CleanEnvironment:
    """Make an environment without a developer's own engine settings."""
    return _clean_environment


@pytest.fixture(scope="session")
def running_engine() -> RunningEngine:
    """Run an engine of the test's own, in a data directory and with settings it names."""
    return _running_engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with the extractive answerers only, shared by a module's tests."""
    with _running_engine(tmp_path_factory.mktemp("engine") / "data") as started:
        yield started


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A model server of the test's own."""
    server = ModelServer()
    yield server
    server.close()


@pytest.fixture
def llm_engine(tmp_path: Path, model_server: ModelServer) -> Iterator[Engine]:
    """An engine that hands texts to ``model_server``."""
    environment = {
        "ARTIFICER_ENGINE_LLM_URL": model_server.url,
        "ARTIFICER_ENGINE_LLM_MODEL": "small",
        "ARTIFICER_ENGINE_LLM_KEY": "model-key",
    }
    with _running_engine(tmp_path / "data", environment) as started:
        try:
            yield started
        finally:
            model_server.open.set()
