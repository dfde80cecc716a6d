"""What comes next: the moves a job may make, and the phase it has to run. Pure decisions over values."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(StrEnum):
    """What a caller can ask of a job."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


_MOVES: Mapping[Action, Mapping[JobStatus, JobStatus]] = {
    # A start sent twice must not run anything twice: beyond PENDING it only tells where the job stands.
    Action.START: {
        JobStatus.PENDING: JobStatus.RUNNING,
        JobStatus.RUNNING: JobStatus.RUNNING,
        JobStatus.PAUSED: JobStatus.PAUSED,
        JobStatus.COMPLETED: JobStatus.COMPLETED,
        JobStatus.FAILED: JobStatus.FAILED,
    },
    Action.PAUSE: {JobStatus.RUNNING: JobStatus.PAUSED},
    Action.RESUME: {JobStatus.PAUSED: JobStatus.RUNNING, JobStatus.FAILED: JobStatus.RUNNING},
    Action.CANCEL: {
        JobStatus.PENDING: JobStatus.CANCELLED,
        JobStatus.RUNNING: JobStatus.CANCELLED,
        JobStatus.PAUSED: JobStatus.CANCELLED,
        JobStatus.FAILED: JobStatus.CANCELLED,
    },
}


def move(action: Action, status: JobStatus) -> JobStatus | None:
    """Tell where an action takes a job, or None where it is not allowed."""
    return _MOVES[action].get(status)


def may_delete(status: JobStatus) -> bool:
    """Tell whether a job may go: start and delete exclude each other, so a running one may not."""
    return status is not JobStatus.RUNNING


def phase_to_run(
    total_items: int, phase_count: int, answered: Mapping[int, int], failed: Mapping[int, int]
) -> int | None:
    """
    Find the first phase that some item still has to go through, or None when the job is done.

    :param total_items: how many items enter the first phase.
    :param answered: by phase, how many items have its answer: those enter the next phase.
    :param failed: by phase, how many items failed in it: those go no further.
    """
    entering = total_items
    for phase in range(phase_count):
        leaving = answered.get(phase, 0)
        if leaving + failed.get(phase, 0) < entering:
            return phase
        entering = leaving
    return None
