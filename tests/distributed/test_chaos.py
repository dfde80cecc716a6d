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
from support.fault_plan import plan

if TYPE_CHECKING:
    from support.site import Site

log = logging.getLogger(__name__)

FIXED_SEED = 11
DRAWN_SEED = random.SystemRandom().randrange(10**6)
SEEDS = [int(seed) for seed in os.environ.get("ARTIFICER_CHAOS_SEED", "").split()] or [FIXED_SEED, DRAWN_SEED]
COUNT = int(os.environ.get("ARTIFICER_CHAOS_FAULTS", "20"))
#: After so many faults the load comes to its end, and the books are balanced.
ROUND = 20
JOURNAL = Path(os.environ.get("ARTIFICER_CHAOS_JOURNAL", "build/chaos.jsonl"))

pytestmark = [pytest.mark.distributed, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_books_balance_after_each_round_of_faults(site: Site, seed: int) -> None:
    """Broken off, it goes on with the fault that would have been next: run it with the same seed."""
    log.info("ARTIFICER_CHAOS_SEED=%d ARTIFICER_CHAOS_FAULTS=%d", seed, COUNT)
    journal = Journal(JOURNAL, seed, COUNT)
    site.models.delay = 1.0
    faults = plan(seed, COUNT)[journal.next_fault() :]
    while faults:
        this, faults = faults[:ROUND], faults[ROUND:]
        began = time.monotonic()
        round_ = Round(site, this, journal, f"s{seed}-{this[0].number}")
        try:
            round_.run()
            sums = balance(site, round_.loads, round_.states)
        except AssertionError as wrong:
            journal.write(verdict="wrong", why=str(wrong))
            raise
        figures = {
            "seconds": round(time.monotonic() - began),
            "faults": Counter(fault.kind for fault in this),
            "spoilt": site.network.spoilt,
            "restarts": Counter(site.airflow.restarts),
            **asdict(sums),
        }
        journal.write(verdict="balanced", **figures)
        log.info("balanced: %s", json.dumps(figures))
