"""
Test this project's wheel on each Airflow and each Python that it supports, every cell in a venv of its own.

A cell is made in three steps: Airflow, with packages of the day it was released; the test tools; the wheel.
Those two may move none of the pins that the first step left.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # nosec B405 - it reads what our own pytest wrote

from _environment import pip_config_files, pip_settings, tool_environment, uv_environment
from _interpreter import BootstrapError, ask, candidates, misfit
from _venv import STAMP, find_uv, remove, telling_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from _interpreter import Interpreter

ROOT = Path(__file__).resolve().parents[1]
MATRIX = ROOT / "build" / "matrix"
PROJECT = "airflow-provider-artificer"
EXTRAS = "openlineage,pdf,parquet,cli,engine,engine-models,engine-ocr"
#: A run that hangs ends with its cell's failure; the slowest seen took a quarter of that (seconds).
RUN_SECONDS = 7200


@dataclass(frozen=True)
class Release:
    """
    A minor version of Airflow, as its constraints had it when it came out.

    :param version: the latest patch of a minor version.
    :param day: the day after it came out: nothing younger is installed with it.
    """

    version: str
    day: str


RELEASES = {
    "3.1": Release("3.1.8", "2026-03-12"),
    "3.2": Release("3.2.2", "2026-05-30"),
    "3.3": Release("3.3.2", "2026-09-18"),
}
PYTHONS = ("3.11", "3.12", "3.13")

ALL = tuple(f"{airflow}/{python}" for airflow in RELEASES for python in PYTHONS)
DEFAULT = ("3.3/3.11", "3.3/3.12", "3.3/3.13", "3.2/3.12", "3.1/3.12")
OLDER = ("3.1/3.12", "3.2/3.12")

SIDE_BY_SIDE = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
MEETS_AIRFLOW = (
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "unit").glob("test_*.py")),
    *(f"tests/unit/{room}" for room in ("hooks", "notifications", "operators", "sensors", "triggers", "ui")),
    *(
        f"tests/integration/{room}"
        for room in ("decorators", "hooks", "notifications", "operators", "sensors", "triggers")
    ),
    "tests/integration/test_written.py",
    "tests/security/test_key_of_the_connection.py",
    "tests/security/test_templates.py",
)
TWO_AT_A_TIME = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
#: What is run of each cell, by the name of the selection. Beside more than one other, a real Airflow starves.
SELECTIONS: dict[str, tuple[tuple[str, ...], ...]] = {
    "whole": (
        (
            "tests/unit",
            "tests/integration",
            "tests/security",
            "-m",
            "not system and not slow and not ui",
            *SIDE_BY_SIDE,
        ),
        ("tests/system", "-m", "system and not slow", "--ignore=tests/system/test_demo.py", *TWO_AT_A_TIME),
    ),
    # What meets Airflow: client and engine are the same beside each of its versions.
    "airflow": (
        (*MEETS_AIRFLOW, "-m", "not system and not slow", *SIDE_BY_SIDE),
        (
            "tests/system/test_deferred_batch.py",
            "tests/system/test_waiting_batch.py",
            "-m",
            "not slow",
            *TWO_AT_A_TIME,
        ),
    ),
    "short": (
        (
            "tests/unit/test_registration.py",
            "tests/unit/test_examples.py",
            "tests/unit/hooks",
            "tests/unit/operators",
            "tests/unit/sensors",
            "tests/unit/triggers",
            "tests/integration/decorators",
            "tests/integration/triggers",
            *SIDE_BY_SIDE,
        ),
        ("tests/system/test_deferred_batch.py",),
    ),
}


@dataclass
class Cell:
    """What one Airflow on one Python gave; ``note`` says why it gave nothing."""

    airflow: str
    python: str
    note: str = ""
    #: Packages that the wheel, its extras and the test tools brought; and pins of Airflow's that they moved.
    moved: list[str] = field(default_factory=list)
    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    install_seconds: float = 0.0
    test_seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing failed; a Python that is not here fails nothing."""
        return not self.failures and not self.moved

    @property
    def folder(self) -> Path:
        """Where its venv lies, and all that it wrote."""
        return MATRIX / f"airflow{self.airflow}-py{self.python}"

    @property
    def venv_python(self) -> Path:
        """The Python of its venv."""
        return self.folder / "venv" / "bin" / "python"


class Installer:
    """
    Installs into venvs, with uv.

    :raises BootstrapError: when there is no uv; ``.venv`` has one.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        uv = find_uv(environ)
        if uv is None:
            raise BootstrapError(
                "The matrix needs uv, and there is none on the PATH: make test-matrix has one."
            )
        self._uv = uv
        self._environ = uv_environment(environ, pip_settings(environ, pip_config_files(environ)))

    def make_venv(self, python: Interpreter, venv: Path, log: Path) -> None:
        """Make an empty venv."""
        self._run([self._uv, "venv", "--no-project", "--python", python.path, str(venv)], log)

    def install(self, python: Path, what: Sequence[str], log: Path, *, day: str = "") -> None:
        """
        Install into the venv of a Python.

        :param day: nothing that was uploaded later is taken; nothing is too young unless given.
        :raises BootstrapError: when it fails.
        """
        until = ["--exclude-newer", day] if day else []
        command = [self._uv, "pip", "install", "--python", str(python), "--compile-bytecode", *until, *what]
        self._run(command, log)

    def freeze(self, python: Path) -> list[str]:
        """List what is installed, a pin each."""
        command = [self._uv, "pip", "freeze", "--python", str(python)]
        done = subprocess.run(command, env=self._environ, check=True, capture_output=True, text=True)
        return [line for line in done.stdout.splitlines() if "==" in line]

    def _run(self, command: Sequence[str], log: Path) -> None:
        with log.open("a+b") as output:
            start = output.tell()
            code = subprocess.run(
                command, cwd=ROOT, env=self._environ, stdout=output, stderr=output, check=False
            ).returncode
            output.seek(start)
            said = output.read().decode(errors="replace")
        if code:
            raise BootstrapError("\n".join([*telling_lines(said), f"Log: {log}"]))


def pythons(environ: Mapping[str, str]) -> dict[str, Interpreter]:
    """Find the Pythons of this machine that the project can live on, by their minor versions."""
    found: dict[str, Interpreter] = {}
    uv = find_uv(environ)
    for executable in candidates(environ, uv):
        python = ask(executable, environ)
        if python and misfit(python) is None:
            found.setdefault("{}.{}".format(*python.version[:2]), python)
    return found


def build_wheel() -> Path:
    """Build the wheel that all cells get."""
    folder = MATRIX / "dist"
    remove(folder)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def made_from(cell: Cell, python: Interpreter) -> str:
    """Return a digest of what a cell's venv is made from, the wheel aside: that is put in each time."""
    said = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = said["project"]
    needed = [project["dependencies"], project["optional-dependencies"], said["dependency-groups"]["test"]]
    words = [ROOT, RELEASES[cell.airflow], python.path, python.version, EXTRAS, needed]
    return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()


def install(cell: Cell, python: Interpreter, wheel: Path, installer: Installer) -> None:
    """Make a cell's venv, or put only the wheel into the one that is there, and see which pins moved."""
    release, log = RELEASES[cell.airflow], cell.folder / "install.log"
    stamp, pins = cell.folder / STAMP, cell.folder / "pins.txt"
    made = made_from(cell, python)
    if not stamp.is_file() or stamp.read_text() != made:
        remove(cell.folder)
        cell.folder.mkdir(parents=True)
        installer.make_venv(python, cell.folder / "venv", log)
        installer.install(cell.venv_python, [f"apache-airflow=={release.version}"], log, day=release.day)
        pins.write_text("\n".join(installer.freeze(cell.venv_python)) + "\n")
        held = ["--constraint", str(pins)]
        installer.install(cell.venv_python, ["--group", "test", *held], log)
        installer.install(cell.venv_python, [f"{PROJECT}[{EXTRAS}] @ {wheel.as_uri()}", *held], log)
    # A wheel of the same version replaces none by itself.
    installer.install(cell.venv_python, ["--no-deps", "--reinstall", str(wheel)], log)
    stamp.write_text(made)
    after = set(installer.freeze(cell.venv_python))
    cell.moved = [pin for pin in pins.read_text().splitlines() if pin not in after]


def run_tests(cell: Cell, selection: str) -> None:
    """Run a cell's tests, what they print in its log, and count."""
    environ = tool_environment(os.environ, cell.folder / "venv")
    # Neither the configuration nor the database of another Airflow.
    environ["AIRFLOW_HOME"] = str(cell.folder / "airflow")
    for number, words in enumerate(SELECTIONS[selection]):
        report = cell.folder / f"report-{number}.xml"
        remove(report)
        command = [str(cell.venv_python.with_name("pytest")), "-q", f"--junitxml={report}", *words]
        with (cell.folder / f"tests-{number}.log").open("wb") as log:
            code = ended(subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log))
        count(cell, report, f"{log.name}: pytest ended with {code}" if code else "")


def ended(tests: subprocess.Popen[bytes]) -> int:
    """Wait for the end of tests; whoever breaks that off has them clear away what they started."""
    try:
        return tests.wait(timeout=RUN_SECONDS)
    finally:
        if tests.poll() is None:
            tests.send_signal(signal.SIGINT)
            tests.wait()


def count(cell: Cell, report: Path, complaint: str) -> None:
    """Add what a report of pytest's says; a run that failed without a test's failure is one itself."""
    failed = []
    cases = ET.parse(report).iter("testcase") if report.is_file() else ()  # noqa: S314 # nosec B314 - our own file
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append("{}::{}".format(case.get("classname"), case.get("name")))
        elif case.find("skipped") is not None:
            cell.skipped += 1
        else:
            cell.passed += 1
    cell.failures += failed or ([complaint] if complaint else [])


def try_cell(
    cell: Cell, python: Interpreter | None, wheel: Path, installer: Installer, selection: str
) -> None:
    """Fill a cell in."""
    if python is None:
        cell.note = f"there is no Python {cell.python} here"
        return
    began = time.monotonic()
    try:
        install(cell, python, wheel, installer)
    except BootstrapError as error:
        cell.failures = [f"it could not be installed: {error}"]
        return
    cell.install_seconds = time.monotonic() - began
    began = time.monotonic()
    run_tests(cell, selection)
    cell.test_seconds = time.monotonic() - began


def told(cells: Iterable[Cell]) -> str:
    """Write a table of them, and below it what failed."""
    lines = ["Airflow  Python  passed  skipped  failed  install    tests"]
    failures = []
    for cell in cells:
        begin = f"{RELEASES[cell.airflow].version:<8} {cell.python:<6}"
        if cell.note:
            lines.append(f"{begin}  {cell.note}")
            continue
        counts = f"{cell.passed:7} {cell.skipped:8} {len(cell.failures):7}"
        lines.append(f"{begin} {counts} {cell.install_seconds:6.0f} s {cell.test_seconds:6.0f} s")
        failures += [f"{cell.airflow}/{cell.python}: {one}" for one in cell.failures]
        failures += [f"{cell.airflow}/{cell.python}: the pin {one} was moved" for one in cell.moved]
    return "\n".join([*lines, *failures])


def arguments_of(words: Sequence[str]) -> argparse.Namespace:
    """Read which cells, and which tests."""
    parser = argparse.ArgumentParser(prog="make test-matrix", description=__doc__)
    parser.add_argument(
        "cells",
        nargs="*",
        metavar="CELL",
        help="Airflow/Python, like 3.1/3.12; all; older; five of them unless given",
    )
    parser.add_argument("--tests", choices=SELECTIONS, default="whole", help="which tests (default: whole)")
    given = parser.parse_args(words)
    groups = {"all": ALL, "older": OLDER}
    named = [cell for word in given.cells for cell in groups.get(word, (word,))]
    if unknown := [cell for cell in named if cell not in ALL]:
        parser.error(f"{unknown[0]} is no cell; there are {', '.join(ALL)}, all and older.")
    given.cells = list(dict.fromkeys(named or DEFAULT))
    return given


def main(words: Sequence[str]) -> int:
    """Try the cells one after the other, keep what they gave in build/matrix/result.json, and print it."""
    given = arguments_of(words)
    for signum in (signal.SIGINT, signal.SIGTERM):  # also where a shell started this in the background
        signal.signal(signum, signal.default_int_handler)
    MATRIX.mkdir(parents=True, exist_ok=True)
    wheel, installer, here = build_wheel(), Installer(os.environ), pythons(os.environ)
    cells = [Cell(*name.split("/")) for name in given.cells]
    for cell in cells:
        print(f"Airflow {RELEASES[cell.airflow].version} on Python {cell.python}", flush=True)
        try_cell(cell, here.get(cell.python), wheel, installer, given.tests)
        result = {"tests": given.tests, "cells": [asdict(one) for one in cells]}
        (MATRIX / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print(told(cells))
    return 0 if all(cell.good for cell in cells) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BootstrapError as error:
        sys.exit(str(error))
