"""A task killed among its documents: none is read, landed or billed twice that was recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from support import pages
from support.engine import running_engine
from support.reading import landed, text_pdf, times_written
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.model_server import ModelServer

HANDS = 4


def try_in_a_process(folder: Path, kind: str, **changes: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "support.reading", str(folder), kind, "killed", json.dumps(changes)]
    search = os.pathsep.join(["tests", os.environ.get("PYTHONPATH", ""), *sys.path])
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": search})


def kill_when(process: subprocess.Popen[bytes], is_in_the_middle: Callable[[], bool], folder: Path) -> None:
    wait_until(lambda: is_in_the_middle() or process.poll() is not None, "the try is in the middle of it", 60)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, (folder / "log").read_text()


@pytest.mark.timeout(240)
def test_images_whose_answers_were_written_down_are_not_paid_again(
    tmp_path: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inbox").mkdir()
    names = [f"{number:02}.png" for number in range(40)]
    for number, name in enumerate(names):
        picture = Image.new("RGB", (number + 1, 1), "red")
        (tmp_path / "inbox" / name).write_bytes(pages.saved(picture))
    environment = {"ARTIFICER_ENGINE_LLM_URL": model_server.url, "ARTIFICER_ENGINE_VISION_MODEL": "eye"}
    with running_engine(tmp_path / "engine", environment) as engine:
        fields = {"conn_type": "artificer", "host": engine.url, "extra": {"dialect": "rest"}}
        monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
        model_server.delay = 0.05
        in_doubt = 0
        for asked in (10, 25):
            process = try_in_a_process(tmp_path, "analyze", concurrency=HANDS)
            kill_when(process, lambda asked=asked: len(model_server.calls) >= asked, tmp_path)  # type: ignore[misc] # mypy knows no lambda with defaults
            model_server.rest()
            in_doubt_now = len(model_server.calls) - sum(times_written(tmp_path / "rows").values()) - in_doubt
            assert 0 <= in_doubt_now <= HANDS  # no more than were under way
            in_doubt += in_doubt_now
        last = try_in_a_process(tmp_path, "analyze", concurrency=HANDS)
        assert last.wait() == 0, (tmp_path / "log").read_text()
    assert times_written(tmp_path / "rows") == dict.fromkeys(names, 1)
    assert [row["file"].rpartition("/")[2] for row in landed(tmp_path / "rows")] == names
    assert {row["status"] for row in landed(tmp_path / "rows")} == {"succeeded"}
    assert len(model_server.calls) == len(names) + in_doubt


@pytest.mark.timeout(240)
def test_pdfs_that_were_read_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inbox").mkdir()
    names = [f"{number:03}.pdf" for number in range(200)]
    for name in names:
        (tmp_path / "inbox" / name).write_bytes(text_pdf(name, pages=20))
    fields = {"conn_type": "artificer", "host": "http://127.0.0.1:9", "extra": {"dialect": "rest"}}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    for written in (20, 90):
        process = try_in_a_process(tmp_path, "process", concurrency=HANDS)
        kill_when(
            process,
            lambda written=written: len(times_written(tmp_path / "rows")) >= written,  # type: ignore[misc] # mypy knows no lambda with defaults
            tmp_path,
        )
        assert not (tmp_path / "rows" / "manifest.json").exists()
    last = try_in_a_process(tmp_path, "process", concurrency=HANDS)
    assert last.wait() == 0, (tmp_path / "log").read_text()
    assert times_written(tmp_path / "rows") == dict.fromkeys(names, 1)
    rows = landed(tmp_path / "rows")
    assert [row["text"].split()[0] for row in rows] == names
    assert {row["pages"] for row in rows} == {20}
