"""The plan of faults: the same for the same seed, and never two at once in one place."""

from __future__ import annotations

from itertools import pairwise

import pytest
from support.fault_plan import KINDS, OUTAGE, PEACE, plan

SEEDS = (0, 11, 4_711)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_gives_the_same_plan_each_time_and_another_seed_another(seed: int) -> None:
    assert plan(seed, 100) == plan(seed, 100)
    assert plan(seed, 100) != plan(seed + 1, 100)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_place_has_its_peace_between_two_faults(seed: int) -> None:
    faults = plan(seed, 100)
    for place in {fault.place for fault in faults}:
        own = [fault for fault in faults if fault.place == place]
        assert all(later.at >= earlier.until + PEACE for earlier, later in pairwise(own)), place


@pytest.mark.parametrize("seed", SEEDS)
def test_each_twenty_faults_have_an_outage_of_the_api_server(seed: int) -> None:
    faults = plan(seed, 100)
    for first in range(0, 100, 20):
        outages = [f for f in faults[first : first + 20] if f.target == "api-server" and f.seconds == OUTAGE]
        assert len(outages) == 1


def test_a_hundred_faults_are_of_every_kind() -> None:
    assert {fault.kind for fault in plan(11, 100)} == set(KINDS)
