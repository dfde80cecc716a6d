"""The plan of faults: the same for the same seed, and never two at once in one place."""

from __future__ import annotations

from itertools import pairwise

import pytest
from support.fault_plan import DEATH, KINDS, OUTAGE, PEACE, ROUND, plan

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
def test_each_round_has_an_outage_of_the_api_server_and_a_death_of_the_engine(seed: int) -> None:
    faults = plan(seed, 100)
    for first in range(0, 100, ROUND):
        certain = [(fault.target, fault.seconds) for fault in faults[first : first + ROUND]]
        assert certain.count(("api-server", OUTAGE)) == 1
        assert certain.count(("engine", DEATH)) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hundred_faults_are_all_that_there_are(seed: int) -> None:
    drawn = {(fault.kind, fault.target) for fault in plan(seed, 100)}
    assert drawn == {(kind, target) for kind, (_, targets, _) in KINDS.items() for target in targets}
