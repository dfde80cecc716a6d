"""The demo, as somebody at a terminal runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = REPOSITORY / "dags_examples" / "data" / "documents.jsonl"


class RunningDemo:
    """The demo as a process; whatever it starts has ``temporary`` in its environment."""

    def __init__(self, temporary: Path, **environment: str) -> None:
        self._temporary = temporary
        self._log = temporary / "demo.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(REPOSITORY / "tools" / "demo.py")],
                env=os.environ | environment | {"TMPDIR": str(temporary), "COLUMNS": "120"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def homes(self) -> list[Path]:
        return list(self._temporary.glob("artificer-demo-*"))

    def wait_for_process(self, name: str) -> None:
        """Wait until it has started something whose command line ends with this word."""
        wait_until(lambda: self.ended or name in map(_last_word, self.processes()), seconds=120)
        assert not self.ended, self.output

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def processes(self) -> list[int]:
        marker = f"TMPDIR={self._temporary}\0".encode()
        return [pid for pid in _all_processes() if marker in _read(pid, "environ")]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def exit_code(self) -> int:
        return self._process.wait(timeout=280)

    def end(self) -> None:
        if not self.ended:
            self.send(signal.SIGTERM)
            self._process.wait(timeout=60)


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _last_word(pid: int) -> str:
    return _read(pid, "cmdline").rstrip(b"\0").rpartition(b"\0")[2].decode()


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "with a space"
    folder.mkdir()
    return folder


@pytest.fixture
def port_8080_taken() -> Iterator[None]:
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", 8080))
        except OSError:
            pass  # taken by somebody else: as good
        else:
            listener.listen()
        yield


@pytest.mark.usefixtures("port_8080_taken")
def test_the_demo_lands_a_row_for_every_document_though_its_port_is_taken(temporary: Path) -> None:
    demo = RunningDemo(temporary)
    try:
        assert demo.exit_code() == 0, demo.output
    finally:
        demo.end()

    documents = _lines(DOCUMENTS)
    landed = re.search(r"^36 of 36 documents succeeded\. Their rows are in (.+)$", demo.output, re.MULTILINE)
    assert landed, demo.output
    rows = [row for file in Path(landed[1]).glob("rows-*.jsonl") for row in _lines(file)]
    assert [(row["metadata"]["id"], row["input"]) for row in rows] == [
        (document["id"], document["text"]) for document in documents
    ]
    table = demo.output[demo.output.index("Title") :].splitlines()[2:38]
    for line, document, row in zip(table, documents, rows, strict=True):
        assert line.startswith(document["title"][:30])
        assert f" {row['phase_outputs']['classify']} " in line
        assert row["phase_models"]["summarize"] in line
        assert len(line) <= 120
    assert re.search(r"Airflow \d+\.\d s .* DAG run \d+\.\d s .* stop \d+\.\d s$", demo.output, re.MULTILINE)
    assert demo.processes() == []
    assert demo.homes == []


def test_ctrl_c_while_airflow_starts_leaves_no_process_and_no_files(temporary: Path) -> None:
    demo = RunningDemo(temporary)
    try:
        demo.wait_for_process("scheduler")
        started = demo.processes()
        demo.send(signal.SIGINT)
        assert demo.exit_code() == 130, demo.output
    finally:
        demo.end()

    assert len(started) > 3
    assert demo.processes() == []
    assert demo.homes == []
    assert "nothing is left running" in demo.output


def test_an_engine_that_cannot_start_is_one_clear_sentence(temporary: Path) -> None:
    demo = RunningDemo(temporary, ARTIFICER_ENGINE_LLM_URL="no address", ARTIFICER_ENGINE_LLM_MODEL="some")
    try:
        assert demo.exit_code() == 1, demo.output
    finally:
        demo.end()

    problem = next(line for line in demo.output.splitlines() if line.startswith("The demo failed: "))
    assert "`artificer engine` ended by itself with exit code 2" in problem
    assert "ARTIFICER_ENGINE_LLM_URL is no http(s) address" in problem
    assert "Traceback" not in demo.output
    assert demo.processes() == []
    [home] = demo.homes
    assert (home / "engine.log").exists()


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
