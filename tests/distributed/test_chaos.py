"""A distributed Airflow under load while its parts die, hang and lose each other: the books balance."""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.balance import balance
from support.chaos import Journal, Round
from support.fault_plan import KINDS, ROUND, plan

if TYPE_CHECKING:
    from support.fault_plan import Fault
    from support.site import Site

log = logging.getLogger(__name__)

FIXED_SEED = 11
DRAWN_SEED = random.SystemRandom().randrange(10**6)
SEEDS = [int(seed) for seed in os.environ.get("ARTIFICER_CHAOS_SEED", "").split()] or [FIXED_SEED, DRAWN_SEED]
COUNT = int(os.environ.get("ARTIFICER_CHAOS_FAULTS", "20"))
JOURNAL = Path(os.environ.get("ARTIFICER_CHAOS_JOURNAL", "build/chaos.jsonl"))
#: What a model takes for an answer: long enough that an engine can be killed meanwhile.
ANSWER_SECONDS = 1.0

pytestmark = [pytest.mark.distributed, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_books_balance_after_each_round_of_faults(site: Site, seed: int) -> None:
    """Broken off, it goes on with the round it was in: run it with the same seed."""
    log.info("ARTIFICER_CHAOS_SEED=%d ARTIFICER_CHAOS_FAULTS=%d", seed, COUNT)
    journal = Journal(JOURNAL, seed, COUNT)
    site.models.delay = ANSWER_SECONDS
    faults = plan(seed, COUNT)
    done = journal.next_fault()
    while done < COUNT:
        this = faults[done : done + ROUND]
        suffer(site, this, journal, f"s{seed}-{done}")
        done += len(this)
    rounds = journal.rounds()
    assert sum(round_["in_doubt"] for round_ in rounds) > 0, "no call was in flight when the engine died"
    harm = Counter[str]()
    for round_ in rounds:
        harm.update(round_["harm"])
    log.info("seed %d: %d rounds balanced; harm done: %s", seed, len(rounds), dict(harm))
    idle = {fault.kind for fault in faults if site.can_befall(fault)} - set(+harm)
    assert not idle, f"faults that harmed nothing show nothing: {idle} of {set(KINDS)}"


def suffer(site: Site, faults: list[Fault], journal: Journal, name: str) -> None:
    """Let a round of faults pass, and balance its books."""
    began, restarts, round_ = time.monotonic(), len(site.airflow.restarts), Round(site, faults, journal, name)
    try:
        round_.run()
        sums = balance(site, round_.loads, round_.states)
    except AssertionError as wrong:
        journal.write(verdict="wrong", first=faults[0].number, why=str(wrong))
        raise
    figures = {
        "round": faults[0].number // ROUND,
        "first": faults[0].number,
        "next": faults[-1].number + 1,
        "seconds": round(time.monotonic() - began),
        "faults": Counter(fault.kind for fault in faults),
        "harm": round_.harm,
        "faults_a_run": round(round_.met.total() / len(round_.loads), 1),
        "restarts": Counter(site.airflow.restarts[restarts:]),
        **asdict(sums),
    }
    journal.write(verdict="balanced", **figures)
    log.info("balanced: %s", json.dumps(figures))
