"""The order of steps that bills once: intent, create, id, start (DESIGN, promise 1)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Self, cast

from artificer_provider.batch.plan import as_mapping
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from artificer_provider.batch.plan import Json

#: How long a start that was sent may still be under way before the job is given up (seconds).
START_GRACE = 60.0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """
    What a later try must know. Written before each step that can bill.

    :param conn_id: the connection the job was made with.
    :param fingerprint: what would be billed.
    :param generation: how many jobs of this run were given up before.
    :param job_id: the job, once it is there.
    :param start_sent_at: when start was sent, in seconds since the epoch. It is sent at most once.
    :param failed: the run was judged a failure; what comes after is a new run of the same task.
    """

    conn_id: str
    fingerprint: str
    generation: int = 0
    job_id: str | None = None
    start_sent_at: float | None = None
    failed: bool = False

    def to_json(self) -> dict[str, Json]:
        """Write it for a store of JSON values."""
        return {"version": 1, **asdict(self)}

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Read what :meth:`to_json` wrote; None where nothing was. Fields of a newer release are left out."""
        stored = as_mapping(value)
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        return cls(**cast("dict[str, Any]", known)) if known else None

    def next_generation(self) -> RunRecord:
        """Give the job up for a new one."""
        return replace(self, generation=self.generation + 1, job_id=None, start_sent_at=None, failed=False)


class Step(Enum):
    """What a try does next on the way to a job that runs."""

    RECORD_INTENT = auto()
    CREATE = auto()
    RECORD_START = auto()  #: and send it
    WAIT_FOR_START = auto()
    FENCE = auto()  #: delete the job: once it is gone, no late start can run it
    RENEW = auto()  #: give the job up, and intend a new one
    CANCEL_AND_RENEW = auto()
    WATCH = auto()


def first_step(record: RunRecord | None, fingerprint: str) -> Step:
    """Say how a try begins, from what earlier tries recorded."""
    if record is None:
        return Step.RECORD_INTENT
    if record.failed:
        return Step.RENEW
    if record.fingerprint != fingerprint:
        return Step.RENEW if record.job_id is None else Step.CANCEL_AND_RENEW
    return Step.CREATE


def next_step(record: RunRecord, status: JobStatus | None, now: float) -> Step:
    """
    Say what follows, once the job is known.

    :param status: where the job stands; None when the engine has it no longer.
    :param now: seconds since the epoch.
    """
    if status is None or status is JobStatus.CANCELLED:
        return Step.RENEW
    if status is not JobStatus.PENDING:
        return Step.WATCH
    if record.start_sent_at is None:
        return Step.RECORD_START
    return Step.WAIT_FOR_START if now < record.start_sent_at + START_GRACE else Step.FENCE
