"""The command: what it says when it starts, and when it cannot."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.command import Command
from support.engine import clean_environment
from support.imports import printed

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine


@pytest.fixture
def run(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_one_line_says_that_the_engine_is_ready(engine: Engine) -> None:
    assert re.fullmatch(
        r"Artificer engine \d+\.\d+\.\d+ on http://127\.0\.0\.1:\d+ \(data: .+, models: extractive, .+\)\n",
        engine.ready,
    )
    assert str(engine.data) in engine.ready
    health = engine.http.get("/health").json()
    assert (health["status"], health["mode"], health["defaultModel"]) == ("ok", "embedded", "extractive")
    assert health["batchJobs"] == {"running": 0, "pending": 0}


def test_the_version_and_help_need_nothing_heavy(run: Command) -> None:
    assert re.fullmatch(r"artificer \d+\.\d+\.\d+\n", run("--version").out)
    assert "engine" in run("--help").out
    heavy = "fastapi uvicorn pydantic httpx onnxruntime numpy airflow sqlite3"
    probe = f"import sys, artificer_provider.cli; print([m for m in {heavy.split()} if m in sys.modules])"
    assert printed(probe) == "[]\n"


def test_a_missing_extra_is_named() -> None:
    blocked = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from artificer_provider.cli import main; sys.exit(main(['engine', '--port', '0']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked],
        capture_output=True,
        text=True,
        env=clean_environment(None),
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'airflow-provider-artificer[engine]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_in_use_is_named_and_nothing_is_left(run: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("engine", "--port", port, "--data", str(tmp_path / "new"))
    assert (done.code, done.out) == (2, "")
    assert port in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_data_directory_in_use_is_named(run: Command, engine: Engine) -> None:
    done = run("engine", "--port", "0", "--data", str(engine.data))
    assert (done.code, done.out) == (2, "")
    assert str(engine.data) in done.err
    assert "nother engine" in done.err


def test_a_data_directory_that_cannot_be_made_is_named(run: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    for data in (tmp_path / "file", tmp_path / "file" / "below"):
        done = run("engine", "--port", "0", "--data", str(data))
        assert (done.code, done.out) == (2, "")
        assert str(data) in done.err
        assert done.err.count("\n") == 1


def test_a_file_that_is_no_database_of_ours_is_left_alone(run: Command, tmp_path: Path) -> None:
    database = tmp_path / "engine.sqlite3"
    database.write_bytes(b"no database at all" * 100)
    done = run("engine", "--port", "0", "--data", str(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert str(database) in done.err
    assert database.read_bytes() == b"no database at all" * 100


@pytest.mark.parametrize(
    ("words", "environment", "hint"),
    [
        (["--host", "0.0.0.0"], {}, "ARTIFICER_ENGINE_API_KEY"),  # noqa: S104 - it must be refused
        (["--host", "203.0.113.7"], {"ARTIFICER_ENGINE_API_KEY": "k"}, "203.0.113.7"),
        (["--host", "no.such.host.invalid"], {"ARTIFICER_ENGINE_API_KEY": "k"}, "no.such.host.invalid"),
        (["--port", "70000"], {}, "70000"),
        ([], {"ARTIFICER_ENGINE_LLM_URL": "localhost:11434"}, "ARTIFICER_ENGINE_LLM_URL"),
        ([], {"ARTIFICER_ENGINE_LLM_URL": "http://me:secret@127.0.0.1:1"}, "ARTIFICER_ENGINE_LLM_KEY"),
    ],
)
def test_wrong_settings_are_named(
    run: Command,
    tmp_path: Path,
    words: list[str],
    environment: dict[str, str],
    hint: str,
) -> None:
    run.settings.update(environment)
    done = run("engine", "--port", "0", "--data", str(tmp_path / "new"), *words)
    assert (done.code, done.out) == (2, "")
    assert hint in done.err.splitlines()[-1]
    assert not (tmp_path / "new").exists()
