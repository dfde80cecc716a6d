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
#: By kind: how many cards of each target there are, what it can befall, and for how long, in seconds.
#: A triggerer's heartbeat is given up after 10 s and a task's after 20 s (SHORTENED): a pause is longer.
KINDS = {
    "kill": (2, (*PARTS, "engine", "database"), (0.0, 8.0)),
    "pause": (1, (*PARTS, "engine"), (12.0, 26.0)),
    "network": (2, WAYS, (4.0, 15.0)),
    "disk full": (4, ("output",), (6.0, 15.0)),
    "clock": (2, ("worker-2",), (10.0, 25.0)),
}
BETWEEN = (3.0, 11.0)
#: A part has this long to itself between two faults.
PEACE = 10.0
#: After so many faults all comes to its end, and the books are balanced.
ROUND = 20
#: Longer than three heartbeats of a task: one fault of each round is such an outage of the API server.
OUTAGE = 15.0
#: One fault of each round is the engine's death, that calls are in doubt in each.
DEATH = 3.0


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


def plan(seed: int, count: int) -> list[Fault]:
    """Draw so many faults from a seed, in the order of their moments."""
    chance = random.Random(seed)  # noqa: S311 - it must come out the same for the same seed
    certain: dict[int, tuple[str, float]] = {}
    for first in range(0, count, ROUND):
        outage, death = chance.sample(range(first, first + ROUND), 2)
        certain |= {outage: ("api-server", OUTAGE), death: ("engine", DEATH)}
    made: list[Fault] = []
    cards: list[tuple[str, str]] = []
    free_at: dict[str, float] = {}
    at = 0.0
    for number in range(count):
        at += chance.uniform(*BETWEEN)
        if number in certain:
            target, seconds = certain[number]
            at = max(at, free_at.get(target, 0.0))
            fault = Fault(number, at, "kill", target, seconds)
        else:
            fault = _drawn(chance, cards, number, at, free_at)
        free_at[fault.place] = fault.until + PEACE
        made.append(fault)
    return made


def _drawn(
    chance: random.Random, cards: list[tuple[str, str]], number: int, at: float, free_at: dict[str, float]
) -> Fault:
    """Draw the first card that befalls what is free at that moment: none comes again before all have come."""
    while True:
        for card, (kind, target) in enumerate(cards):
            fault = Fault(number, at, kind, target, chance.uniform(*KINDS[kind][2]))
            if free_at.get(fault.place, 0.0) <= at:
                del cards[card]
                return fault
        fresh = [(kind, target) for kind, (each, targets, _) in KINDS.items() for target in targets * each]
        chance.shuffle(fresh)
        cards += fresh
