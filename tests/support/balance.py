"""The books of many runs, balanced: what models were asked, the engine kept, and Airflow says and landed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processes import wait_until

from support.books import ENDED, check_landed, manifest_in
from support.engine_books import JobLine, in_doubt, job_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

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


def balance(site: Site, loads: list[Load], states: dict[str, str]) -> Sums:
    """
    Hold everything against everything.

    :raises AssertionError: naming all that does not balance.
    """
    wrong: list[str] = []
    asked, doubt = Counter(site.models.texts()), in_doubt(site.engine_data)
    tasks = [task for load in loads for task in _tasks(site, load)]
    for load in loads:
        if states[load.run_id] != "success":
            wrong.append(f"{load} is {states[load.run_id]}")
        wrong += _bills(load, asked, doubt)
        try:
            check_landed(load, site.outputs / load.run_id)
        except (AssertionError, OSError) as error:
            wrong.append(f"{load}: what is landed is not right: {error!r:.2000}")
    wrong += [
        f"{task['dag_run_id']} {task['task_id']} {task['map_index']} is {task['state']}"
        for task in tasks
        if task["state"] != "success"
    ]
    wrong += _jobs(site, loads)
    assert not wrong, "\n".join(wrong)
    texts = [text for load in loads for text in load.texts]
    return Sums(
        runs=len(loads),
        tasks=len(tasks),
        tries=sum(task["try_number"] for task in tasks),
        items=len(texts),
        calls=sum(asked[text] for text in texts),
        in_doubt=sum(doubt[text] for text in texts),
        jobs=len(job_lines(site.engine_data)),
    )


def _bills(load: Load, asked: Counter[str], doubt: Counter[str]) -> Iterable[str]:
    """Name each item that was billed more often than once and the times that nobody can know of."""
    for text in load.texts:
        if not 1 <= asked[text] <= 1 + doubt[text]:
            yield f"{text} was asked {asked[text]} times, {doubt[text]} of them in doubt"


def _tasks(site: Site, load: Load) -> list[dict[str, Any]]:
    return wait_until(lambda: site.airflow.task_instances(load.dag_id, load.run_id), seconds=60) or []


def _jobs(site: Site, loads: list[Load]) -> Iterable[str]:
    """Name each job that nobody waits for any more, and that has not ended, or whose rows nobody took."""

    def under_way() -> list[JobLine]:
        return [job for job in job_lines(site.engine_data) if job.status not in ENDED]

    try:
        wait_until(lambda: not under_way(), seconds=END_SECONDS)
    except TimeoutError:
        yield from (f"{job} has not ended" for job in under_way())
    landed = {job for load in loads for job in _job_ids(site.outputs / load.run_id)}
    for job in job_lines(site.engine_data):
        if job.status == "COMPLETED" and job.id not in landed:
            yield f"{job} was paid for, and no manifest names it"


def _job_ids(folder: Path) -> Iterable[str]:
    for task in folder.iterdir():
        if task.is_dir() and (task / "manifest.json").exists():
            yield from manifest_in(task)["job_ids"]
