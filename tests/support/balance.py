"""The books of some runs, balanced: what models were asked, the engine kept, and Airflow says and landed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from processes import wait_until

from support.books import ENDED, check_landed, manifest_in
from support.engine_books import JobLine, in_doubt, job_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from support.cluster import TaskLine
    from support.load import Load
    from support.site import Site

#: A job whose run is over ends within this time: it was cancelled, or is the loser of two tries.
END_SECONDS = 60.0


@dataclass(frozen=True)
class Sums:
    """What some runs came to."""

    runs: int
    tasks: int
    tries: int
    items: int
    calls: int
    in_doubt: int
    jobs: int


@dataclass(frozen=True)
class Books:
    """
    All that is known of some runs, and of no others.

    :param states: by run, how it ended.
    :param tasks: their tasks, as Airflow shows them.
    :param asked: by text, how often a model was asked.
    :param doubt: by text, how many calls were in flight when the engine died.
    :param jobs: those on the engine.
    :param outputs: where the runs landed their rows, each in a folder of its own.
    """

    loads: list[Load]
    states: dict[str, str]
    tasks: list[TaskLine]
    asked: Counter[str]
    doubt: Counter[str]
    jobs: list[JobLine]
    outputs: Path

    def check(self) -> Sums:
        """
        Hold everything against everything.

        :raises AssertionError: naming all that does not balance.
        """
        wrong = [*self._of_airflow(), *self._bills(), *self._rows(), *self._of_engine()]
        assert not wrong, "\n".join(wrong)
        texts = self._texts()
        return Sums(
            runs=len(self.loads),
            tasks=len(self.tasks),
            tries=sum(task.tries for task in self.tasks),
            items=len(texts),
            calls=sum(self.asked[text] for text in texts),
            in_doubt=sum(self.doubt[text] for text in texts),
            jobs=len(self.jobs),
        )

    def _texts(self) -> list[str]:
        return [text for load in self.loads for text in load.texts]

    def _of_airflow(self) -> Iterable[str]:
        """Name each run and each task that did not end well."""
        for load in self.loads:
            if self.states[load.run_id] != "success":
                yield f"{load} is {self.states[load.run_id]}"
        for task in self.tasks:
            if task.state != "success":
                yield f"{task} is {task.state}"

    def _bills(self) -> Iterable[str]:
        """Name each item that was billed more often than once and the times that nobody can know of."""
        for text in self._texts():
            asked, doubt = self.asked[text], self.doubt[text]
            if not 1 <= asked <= 1 + doubt:
                yield f"{text} was asked {asked} times, {doubt} of them in doubt"

    def _rows(self) -> Iterable[str]:
        """Name each run whose rows are not there once each, in their order."""
        for load in self.loads:
            try:
                check_landed(load, self.outputs / load.run_id)
            except (AssertionError, OSError) as error:
                yield f"{load}: what is landed is not right: {error!r:.2000}"

    def _of_engine(self) -> Iterable[str]:
        """Name each job that nobody waits for any more, and that has not ended, or whose rows nobody took."""
        landed = {job for load in self.loads for job in _job_ids(self.outputs / load.run_id)}
        for job in self.jobs:
            if job.status not in ENDED:
                yield f"{job} has not ended"
            if job.status == "COMPLETED" and job.id not in landed:
                yield f"{job} was paid for, and no manifest names it"


def balance(site: Site, loads: list[Load], states: dict[str, str]) -> Sums:
    """
    Hold everything against everything, of these runs alone.

    :raises AssertionError: naming all that does not balance.
    """
    jobs = _ended_jobs(site, {load.run_id for load in loads})
    tasks = [task for load in loads for task in site.airflow.tasks_of(load.run_id)]
    asked, doubt = Counter(site.models.texts()), in_doubt(site.engine_data)
    return Books(loads, states, tasks, asked, doubt, jobs, site.outputs).check()


def _ended_jobs(site: Site, runs: set[str]) -> list[JobLine]:
    """Give the jobs of some runs as soon as all have ended, or when they had time enough for it."""
    own: list[JobLine] = []

    def all_ended() -> bool:
        own[:] = [job for job in job_lines(site.engine_data) if job.run_id in runs]
        return all(job.status in ENDED for job in own)

    try:
        wait_until(all_ended, seconds=END_SECONDS)
    except TimeoutError:
        return own
    return own


def _job_ids(folder: Path) -> Iterable[str]:
    for task in folder.iterdir():
        if task.is_dir() and (task / "manifest.json").exists():
            yield from manifest_in(task)["job_ids"]
