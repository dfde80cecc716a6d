"""A connection in Airflow's database: its key is in no process list, page, row or log of a whole Airflow."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx
import pytest
from local_airflow import LocalAirflow
from processes import child_environment, command_path, wait_until
from support.engine import running_engine
from support.keys import give_key
from support.model_server import ModelServer
from support.servers import own_port

from artificer_provider.engine.answering.base import AnswerError
from artificer_provider.engine.llm.process import ModelProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="it takes Linux's /proc"),
]

PROC = Path("/proc")
DAG = Path(__file__).parents[1] / "system" / "dags" / "one_batch.py"
#: How often all processes are looked at (seconds).
EVERY = 0.2


class ProcessList:
    """
    Looks at the command line and the environment of all processes, again and again, from a thread.

    :param secret: what must be in none.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        #: What was looked at: a process that begins another program has another command line.
        self._known: set[tuple[str, bytes]] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        #: Where the secret was, by the command line of the process.
        self.found: dict[str, set[str]] = {}
        #: Every command line that was seen.
        self.seen: set[str] = set()

    def _look(self) -> None:
        while not self._over.wait(EVERY):
            for process in PROC.iterdir():
                if process.name.isdigit() and process.name != str(os.getpid()):
                    self._look_at(process)

    def _look_at(self, process: Path) -> None:
        line = read(process / "cmdline")
        if (process.name, line) in self._known:
            return
        environment = read(process / "environ")
        if environment:  # it has none while it is only just beginning
            self._known.add((process.name, line))
        command = line.replace(b"\0", b" ").decode(errors="replace").strip()
        self.seen.add(command)
        for place, said in (("cmdline", line), ("environ", environment)):
            if self._secret in said:
                self.found.setdefault(command, set()).add(place)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def read(file: Path) -> bytes:
    """Read what is told of a process; nothing where it is gone, or another user's."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="module")
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    server.held_for = 600.0
    yield server
    server.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, model_server: ModelServer) -> Iterator[Engine]:
    """An engine that knows a key by its database, and not by its environment."""
    settings = {"ARTIFICER_ENGINE_LLM_URL": model_server.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    with running_engine(tmp_path_factory.mktemp("keys") / "data", settings) as engine:
        yield engine
        model_server.open.set()


def test_the_process_list_is_really_looked_at(tmp_path: Path) -> None:
    secret = "sk_only_here_0123"
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    with ProcessList(secret) as listed:
        for place in ("cmdline", "environ"):
            environment = {**os.environ, **({"A_KEY": secret} if place == "environ" else {})}
            words = [sys.executable, "-c", code, place, *([secret] if place == "cmdline" else [])]
            with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE) as child:
                wait_until(lambda place=place: {place} in listed.found.values(), seconds=20)  # type: ignore[misc] # it is asked with no argument
                child.communicate()
    assert len(listed.found) == 2


def test_of_the_command_only_the_process_that_was_given_the_key_has_it(guarded: Engine) -> None:
    key = give_key(guarded, owner="o").secret
    command = str(command_path("artificer"))
    environment = child_environment(ARTIFICER_BASE_URL=guarded.url, ARTIFICER_API_KEY=key)
    with ProcessList(key) as listed:
        for words in (["batch", "list"], ["health"], ["batch", "get", "none", "--debug"]):
            subprocess.run([command, *words], env=environment, capture_output=True, check=False, timeout=60)
    assert listed.found, "its own environment, which its user gave it"
    assert all(places == {"environ"} for places in listed.found.values()), listed.found
    assert all(f"{command} " in line for line in listed.found), "it handed its environment on"


async def test_the_process_of_the_small_model_has_no_key_of_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk_of_the_engine_0123"
    for name in ("ARTIFICER_ENGINE_API_KEY", "ARTIFICER_ENGINE_LLM_KEY", "AIRFLOW_CONN_X", "MY_MODELS_KEY"):
        monkeypatch.setenv(name, key)
    model = ModelProcess(tmp_path / "no weights")
    with ProcessList(key) as listed:
        # It ends within a second, between two looks perhaps.
        while not any("artificer_provider.engine.llm.server" in line for line in listed.seen):
            with pytest.raises(AnswerError, match="did not start"):
                await model.served()
    assert listed.found == {}


@pytest.mark.system
def test_the_key_of_a_connection_in_the_database_is_shown_nowhere(
    tmp_path: Path, guarded: Engine, model_server: ModelServer
) -> None:
    key = give_key(guarded, owner="airflow").secret
    home, rows, dags = (tmp_path / name for name in ("home", "rows", "dags"))
    for folder in (home, dags):
        folder.mkdir()
    shutil.copy(DAG, dags)
    env = {
        # Nothing is encrypted: what is in a row can be read there.
        "AIRFLOW__CORE__FERNET_KEY": "",
        "ARTIFICER_TEST_OUTPUT": str(rows),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    model_server.open.clear()
    with ProcessList(key) as listed, LocalAirflow(home, dags, env, port=own_port()) as airflow:
        airflow.migrate()
        airflow.start()
        airflow.wait_healthy()
        fields = {"conn_type": "artificer", "host": guarded.url, "password": key}
        airflow.add_connection("artificer_default", fields)
        runs = {dag: airflow.trigger(dag) for dag in ("one_batch", "one_batch_in_a_worker")}
        triggers = wait_until(lambda: rows_of(home, "SELECT * FROM trigger"), seconds=180)
        model_server.open.set()
        assert [airflow.wait_over(dag, run_id) for dag, run_id in runs.items()] == ["success"] * 2
        pages = dict(shown(airflow, runs))
    assert listed.found == {}
    assert sum(word in line for word in ("triggerer", "api_server", "scheduler") for line in listed.seen) >= 3
    assert "artificer_default" in str(triggers)
    assert key not in str(triggers)
    assert [page for page, text in pages.items() if key in text] == []
    assert sum("run_batch" in text for text in pages.values()) >= 4, "no page tells of the tasks"
    assert rows_of(home, "SELECT password FROM connection") == [(key,)]
    forget_passwords(home)
    assert files_with(key, home, rows, guarded.data.parent) == []


def rows_of(home: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home / "airflow.db", timeout=30)) as database:
        return database.execute(query).fetchall()


def forget_passwords(home: Path) -> None:
    """Take the passwords out of the one place where they belong."""
    with closing(sqlite3.connect(home / "airflow.db", timeout=30, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA secure_delete = ON")
        database.execute("UPDATE connection SET password = NULL")
        database.execute("VACUUM")


def files_with(key: str, *folders: Path) -> list[Path]:
    """Name the files in which the key stands."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert {"airflow.db", "manifest.json", "standalone.log"} <= {path.name for path in files}
    return [path for path in files if key.encode() in path.read_bytes()]


def shown(airflow: LocalAirflow, runs: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Ask for all that Airflow shows of the connection, and of the tasks."""
    paths = ["/", "/docs", "/no/such/page", "/api/v2/eventLogs"]
    paths += ["/api/v2/connections", "/api/v2/connections/artificer_default"]
    paths += ["/artificer/connections", "/artificer/connections/artificer_default/jobs"]
    for dag, run_id in runs.items():
        task = f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances/run_batch"
        paths += [task, f"{task}/xcomEntries", f"{task}/links", f"{task}/logs/1?full_content=true"]
        paths += [f"{task}/xcomEntries/{name}" for name in ("return_value", "artificer_jobs")]
        paths += [f"/artificer/tasks/{dag}/{run_id}/run_batch/-1", f"/dags/{dag}/runs/{run_id}"]
    with httpx.Client(base_url=airflow.address, trust_env=False, timeout=60) as browser:
        token = browser.get("/auth/token").raise_for_status().json()["access_token"]
        browser.headers["Authorization"] = f"Bearer {token}"
        for path in paths:
            reply = browser.get(path)
            assert reply.status_code in (200, 404), f"{path}: {reply.status_code}"
            yield path, reply.text + str(reply.headers)
