"""The tries of one task, each leg a process of its own, as Airflow would have them follow each other."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.forge import Forge, Streams
from support.leg import STOP, Leg
from support.shared_store import SharedStore
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.forge import Forked

LEG = "support.leg"
#: A task of these tests is killed three times at most.
MOST_TRIES = 6
LEG_SECONDS = 40.0


@dataclass
class Tries:
    """
    A task, tried until it ends for good.

    :param folder: for the store, the rows and all that the processes say.
    :param environment: of its processes: the connection is in it.
    :param arguments: gives the operator's for a try, by its number.
    :param stops: see :class:`~support.leg.Leg`.
    :param on_stop: called after each kill or stop of a process.
    :param going_on: when what was stopped goes on: ``at once`` beside the next try, while that is
        ``deferred``, or at its ``end``.
    """

    forge: Forge
    folder: Path
    environment: Mapping[str, str]
    run_id: str
    arguments: Callable[[int], dict[str, Any]]
    stops: dict[str, int]
    signal: int
    on_stop: Callable[[], None] = lambda: None
    going_on: str = "end"
    number: int = 0
    stopped: list[tuple[Forked, Path]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)
    hits: int = 0
    _legs: int = 0
    _going: list[tuple[Forked, Path]] = field(default_factory=list)

    def to_the_end(self) -> dict[str, Any]:
        """Try as often as Airflow would, and say what the last try told."""
        store = SharedStore(self.folder / "store.sqlite3")
        for self.number in range(1, MOST_TRIES + 1):
            store.make_current(self.number)
            if self.going_on == "at once":
                self._let_go_on()
            told = self._try()
            if told is not None and (told.get("final") or "succeeded" in told):
                self._let_go_on()
                self._wait_for_late()
                return told
        raise AssertionError(f"{MOST_TRIES} tries did not bring it to its end: {told}\n{self.said()}")

    def said(self) -> str:
        """All that the processes wrote to their terminals."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.log"))
        )

    def end(self) -> None:
        """Leave no process behind."""
        for process, _ in (*self.stopped, *self._going):
            process.kill()
            process.wait(LEG_SECONDS)

    def _let_go_on(self) -> None:
        for process, _ in self.stopped:
            process.send_signal(signal.SIGCONT)
        self._going += self.stopped
        self.stopped = []

    def _wait_for_late(self) -> None:
        """Wait for the ends of all that went on, and keep what they told."""
        for process, told in self._going:
            assert process.wait(LEG_SECONDS) == 0, self.said()
            self.late.append(json.loads(told.read_text()))
        self._going = []

    def _try(self) -> dict[str, Any] | None:
        """Try once; None where its process was killed or stopped."""
        told = self._leg("execute")
        while told is not None and "deferred" in told:
            if self.going_on == "deferred":
                self._let_go_on()
            # A triggerer that dies is followed by another, which goes on with the same trigger.
            while (fired := self._leg("watch", told["deferred"])) is None:
                pass
            assert "fired" in fired, f"a trigger failed: {fired}\n{self.said()}"
            told = self._leg("execute_complete", fired["fired"])
        return told

    def _leg(self, part: str, given: object = None) -> dict[str, Any] | None:
        self._legs += 1
        name = f"{self._legs:02}-try-{self.number}-{part}"
        told, asked = self.folder / f"{name}.told", self.folder / f"{name}.asked"
        leg = Leg(
            part=part,
            store=str(self.folder / "store.sqlite3"),
            run_id=self.run_id,
            own_try=self.number,
            max_tries=MOST_TRIES,
            arguments=self.arguments(self.number),
            stops=self.stops,
            signal=self.signal,
            told=str(told),
            given=given,
        )
        asked.write_text(json.dumps(asdict(leg)))
        process = self._start(asked)
        wait_until(lambda: process.poll() is not None or _is_stopped(process.pid), name, LEG_SECONDS)
        if told.exists() and process.poll() == 0:
            found: dict[str, Any] = json.loads(told.read_text())
            return found
        self._note(process, told)
        return None

    def _note(self, process: Forked, told: Path) -> None:
        if process.poll() is None:
            assert self.signal == STOP
            self.stopped.append((process, told))
        else:
            assert process.poll() == -self.signal, self.said()
        self.hits += 1
        self.on_stop()

    def _start(self, asked: Path) -> Forked:
        with Path(f"{asked}.log").open("wb") as log, Path(os.devnull).open("rb") as nothing:
            streams = Streams(nothing.fileno(), log.fileno(), log.fileno())
            return self.forge.start([str(asked)], self.environment, self.folder, streams)


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
