"""A load that never ends, and the faults of a plan upon it; what was done is written down as it is done."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_base import OVER

from support.load import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.fault_plan import Fault
    from support.site import Site

log = logging.getLogger(__name__)

#: How many runs are under way at once; a run has about five tasks.
AT_ONCE = 4
#: The runs that follow one another, by DAG: how many files, and how many items in each.
SHAPES = (("fan_out", 3, 4), ("sharded", 1, 16), ("in_a_worker", 2, 4))
LOOK_SECONDS = 0.5
#: A fault that waits for its moment begins without it after this time, and one that waits for a victim ends.
RIPE_SECONDS = 120.0
#: All that was under way when the last fault passed ends within this time, or it is stuck.
DRAIN_SECONDS = 600.0


class Journal:
    """
    A file of what was done, a line of JSON each: a run that is broken off goes on with the round it was in.

    :param file: kept by whoever runs the tests.
    """

    def __init__(self, file: Path, seed: int, count: int) -> None:
        self._file = file
        self._plan = {"seed": seed, "count": count}
        file.parent.mkdir(parents=True, exist_ok=True)

    def next_fault(self) -> int:
        """
        Give the number of the fault to go on with: the first whose books were not balanced.

        What befell a site that was broken off shows nothing. When all was done, the plan begins anew.
        """
        ends = [entry["next"] for entry in self._entries() if entry.get("verdict") == "balanced"]
        return ends[-1] % self._plan["count"] if ends else 0

    def rounds(self) -> list[dict[str, Any]]:
        """Give what was written of each round that balanced since the plan was last begun."""
        found: list[dict[str, Any]] = []
        for entry in self._entries():
            if entry.get("fault", {}).get("number") == 0:
                found = []
            elif entry.get("verdict") == "balanced":
                found.append(entry)
        return found

    def _entries(self) -> Iterator[dict[str, Any]]:
        for line in self._file.read_text().splitlines() if self._file.exists() else ():
            entry = json.loads(line)
            if {name: entry.get(name) for name in self._plan} == self._plan:
                yield entry

    def write(self, **entry: object) -> None:
        """Add a line."""
        with self._file.open("a") as file:
            file.write(json.dumps({**self._plan, **entry}) + "\n")


@dataclass
class Round:
    """Some faults of a plan, upon a load that goes on all the time."""

    site: Site
    faults: list[Fault]
    journal: Journal
    name: str
    loads: list[Load] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    #: By kind, the harm that its faults have done: calls, lines of a log, processes, readings of a clock.
    harm: Counter[str] = field(default_factory=Counter)
    #: By run, how many faults there were while it was under way.
    met: Counter[str] = field(default_factory=Counter)
    _waiting: list[Fault] = field(default_factory=list)
    _under_way: list[tuple[Fault, Callable[[], int]]] = field(default_factory=list)
    _begun: float = 0.0
    _late: float = 0.0
    _looked: float = 0.0

    def run(self) -> None:
        """
        Let all of them begin and pass, and all runs come to their end.

        :raises AssertionError: naming the runs that do not.
        """
        self._waiting = list(self.faults)
        shapes = (SHAPES[number % len(SHAPES)] for number in count())
        self._fill(next(shapes))
        self._begun = time.monotonic() - self.faults[0].at + 10.0  # the first load gets under way
        while self._waiting or self._under_way:
            self._pulse()
            if len(self.loads) - len(self.states) < AT_ONCE:
                self._fill(next(shapes))
            time.sleep(0.1)
        end = time.monotonic() + DRAIN_SECONDS
        while len(self.states) < len(self.loads):
            self._pulse()
            assert time.monotonic() < end, f"stuck: {self._open()}"
            time.sleep(0.1)

    def _fill(self, shape: tuple[str, int, int]) -> None:
        dag_id, files, items = shape
        load = Load(dag_id, f"{self.name}-{len(self.loads)}", files, items)
        self.loads.append(load)
        self.site.begin(load, pulse=self._pulse)

    def _open(self) -> list[Load]:
        return [load for load in self.loads if load.run_id not in self.states]

    def _pulse(self) -> None:
        """Do what is due: begin faults, mend them, start again what fell over, and look at the runs."""
        now = time.monotonic() - self._begun
        while self._begun and self._waiting and self._is_due(self._waiting[0], now):
            self._late = now - self._waiting[0].at
            self._begin(replace(self._waiting.pop(0), at=now))
        self.site.airflow.check_running()
        if time.monotonic() - self._looked > LOOK_SECONDS:
            for spell in [spell for spell in self._under_way if self._is_over(*spell, now)]:
                self._under_way.remove(spell)
                self._end(*spell)
            self._look()
            self._looked = time.monotonic()

    def _is_due(self, fault: Fault, now: float) -> bool:
        due = fault.at + self._late
        return due <= now and (self.site.is_ripe(fault) or now > due + RIPE_SECONDS)

    def _is_over(self, fault: Fault, harm_of: Callable[[], int], now: float) -> bool:
        if now < fault.until:
            return False
        return now > fault.until + RIPE_SECONDS or not self.site.lasts(fault, harm_of)

    def _begin(self, fault: Fault) -> None:
        can = self.site.can_befall(fault)
        log.info("%s%s", fault, "" if can else " (not on this machine)")
        self.met.update(load.run_id for load in self._open())
        if can:
            self._under_way.append((fault, self.site.befall(fault)))
        self.journal.write(fault=asdict(fault), befell=can)

    def _end(self, fault: Fault, harm_of: Callable[[], int]) -> None:
        harm = harm_of()
        self.harm[fault.kind] += harm
        self.site.mend(fault)
        log.info("over: %s; harm: %d", fault, harm)
        self.journal.write(over=fault.number, harm=harm)

    def _look(self) -> None:
        """See how one run is: all of them at once would be a load of their own."""
        if not (under_way := self._open()):
            return
        load = under_way[int(time.monotonic() / LOOK_SECONDS) % len(under_way)]
        with suppress(KeyError, TypeError):
            state = (self.site.airflow.dag_run(load.dag_id, load.run_id) or {})["state"]
            if state in OVER:
                self.states[load.run_id] = state
                log.info("%s: %s", load.run_id, state)
