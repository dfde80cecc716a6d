"""The steps of a run at which its process is killed, and the runs in which each of them comes to pass."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import cycle, islice

WRITES = ("layout", "header", "since", "intent", "job id", "start", "landed", "end", "round", "stopping")
CALLS = ("create", "start", "delete", "cancel")
STEPS = (
    *(f"{when} writing {write}" for write in WRITES for when in ("before", "after")),
    *(f"{when} the call {call}" for call in CALLS for when in ("before", "after")),
    "before the deferral",
    "waiting",
    "woken",
    "before landing rows",
    "with rows half written",
    "before moving rows",
    "after moving rows",
    "before the manifest",
    "before moving the manifest",
    "after moving the manifest",
    "before Airflow hears",
)

#: The steps after which a try that goes on has the most to spoil.
RISKIEST = (
    "before the call start",
    "before the call create",
    "before landing rows",
    "before moving rows",
    "after the call create",
    "with rows half written",
)
#: Where the try itself has nothing more to write: a superseded one is not refused anything.
AFTER_THE_LAST_WRITE = (
    "before the deferral",
    "waiting",
    "woken",
    "after writing end",
    "before Airflow hears",
)

#: What the run is that a process is killed in, by the step; any other step is one of every run.
_OF_STEP = {
    "round": ("again",),
    "stopping": ("late",),
    "cancel": ("late", "changed"),
    "delete": ("fenced",),
}
_OF_EACH_JOB = ("layout", "intent", "job id", "start", "landed", "create", "rows")
ANY = ("plain", "again", "failing")
#: The steps at which a first try is killed, for a second one to find what the story is about.
FIRST = {
    "changed": "after the call start",
    "fenced": "before the call start",
    "orphaned": "after the call create",
}


@dataclass(frozen=True)
class Case:
    """
    One kill.

    :param story: what else the run goes through.
    :param jobs: how many it is cut into.
    :param series: what its number is one of: ``k`` for kills, ``s`` for stops.
    :param at: at which time that the step is reached.
    """

    number: int
    step: str
    dialect: str
    deferrable: bool
    story: str
    jobs: int
    parallel: int
    at: int
    series: str = "k"

    @property
    def name(self) -> str:
        """What its jobs are known by."""
        return f"{self.series}{self.number:03}"

    @property
    def stops(self) -> dict[str, int]:
        """By step, at which time that it is reached a process gets its signal."""
        first = FIRST.get(self.story)
        return {self.step: self.at} if first is None else {first: 1, self.step: self.at}

    def __str__(self) -> str:
        mode = "deferrable" if self.deferrable else "waiting on the worker"
        return (
            f"{self.name} {self.step} (time {self.at}), {self.dialect}, {mode}, {self.story}, {self.jobs} "
            f"job(s), {self.parallel} at once"
        )


def cases(count: int, seed: int, steps: tuple[str, ...] = STEPS) -> list[Case]:
    """Go through the steps in turn, each time another way, until there are so many."""
    chance = random.Random(seed)  # noqa: S311 - it must come out the same for the same seed
    ways = [("rest", False), ("trpc", True), ("rest", True), ("trpc", False)]
    made = []
    for number, step in enumerate(islice(cycle(steps), count)):
        round_, place = divmod(number, len(steps))
        dialect, deferrable = ways[(place + round_) % len(ways)]
        made.append(_case(number, step, dialect, deferrable or step == "before the deferral", chance))
    return made


def stops(count: int, seed: int) -> list[Case]:
    """Choose steps over all of the way at which a process is stopped, the riskiest first."""
    others = [step for step in STEPS if step not in RISKIEST and not step.endswith("layout")]
    return [replace(case, series="s") for case in cases(count, seed, (*RISKIEST, *others))]


def _case(number: int, step: str, dialect: str, deferrable: bool, chance: random.Random) -> Case:  # noqa: FBT001 - a field
    word = next((word for word in _OF_STEP if step.endswith(word)), None)
    stories = ANY if word is None else _OF_STEP[word]
    if word == "delete" and dialect == "trpc":
        stories = ("fenced", "orphaned")
    story = chance.choice(stories)
    jobs = chance.choice([1, 2, 3])
    each_job = step.endswith(_OF_EACH_JOB)
    at = chance.randint(1, jobs) if each_job else 1
    return Case(number, step, dialect, deferrable, story, jobs, chance.choice([1, 2]), at)
