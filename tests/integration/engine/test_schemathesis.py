"""The running engine against its own document: whatever is sent, it describes every reply."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.engine import Engine

#: More finds more, and takes longer.
EXAMPLES = os.environ.get("ARTIFICER_SCHEMATHESIS_EXAMPLES", "5")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 * int(EXAMPLES))]
SETTINGS = Path(__file__).with_name("schemathesis.toml")


def test_no_request_makes_the_engine_fail_or_say_what_its_document_does_not(
    engine: Engine, tmp_path: Path
) -> None:
    told = attack(engine, tmp_path, "--exclude-tag", "orchestration")
    assert "Tested: 67" in told


def test_nor_where_a_language_model_answers(llm_engine: Engine, tmp_path: Path) -> None:
    # Their replies lead nowhere: there are no links to follow.
    phases = ("--phases", "examples,coverage,fuzzing")
    told = attack(llm_engine, tmp_path, "--include-tag", "orchestration", *phases)
    assert "Tested: 5" in told
    assert llm_engine.http.get("/api/orchestration/analytics").json()["summary"]["successful"] > 0


def attack(engine: Engine, scratch: Path, *options: str) -> str:
    """Send an engine what schemathesis makes of its document, and give the report."""
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(SETTINGS)),
            *("run", f"{engine.url}/openapi.json", "--max-examples", EXAMPLES, *options),
        ],
        capture_output=True,
        text=True,
        cwd=scratch,
        check=False,
    )
    assert found.returncode == 0, found.stdout
    assert "Traceback" not in engine.log.read_text()
    return found.stdout
