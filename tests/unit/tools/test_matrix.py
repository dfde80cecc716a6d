"""What a matrix of Airflows and Pythons makes of what it is asked, and of what its tests say."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import matrix
import pytest
from _interpreter import BootstrapError
from matrix import ALL, DEFAULT, OLDER, RELEASES, SELECTIONS, Cell, Installer

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.a" name="good" /><testcase classname="tests.unit.a" name="good too" />
<testcase classname="tests.unit.a" name="left out"><skipped message="needs Airflow 3.3" /></testcase>
<testcase classname="tests.unit.a" name="bad"><failure message="assert" /></testcase>
<testcase classname="tests.unit.b" name="broken"><error message="fixture" /></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("words", "cells"),
    [
        ([], DEFAULT),
        (["all"], ALL),
        (["older"], OLDER),
        (["3.1/3.13", "older", "3.1/3.12"], ("3.1/3.13", *OLDER)),
    ],
)
def test_cells_are_named_one_by_one_or_together(words: list[str], cells: tuple[str, ...]) -> None:
    assert matrix.arguments_of(words).cells == list(cells)


def test_a_cell_that_is_none_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        matrix.arguments_of(["2.11/3.12"])
    said = capsys.readouterr().err
    assert "2.11/3.12 is no cell" in said
    assert "3.3/3.13" in said


@pytest.mark.parametrize("selection", SELECTIONS)
def test_what_a_selection_runs_is_there(selection: str) -> None:
    paths = [word for run in SELECTIONS[selection] for word in run if word.startswith("tests/")]
    assert paths
    assert not [path for path in paths if not (matrix.ROOT / path).exists()]


def test_a_report_is_counted_by_what_became_of_each_test(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    cell = Cell("3.1", "3.12")
    matrix.count(cell, report, "pytest ended with 1")
    assert (cell.passed, cell.skipped) == (2, 1)
    assert cell.failures == ["tests.unit.a::bad", "tests.unit.b::broken"]
    assert not cell.good


def test_a_run_that_ends_before_it_reports_is_a_failure(tmp_path: Path) -> None:
    cell = Cell("3.1", "3.12")
    matrix.count(cell, tmp_path / "none.xml", "log: pytest ended with 4")
    assert cell.failures == ["log: pytest ended with 4"]


@pytest.fixture
def burning(tmp_path: Path) -> Installer:
    """An installer that can do nothing."""
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "uv 1" && exit 0\necho "error: it burns" >&2; exit 2\n'
    )
    uv.chmod(0o755)
    return Installer({"PATH": f"{uv.parent}{os.pathsep}{os.environ['PATH']}"})


def test_a_python_that_is_not_here_is_named_and_fails_nothing(tmp_path: Path, burning: Installer) -> None:
    cell = Cell("3.2", "3.13")
    matrix.try_cell(cell, None, tmp_path / "wheel", burning, "short")
    assert cell.good
    assert matrix.told([cell]).splitlines()[1] == "3.2.2    3.13    there is no Python 3.13 here"


def test_a_pin_that_was_moved_fails_a_cell_whose_tests_are_good() -> None:
    cell = Cell("3.3", "3.12", passed=9, moved=["pydantic==2.0"])
    assert not cell.good
    assert matrix.told([cell]).endswith("3.3/3.12: the pin pydantic==2.0 was moved")


def test_an_installation_that_fails_is_told_with_what_the_installer_said(
    tmp_path: Path, burning: Installer
) -> None:
    with pytest.raises(BootstrapError, match="error: it burns"):
        burning.install(tmp_path / "python", ["x"], tmp_path / "log", day=RELEASES["3.1"].day)


def test_without_uv_it_is_said_where_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="make test-matrix has one"):
        Installer({"PATH": str(tmp_path)})


def test_tests_that_are_broken_off_are_asked_to_clear_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared = tmp_path / "cleared"
    code = (
        "import pathlib, time\n"
        "try:\n print(flush=True); time.sleep(60)\n"
        f"except KeyboardInterrupt: pathlib.Path({str(cleared)!r}).touch()"
    )
    monkeypatch.setattr(matrix, "RUN_SECONDS", 0.1)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as tests:
        assert tests.stdout is not None
        tests.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            matrix.ended(tests)
    assert cleared.exists()
