"""The process of a chain killed in the middle: nothing is landed twice, nothing recorded is billed twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support import chain
from support.shared import API_KEY, HONEST
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.model_server import ModelServer
    from support.shared import EngineWith

ITEMS = [f"killed {number}" for number in range(60)]
HANDS = 4
KILL_WHEN_ASKED = (15, 70, 119)


def try_in_a_process(folder: Path, changes: dict[str, object]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "support.chain", str(folder), "killed", json.dumps(changes)]
    search = os.pathsep.join(["tests", os.environ.get("PYTHONPATH", ""), *sys.path])
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": search})


@pytest.mark.timeout(180)
def test_a_retry_after_a_kill_pays_for_nothing_that_was_written_down(
    engine_with: EngineWith, models: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "artificer", "host": engine_with(HONEST).url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    changes: dict[str, object] = {"items": ITEMS, "concurrency": HANDS}
    models.delay = 0.02
    in_doubt = 0
    for asked in KILL_WHEN_ASKED:
        process = try_in_a_process(tmp_path, changes)
        wait_until(
            lambda asked=asked, process=process: len(models.calls) >= asked or process.poll() is not None,  # type: ignore[misc] # mypy knows no lambda with defaults
            "the try is in the middle of it",
        )
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, (tmp_path / "log").read_text()
        models.rest()
        answers = Counter(chain.answers_written(tmp_path))
        assert set(answers.values()) <= {1}
        doubtful = Counter(models.texts()) - answers
        in_doubt_now = sum(doubtful.values()) - in_doubt
        assert in_doubt_now <= HANDS  # no more than were under way
        in_doubt += in_doubt_now
    last = try_in_a_process(tmp_path, changes)
    assert last.wait() == 0, (tmp_path / "log").read_text()
    assert [(row["index"], row["output"]) for row in chain.rows(tmp_path)] == [
        (number, f">>{text}") for number, text in enumerate(ITEMS)
    ]
    once = Counter([*ITEMS, *(f">{text}" for text in ITEMS)])
    billed_again = Counter(models.texts()) - once
    assert sum(billed_again.values()) == in_doubt
    assert in_doubt <= HANDS * len(KILL_WHEN_ASKED)
