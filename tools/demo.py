"""Run the example DAG through a real Airflow and a real engine, and show what came out."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_base import DagLoadError
from local_airflow import LocalAirflow
from local_engine import LocalEngine
from processes import ProcessError, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

REPOSITORY = Path(__file__).resolve().parent.parent
DAGS = REPOSITORY / "dags_examples"
DOCUMENTS = DAGS / "data" / "documents.jsonl"
DAG_ID = "artificer_demo"
BATCH_TASK = "run_batch"
PHASES = ("summarize", "classify")
FOREVER = float("inf")


class DemoError(RuntimeError):
    """The DAG ran, but not every document has its row."""


class Interrupted(Exception):  # noqa: N818 - asked for, no error
    """Somebody asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interruption:
    """
    Notes the signals that ask for the end, for a wait to act upon.

    An exception out of a signal handler could strike between a process's start and the note of its id.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._number = self._number or number

    def check(self) -> None:
        """
        Go on unless a signal came.

        :raises Interrupted: when one did.
        """
        if self._number is not None:
            raise Interrupted(self._number)


class Progress:
    """One line on what is going on: rewritten each second in a terminal, else printed when it changes."""

    QUIET_SECONDS = 10.0

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._last_text = ""
        self._last_shown = 0.0
        self._last_look = 0.0

    @property
    def is_due(self) -> bool:
        """Whether a second has passed since the last look."""
        return time.monotonic() - self._last_look >= 1.0

    def show(self, text: str) -> None:
        """Show what is going on now, once a second at most."""
        if not self.is_due:
            return
        self._last_look = time.monotonic()
        quiet = self._last_look - self._last_shown
        if self._terminal or text != self._last_text or quiet >= self.QUIET_SECONDS:
            self.begin(text)

    def begin(self, text: str) -> None:
        """Show at once what begins now."""
        now = time.monotonic()
        line = f"{now - self._started:3.0f} s  {text}"
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{line[:width]}", end="", flush=True)
        else:
            print(line, flush=True)
        self._last_text, self._last_shown = text, now

    def clear(self) -> None:
        """Make room for other lines."""
        if self._terminal:
            print("\r\x1b[K", end="", flush=True)


@dataclass
class Times:
    """How long each part took, in seconds."""

    parts: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what is done within."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.parts[name] = time.monotonic() - start

    def __str__(self) -> str:
        return " · ".join(f"{name} {seconds:.1f} s" for name, seconds in self.parts.items())


class Demo:
    """
    One run of the example, from nothing to the rows.

    :param home: where the engine and Airflow keep what they need.
    :param output: where the rows are landed, in a folder for each run.
    :param interruption: asked in every wait.
    """

    def __init__(self, home: Path, output: Path, interruption: Interruption) -> None:
        self.times = Times()
        self._output = output
        self._progress = Progress()
        self._interruption = interruption
        self._doing = ""
        self.engine = LocalEngine(home / "engine", log=home / "engine.log")
        # A folder for each run: in the UI the DAG can be run again.
        self.airflow = LocalAirflow(home, DAGS, {"ARTIFICER_DEMO_OUTPUT": f"{output}/{{{{ run_id }}}}"})

    def run(self) -> tuple[Path, list[dict[str, Any]]]:
        """
        Start everything, run the DAG and return its rows, and where they are.

        :raises ProcessError: when a process fails.
        :raises DagLoadError: when Airflow does not load the DAG.
        :raises DemoError: when the run fails or a row is missing.
        """
        self._begin("starting the engine and making Airflow's database")
        self.engine.start()
        with self.times.part("database"):
            self.airflow.migrate(pulse=self._pulse)
        self.engine.wait_ready(pulse=self._pulse)
        self.times.parts["engine (meanwhile)"] = self.engine.ready_after or 0.0
        self._begin("starting Airflow: scheduler, DAG processor, triggerer, API server")
        with self.times.part("Airflow"):
            self.airflow.start({"artificer_default": self.engine.connection})
            self.airflow.wait_healthy(pulse=self._pulse)
        self._begin(f"asking for a run of {DAG_ID}")
        with self.times.part("DAG run"):
            run_id = self.airflow.trigger(DAG_ID, pulse=self._pulse)
            self.airflow.warm_up()
            self._begin(f"{DAG_ID}: waiting for its first task")
            state = self.airflow.wait_over(DAG_ID, run_id, pulse=lambda: self._watch(run_id))
        self._progress.clear()
        if state != "success":
            raise DemoError(self._why_failed(run_id))
        return self._output / run_id, checked_rows(self._output / run_id)

    def stay(self) -> None:
        """Wait for the end that the user asks for."""
        with contextlib.suppress(Interrupted):
            wait_until(self._look_in, seconds=FOREVER, pulse=self._interruption.check)

    def _look_in(self) -> bool:
        self.engine.look()
        self.airflow.check_running()
        return False

    def stop(self) -> None:
        """End all processes, Airflow's first: its tasks may still use the engine."""
        self._progress.begin("stopping Airflow and the engine")
        with self.times.part("stop"):
            try:
                self.airflow.stop()
            finally:
                self.engine.stop()
        self._progress.clear()

    def _begin(self, text: str) -> None:
        self._doing = text
        self._progress.begin(text)

    def _pulse(self) -> None:
        self._interruption.check()
        self.engine.look()
        self._progress.show(self._doing)

    def _watch(self, run_id: str) -> None:
        self._interruption.check()
        self.engine.look()
        if self._progress.is_due:
            tasks = self.airflow.task_instances(DAG_ID, run_id)
            if tasks is not None:
                states = ", ".join(f"{task['task_id']} {task['state'] or 'waiting'}" for task in tasks)
                batch = self.engine.newest_batch()
                items = (
                    f" · {batch.ended}/{batch.total} items, {batch.phase or batch.status.lower()}"
                    if batch
                    else ""
                )
                self._doing = f"{DAG_ID}: {states}{items}"
            self._progress.show(self._doing)

    def _why_failed(self, run_id: str) -> str:
        tasks = self.airflow.task_instances(DAG_ID, run_id) or []
        failed = next((task for task in tasks if task["state"] == "failed"), None)
        if failed is None:
            return f"the run {run_id} failed; Airflow's log is {self.airflow.log}"
        name, number = failed["task_id"], failed["try_number"]
        log = self.airflow.task_log(DAG_ID, run_id, name, number)
        lines = [line for line in log if line.strip() and not line.startswith("::")]  # ::group:: folds lines
        last = "\n".join(f"    {line}" for line in lines[-6:])
        return f"task {name} failed in its try {number}; the last lines of its log are\n{last}"


def checked_rows(output: Path) -> list[dict[str, Any]]:
    """
    Read the rows that the DAG landed, in the order of the documents.

    :raises DemoError: when a document has no row, or one that did not succeed in every phase.
    """
    rows = [row for file in sorted(output.glob("rows-*.jsonl")) for row in read_lines(file)]
    good = {row["metadata"]["id"]: row for row in rows if is_good(row)}
    documents = read_lines(DOCUMENTS)
    bad = [document["id"] for document in documents if not _is_of(document, good.get(document["id"]))]
    if bad or len(rows) != len(documents):
        raise DemoError(
            f"{len(documents) - len(bad)} of {len(documents)} documents succeeded, in {len(rows)} rows"
            f" (without a good one: {', '.join(bad) or 'none'}); the rows are in {output}"
        )
    return [good[document["id"]] for document in documents]


def is_good(row: dict[str, Any]) -> bool:
    """Say whether a row has succeeded and holds the answer of each phase."""
    return row["status"] == "succeeded" and all(row["phase_outputs"].get(phase) for phase in PHASES)


def _is_of(document: dict[str, Any], row: dict[str, Any] | None) -> bool:
    return row is not None and row["input"] == document["text"]


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Read a file of JSON objects, one a line."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def table(rows: list[dict[str, Any]], width: int) -> str:
    """Lay the rows out as a table no wider than the terminal; the summary is cut to what room there is."""
    cells = [("Title", "Label", "Model", "Summary")]
    for row in rows:
        outputs, models = row["phase_outputs"], dict.fromkeys(row["phase_models"].values())
        summary = " ".join(outputs["summarize"].split())
        cells.append((row["metadata"]["title"], outputs["classify"], ", ".join(models), summary))
    widths = [min(36, max(len(cell[column]) for cell in cells)) for column in range(3)]
    widths.append(max(20, width - sum(widths) - 3 * 2))
    lines = ["  ".join(cut(text, room) for text, room in zip(line, widths, strict=True)) for line in cells]
    return "\n".join([lines[0], "  ".join("─" * room for room in widths), *lines[1:]])


def cut(text: str, room: int) -> str:
    """Make a text exactly as wide as its column."""
    return text.ljust(room) if len(text) <= room else f"{text[: room - 1]}…"


def ui_notice(address: str) -> str:
    """Say where the pages are and how to sign in."""
    return f"Airflow's pages are at {address} - no sign-in: everybody is an admin. Ctrl-C ends it."


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stay", action="store_true", help="stay up afterwards, until Ctrl-C")
    arguments = parser.parse_args()
    interruption = Interruption()
    output = REPOSITORY / "build" / "demo" / f"{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}"
    output.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="artificer-demo-"))
    demo = Demo(home, output, interruption)
    try:
        try:
            folder, rows = demo.run()
            print(table(rows, shutil.get_terminal_size((120, 24)).columns))
            print(f"\n{len(rows)} of {len(rows)} documents succeeded. Their rows are in {folder}")
            if arguments.stay:
                print(ui_notice(demo.airflow.address), flush=True)
                demo.stay()
        finally:
            demo.stop()
    except (ProcessError, DagLoadError, DemoError, OSError) as problem:
        print(
            f"The demo failed: {problem}\nThe logs of Airflow and the engine are kept in {home}",
            file=sys.stderr,
        )
        return 1
    except Interrupted as interrupted:
        print(f"Ended by {interrupted}: nothing is left running.")
        code = interrupted.exit_code
    else:
        print(demo.times)
        code = 0
    shutil.rmtree(home)
    with contextlib.suppress(OSError):
        output.rmdir()  # only when it is empty
    return code


if __name__ == "__main__":
    sys.exit(main())
