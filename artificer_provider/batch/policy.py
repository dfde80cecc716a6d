"""What a run may cost, how long it may take, how much of it may fail, and what is then done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from artificer_provider.client.errors import ConfigurationError

E = TypeVar("E", bound=StrEnum)


class OnChangedInput(StrEnum):
    """What a later try does that finds another input than the run began with."""

    CANCEL_AND_RERUN = "cancel_and_rerun"
    FAIL = "fail"


class OnClearedSuccess(StrEnum):
    """What a cleared task does that had succeeded."""

    REUSE = "reuse"  #: lands the same rows again, and pays nothing
    RERUN = "rerun"


class OnUnknownCost(StrEnum):
    """What a run with a budget does on an engine that does not say what it costs."""

    FAIL = "fail"
    IGNORE = "ignore"


class Fallback(StrEnum):
    """What a run does on a deployed engine whose batches reach no model."""

    CHAIN = "chain"  #: has each item answered by calls of its own, over ``orchestration.processText``


@dataclass(frozen=True, slots=True)
class Policy:
    """
    The terms of a run.

    :param timeout: seconds from the first job on, after which what still runs is cancelled.
    :param max_parallel_jobs: shards that run at once.
    :param max_cost: US dollars; None for no limit.
    :param max_failed: items that may be without a good answer: a count, or a share from 0 to 1 as a float.
    :param retry_failed: how often items without a good answer are done over, in a job of their own.
    :param max_stalled: seconds without any change after which a job counts as dead.
    :param durable: whether a later try goes on with the jobs of an earlier one.
    :param canary: whether a deployed engine is asked first if its batches reach a model.
    :param fallback: what is done when they do not; None fails the task.
    :param max_unreachable: seconds that the engine may be out of reach while its jobs are watched.
    """

    timeout: float
    poll_interval: float
    max_parallel_jobs: int = 4
    max_cost: float | None = None
    on_unknown_cost: OnUnknownCost = OnUnknownCost.FAIL
    max_failed: int | float = 0
    retry_failed: int = 0
    max_stalled: float = 3600.0
    durable: bool = True
    on_changed_input: OnChangedInput = OnChangedInput.CANCEL_AND_RERUN
    on_cleared_success: OnClearedSuccess = OnClearedSuccess.REUSE
    canary: bool = True
    fallback: Fallback | None = None
    max_unreachable: float = 3600.0

    def allowed_failures(self, items: int) -> int:
        """Say how many of the items may be without a good answer."""
        return allowed_of(self.max_failed, items)


def read_policy(
    *,
    timeout: timedelta,
    max_cost: float | None,
    on_unknown_cost: str,
    max_failed: int | float,  # noqa: PYI041 - see Policy
    retry_failed: int,
    poll_interval: float = 10.0,
    max_parallel_jobs: int = 1,
    max_stalled: timedelta = timedelta(hours=1),
    durable: bool = True,
    on_changed_input: str = "cancel_and_rerun",
    on_cleared_success: str = "reuse",
    canary: bool = True,
    fallback: str | None = None,
    max_unreachable: timedelta = timedelta(hours=1),
) -> Policy:
    """
    Check the terms; a run without jobs says nothing of those that are about them.

    :raises ConfigurationError: naming the one that makes no sense.
    """
    _require(timeout > timedelta(0), f"timeout is {timeout}: it must be more than 0.")
    _require(max_stalled > timedelta(0), f"max_stalled is {max_stalled}: it must be more than 0.")
    _require(max_unreachable > timedelta(0), f"max_unreachable is {max_unreachable}: it must be more than 0.")
    _require(poll_interval > 0, f"poll_interval is {poll_interval}: it must be more than 0 seconds.")
    _require(max_parallel_jobs >= 1, f"max_parallel_jobs is {max_parallel_jobs}: it must be 1 or more.")
    _require(max_cost is None or max_cost > 0, f"max_cost is {max_cost}: it must be more than 0 US dollars.")
    _require(retry_failed >= 0, f"retry_failed is {retry_failed}: it must be 0 or more.")
    check_max_failed(max_failed)
    _require(
        canary or fallback is None,
        f"fallback is {fallback!r} and canary is False: nothing would tell when to. Leave canary out.",
    )
    return Policy(
        timeout.total_seconds(),
        poll_interval,
        max_parallel_jobs,
        max_cost,
        _member(OnUnknownCost, "on_unknown_cost", on_unknown_cost),
        max_failed,
        retry_failed,
        max_stalled.total_seconds(),
        durable,
        _member(OnChangedInput, "on_changed_input", on_changed_input),
        _member(OnClearedSuccess, "on_cleared_success", on_cleared_success),
        canary,
        None if fallback is None else _member(Fallback, "fallback", fallback),
        max_unreachable.total_seconds(),
    )


def check_max_failed(max_failed: int | float) -> None:  # noqa: PYI041 - see Policy
    """
    Check how many items may be without a good answer.

    :raises ConfigurationError: when it is no count and no share.
    """
    _require(max_failed >= 0, f"max_failed is {max_failed}: it must be 0 or more.")
    _require(
        not isinstance(max_failed, float) or max_failed <= 1,
        f"max_failed is {max_failed}: a share is at most 1.0; write a whole number for a count.",
    )


def allowed_of(max_failed: int | float, items: int) -> int:  # noqa: PYI041 - see Policy
    """Say how many of the items may be without a good answer."""
    return int(max_failed * items) if isinstance(max_failed, float) else max_failed


def _require(holds: bool, sentence: str) -> None:  # noqa: FBT001 - what must hold
    if not holds:
        raise ConfigurationError(sentence)


def _member(kind: type[E], name: str, value: str) -> E:
    try:
        return kind(value)
    except ValueError:
        raise ConfigurationError(
            f"{name} is {value!r}: write {' or '.join(repr(member.value) for member in kind)}."
        ) from None
