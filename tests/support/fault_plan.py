"""Which faults befall a distributed Airflow, and when: the same ones for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

PARTS = (
    "worker-1",
    "worker-2",
    "triggerer-1",
    "triggerer-2",
    "scheduler-1",
    "scheduler-2",
    "api-server",
)
#: What the way to the engine does to the calls on it.
WAYS = ("delay", "cut", "halve", "500", "429", "html", "silent")
#: By kind: how likely it is, what it can befall, and for how many seconds, from and to. A worker's task and a
#: triggerer's heartbeat are given up after 20 and 10 s (SHORTENED): a pause is longer than that.
KINDS = {
    "kill": (10, (*PARTS, "engine", "database"), (0.0, 8.0)),
    "pause": (4, (*PARTS, "engine"), (12.0, 26.0)),
    "network": (7, WAYS, (4.0, 15.0)),
    "disk full": (2, ("output",), (4.0, 12.0)),
    "clock": (1, ("worker-2",), (10.0, 25.0)),
}
BETWEEN = (4.0, 14.0)
#: A part has this long to itself between two faults.
PEACE = 10.0
#: Longer than three heartbeats of a task: one fault of each round is such an outage of the API server.
OUTAGE = 15.0


@dataclass(frozen=True)
class Fault:
    """
    One fault.

    :param number: its place in the plan, from 0.
    :param at: seconds after the plan's begin.
    :param target: what it befalls: a part, or what the network does.
    :param seconds: how long it lasts.
    """

    number: int
    at: float
    kind: str
    target: str
    seconds: float

    @property
    def place(self) -> str:
        """Where nothing else may go wrong meanwhile."""
        return "network" if self.kind == "network" else self.target

    @property
    def until(self) -> float:
        """The moment at which it is over."""
        return self.at + self.seconds

    def __str__(self) -> str:
        return f"#{self.number} at {self.at:.0f} s: {self.kind} {self.target}, {self.seconds:.0f} s"


def plan(seed: int, count: int, outage_every: int = 20) -> list[Fault]:
    """Draw so many faults from a seed, in the order of their moments."""
    chance = random.Random(seed)  # noqa: S311 - it must come out the same for the same seed
    outages = {first + chance.randrange(outage_every) for first in range(0, count, outage_every)}
    made: list[Fault] = []
    free_at: dict[str, float] = {}
    at = 0.0
    for number in range(count):
        at += chance.uniform(*BETWEEN)
        if number in outages:
            at = max(at, free_at.get("api-server", 0.0))
            fault = Fault(number, at, "kill", "api-server", OUTAGE)
        else:
            fault = _drawn(chance, number, at, free_at)
        free_at[fault.place] = fault.until + PEACE
        made.append(fault)
    return made


def _drawn(chance: random.Random, number: int, at: float, free_at: dict[str, float]) -> Fault:
    """Draw until the fault befalls what is free at that moment."""
    kinds = list(KINDS)
    weights = [KINDS[kind][0] for kind in kinds]
    while True:
        [kind] = chance.choices(kinds, weights)
        _, targets, (least, most) = KINDS[kind]
        fault = Fault(number, at, kind, chance.choice(targets), chance.uniform(least, most))
        if free_at.get(fault.place, 0.0) <= at:
            return fault
