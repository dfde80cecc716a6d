"""A triggerer that dies with all waiting tasks in it, and another that takes them over."""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from processes import wait_until
from support.balance import balance
from support.load import Load
from support.stand_ins import defer, dismiss, running_jobs
from support.take_over import deferred, owned, watched_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.site import Site

log = logging.getLogger(__name__)

WAITING = int(os.environ.get("ARTIFICER_TAKE_OVER_WAITING", "1000"))
#: So many of those are deferred by workers and go on to their end; in the place of the others are stand-ins.
TASKS = int(os.environ.get("ARTIFICER_TAKE_OVER_TASKS", str(WAITING)))
#: The longest that all may take to be watched, from the moment that the first is the other triggerer's.
WATCHED_WITHIN = 60.0
#: An answer is held back for so long; so many of them, one after the other, make a job longer than the test.
HELD_SECONDS, ITEMS = 100.0, 12
#: A leg of a task takes this long at most, on average, beside what all together take.
LEG_SECONDS, LEAST_SECONDS = 2.0, 300.0

pytestmark = [pytest.mark.distributed, pytest.mark.timeout(3600)]


def test_all_waiting_tasks_of_a_dead_triggerer_are_watched_again(site: Site) -> None:
    airflow, load = site.airflow, Load("fan_out", "take-over", files=TASKS, items=ITEMS)
    began = time.time()
    with answers_held(site), running_jobs(site.engine.address or "", WAITING - TASKS, ITEMS) as jobs:
        dead = defer_all(site, load, jobs)
        log.info("%d tasks are deferred after %.0f s, all in one triggerer", WAITING, time.time() - began)
        taken, watched = take_over(site, load, dead)
        dismiss(airflow, load.run_id, TASKS)
    state = airflow.wait_over(load.dag_id, load.run_id, seconds=LEAST_SECONDS + LEG_SECONDS * TASKS)
    sums = balance(site, [load], {load.run_id: state})
    log.info("all in all %.0f s: %s", time.time() - began, sums)
    assert (sums.tries, sums.calls, sums.jobs) == (sums.tasks, sums.items, TASKS)
    assert watched[-1] - taken <= WATCHED_WITHIN


@contextmanager
def answers_held(site: Site) -> Iterator[None]:
    """Let no job come to its end."""
    site.models.held_for = HELD_SECONDS
    site.models.open.clear()
    try:
        yield
    finally:
        site.models.open.set()


def defer_all(site: Site, load: Load, jobs: list[str]) -> int:
    """Bring all tasks of a run, and stand-ins for these jobs, into one triggerer: give the id of its job."""
    airflow = site.airflow
    airflow.kill_part("triggerer-2")
    site.begin(load)
    wait_until(
        lambda: deferred(airflow, load.run_id) == TASKS,
        seconds=LEAST_SECONDS + LEG_SECONDS * TASKS,
        pulse=airflow.check_running,
    )
    log.info("%d of them by workers", TASKS)
    defer(airflow, load.run_id, jobs)
    [triggerer] = owned(airflow)
    wait_until(lambda: len(watched_at(airflow, load.run_id, triggerer)) == WAITING, seconds=180)
    return triggerer


def take_over(site: Site, load: Load, dead: int) -> tuple[float, list[float]]:
    """Kill that triggerer; say when the other had the first of its tasks, and when it watched each."""
    airflow = site.airflow
    airflow.start_part("triggerer-2")
    airflow.wait_ready("triggerer-2")
    airflow.kill_part("triggerer-1")
    killed = time.time()
    heirs = wait_until(lambda: set(owned(airflow)) - {dead}, seconds=120)
    taken, [heir] = time.time(), heirs
    wait_until(lambda: len(watched_at(airflow, load.run_id, heir)) == WAITING, seconds=2 * WATCHED_WITHIN)
    watched = sorted(watched_at(airflow, load.run_id, heir))
    log.info(
        "taken over %.1f s after the kill; from then on the first was watched after %.1f s, half of them "
        "after %.1f s, and all %d after %.1f s",
        *(taken - killed, watched[0] - taken, watched[WAITING // 2] - taken, WAITING, watched[-1] - taken),
    )
    airflow.start_part("triggerer-1")
    return taken, watched
