"""Hours of small work, squeezed: what triggerers, workers and the engine hold does not grow with it."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

import pytest
from airflow_base import OVER
from processes import session_members, wait_until
from support.balance import balance
from support.load import Load
from support.upkeep import Upkeep, least, upkeep_of

if TYPE_CHECKING:
    from support.site import Site

log = logging.getLogger(__name__)

RUNS = int(os.environ.get("ARTIFICER_SOAK_RUNS", "1000"))
#: A run of the DAG is so many of ours, nine of them on a file each.
RUNS_EACH, FILES = 10, 9
#: After each of so many parts of the work all is idle, and looked at.
PARTS, AT_ONCE = 4, 4
#: What gets all warm is so much of that, with more of it at once: pools that have a bound are full then, and
#: the cache of the engine's database nearly.
WARM, WARM_AT_ONCE = 0.4, 12
#: So often all is looked at in a part, each time after one more of its runs; the least of it counts. A
#: worker's process keeps the sockets of its last task until Python next looks for garbage in it.
LOOKS = 6
GROWTH = 0.05
#: What nobody uses is let go within this time.
IDLE_SECONDS = 60.0
WATCHED = ("triggerer-1", "triggerer-2", "worker-1", "worker-2", "engine")

pytestmark = [pytest.mark.distributed, pytest.mark.timeout(3600)]


def test_nothing_is_held_for_work_that_is_over(site: Site) -> None:
    began, loads, states = time.monotonic(), list[Load](), dict[str, str]()
    seen: list[dict[str, Upkeep]] = []
    fill_pools(site, [name for name in WATCHED if name.startswith("triggerer")])
    for part, (share, at_once) in enumerate([(WARM, WARM_AT_ONCE), *[(1 / PARTS, AT_ONCE)] * PARTS]):
        runs = max(1, round(RUNS * share / RUNS_EACH) - LOOKS)
        more = [Load("soak", f"soak-{part}-{n}", FILES, 1) for n in range(runs)]
        work_through(site, more, states, at_once)
        loads += more
        looks = []
        for look in range(LOOKS):
            loads.append(Load("soak", f"soak-{part}-look-{look}", FILES, 1))
            work_through(site, loads[-1:], states, 1)
            looks.append(idle_upkeep(site))
        seen.append({name: least(one[name] for one in looks) for name in WATCHED})
        log.info("%d runs, %.0f s: %s", RUNS_EACH * len(loads), time.monotonic() - began, seen[-1])
    log.info("%s", balance(site, loads, states))
    warm, last = seen[0], seen[-1]
    grown = {name: last[name].grown_since(warm[name], GROWTH) for name in WATCHED}
    assert not any(grown.values()), grown


def fill_pools(site: Site, triggerers: list[str]) -> None:
    """
    Have each triggerer begin every thread that the pool of its event loop may have.

    Airflow itself talks to its supervisor through that pool all the time, and now and then begins one more.
    """
    for name in triggerers:
        run_id = f"full-{name}"
        with site.paused([other for other in triggerers if other != name]):  # or one might take all of them
            site.airflow.trigger("full_pool", run_id=run_id)
            assert site.airflow.wait_over("full_pool", run_id, seconds=120) == "success"
    log.info("pools are full: %s", {name: upkeep_of(site.airflow.processes_of(name)) for name in triggerers})


def work_through(site: Site, loads: list[Load], states: dict[str, str], at_once: int) -> None:
    """Begin run after run, some at once, and see all of them to their end."""
    waiting, under_way = [*loads], list[Load]()

    def none_is_left() -> bool:
        site.airflow.check_running()
        for load in [*under_way]:
            state = (site.airflow.dag_run(load.dag_id, load.run_id) or {}).get("state", "")
            if state in OVER:
                states[load.run_id] = state
                under_way.remove(load)
        while waiting and len(under_way) < at_once:
            under_way.append(waiting.pop(0))
            site.begin(under_way[-1])
        return not under_way

    wait_until(none_is_left, seconds=120 + 60 * len(loads))


def idle_upkeep(site: Site) -> dict[str, Upkeep]:
    """Look at all parts as soon as none of them lets anything go any more."""
    looks: list[dict[str, Upkeep]] = []

    def look() -> dict[str, Upkeep]:
        engine = {"engine": upkeep_of(session_members(site.engine.pid))}
        return engine | {name: upkeep_of(site.airflow.processes_of(name)) for name in WATCHED[:-1]}

    def is_still() -> bool:
        looks.append(look())
        files = [[each.files for each in one.values()] for one in looks[-20:]]
        return len(files) == 20 and all(one == files[-1] for one in files)

    wait_until(is_still, seconds=IDLE_SECONDS)
    return looks[-1]
