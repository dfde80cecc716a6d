from __future__ import annotations

import pytest

from artificer_provider.client.states import JobStatus
from artificer_provider.engine.steps import Action, may_delete, move, phase_to_run

P, R, U, C, F, X = (
    JobStatus.PENDING,
    JobStatus.RUNNING,
    JobStatus.PAUSED,
    JobStatus.COMPLETED,
    JobStatus.FAILED,
    JobStatus.CANCELLED,
)
MOVES = {
    Action.START: {P: R, R: R, U: U, C: C, F: F},
    Action.PAUSE: {R: U},
    Action.RESUME: {U: R, F: R},
    Action.CANCEL: {P: X, R: X, U: X, F: X},
}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("status", JobStatus)
def test_a_move_leads_where_the_contract_says_or_nowhere(action: Action, status: JobStatus) -> None:
    assert move(action, status) is MOVES[action].get(status)


def test_only_a_running_job_may_not_be_deleted() -> None:
    assert [status for status in JobStatus if not may_delete(status)] == [R]


@pytest.mark.parametrize(
    ("answered", "failed", "phase"),
    [
        ({}, {}, 0),
        ({0: 2}, {}, 0),
        ({0: 3}, {}, 1),
        ({0: 2}, {0: 1}, 1),
        ({0: 3, 1: 1}, {1: 1}, 1),
        ({0: 3, 1: 3}, {}, None),
        ({0: 2, 1: 1}, {0: 1, 1: 1}, None),
        ({}, {0: 3}, None),  # nobody is left for the second phase
    ],
)
def test_the_phase_to_run_is_the_first_that_items_still_wait_for(
    answered: dict[int, int], failed: dict[int, int], phase: int | None
) -> None:
    assert phase_to_run(3, 2, answered, failed) == phase
