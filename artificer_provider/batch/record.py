"""What a later try must know of a run: one record for all of it, and one for each of its shards."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, cast

from artificer_provider.batch.estimate import Estimate
from artificer_provider.batch.layout import Shard
from artificer_provider.batch.plan import as_mapping

if TYPE_CHECKING:
    from artificer_provider.batch.plan import Json

#: Never to be renamed: a run under way is found by it.
HEADER = "artificer_run"


def shard_key(number: int) -> str:
    """Name the record of a shard."""
    return f"{HEADER}_{number:04}"


class Outcome(StrEnum):
    """How a run ended; a run that goes on has none."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  #: more items than allowed have no good answer
    BUDGET = "budget"  #: it cost more than it may
    DEADLINE = "deadline"  #: it took longer than it may
    UNPRICED = "unpriced"  #: the engine does not say what it costs


class Canary(StrEnum):
    """What is known of the small job that goes before the spend."""

    SENT = "sent"  #: it may be there still, on the engine
    ANSWERED = "answered"
    APOLOGY = "apology"  #: a batch on this engine reaches no model


@dataclass(frozen=True, slots=True)
class Header:
    """
    What holds for all of a run.

    :param conn_id: the connection its jobs are made with; a changed run is cancelled through this one.
    :param fingerprint: of all that would be billed.
    :param shards: how many there are. The layout never changes once a job is there; 0 while it does.
    :param since: when its first job was made, in seconds since the epoch; None before.
    :param rounds: how often what has no good answer may be done over beyond what the task asks for: once more
        for each time that somebody cleared it, or that a job was given up for dead.
    :param revived: how many jobs were given up for dead.
    :param stopping: why it is being stopped, from the first cancel on until its rows are landed.
    :param outcome: how it ended, where it did.
    :param max_tries: of the task instance when it ended. Airflow changes it when somebody clears the task,
        and not for a retry: a try that finds it unchanged follows one that died before Airflow heard of it.
    :param job_bytes: what the body of a job may have, where the engine refused a larger one.
    :param estimate: what it will cost, told before it began; None where prices are not known.
    :param canary: what became of its canary job; None where none was sent.
    """

    conn_id: str
    fingerprint: str
    shards: int
    items: int
    chars: int = 0
    since: float | None = None
    rounds: int = 0
    revived: int = 0
    stopping: Outcome | None = None
    outcome: Outcome | None = None
    max_tries: int | None = None
    job_bytes: int | None = None
    estimate: Estimate | None = None
    canary: Canary | None = None

    def to_json(self) -> dict[str, Json]:
        """Write it for a store of JSON values."""
        return {"version": 2, **asdict(self)}

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Read what :meth:`to_json` wrote; None where nothing was. Fields of a newer release are left out."""
        known = _known(cls, value)
        if not known or "shards" not in known:
            return None
        for end in ("stopping", "outcome"):
            known[end] = Outcome(known[end]) if known.get(end) else None
        known["canary"] = Canary(known["canary"]) if known.get("canary") else None
        known["estimate"] = Estimate.from_json(known.get("estimate"))
        return cls(**known)

    def was_cleared(self, max_tries: int | None) -> bool:
        """
        Tell whether somebody cleared the task since the run ended.

        :param max_tries: of the task instance now; where it is unknown, a clear is taken for granted.
        """
        return None in (self.max_tries, max_tries) or self.max_tries != max_tries


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """
    What is known of a shard, written before each step that can bill.

    :param generation: how many jobs in the place of this one were given up before they ran.
    :param round: how often what failed has been done over.
    :param fingerprint: of what the job of this round is billed for; None until it is known.
    :param job_id: the job of this round, once it is there.
    :param start_sent_at: when its start was sent, in seconds since the epoch. It is sent at most once;
        one that the engine turned away (429) counts as not sent.
    :param fenced: whether it is being deleted because its start never arrived: when it is gone, it never ran.
    :param earlier: the jobs of the rounds before, whose good rows are kept.
    :param spent: what those cost, in US dollars; None where the engine does not say.
    :param landed: the file with its rows, and what is in it.
    """

    shard: Shard
    generation: int = 0
    round: int = 0
    fingerprint: str | None = None
    job_id: str | None = None
    start_sent_at: float | None = None
    fenced: bool = False
    earlier: tuple[str, ...] = ()
    spent: float | None = 0.0
    landed: Landed | None = None

    def to_json(self) -> dict[str, Json]:
        """Write it for a store of JSON values."""
        landed = None if self.landed is None else asdict(self.landed)
        earlier = cast("list[Json]", list(self.earlier))
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {
            "version": 2,
            **plain,
            "shard": self.shard.to_json(),
            "earlier": earlier,
            "landed": cast("Json", landed),
        }

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Read what :meth:`to_json` wrote; None where nothing was."""
        known = _known(cls, value)
        if not known:
            return None
        known["shard"] = Shard.from_json(known["shard"])
        known["earlier"] = tuple(known.get("earlier") or ())
        known["landed"] = Landed.from_json(known["landed"]) if known.get("landed") else None
        return cls(**known)

    @property
    def unsuccessful(self) -> int:
        """How many of its items have no good answer, those of a shard that was never landed among them."""
        return self.shard.count - (self.landed.succeeded if self.landed else 0)

    @property
    def jobs(self) -> tuple[str, ...]:
        """Every job whose rows make up the shard, the oldest round first."""
        return (*self.earlier, *((self.job_id,) if self.job_id else ()))

    @property
    def never_ran(self) -> bool:
        """Whether its job, where that is gone, is known to have run nothing."""
        return self.start_sent_at is None or self.fenced

    def renewed(self) -> ShardRecord:
        """Give the job of this round up for a new one."""
        return replace(
            self,
            generation=self.generation + 1,
            job_id=None,
            start_sent_at=None,
            fenced=False,
            landed=None,
        )

    def next_round(self) -> ShardRecord:
        """Keep the job of this round, and do over what failed in it."""
        return replace(
            self,
            round=self.round + 1,
            earlier=self.jobs,
            spent=None if self.landed is None else self.landed.cost,
            generation=0,
            fingerprint=None,
            job_id=None,
            start_sent_at=None,
            fenced=False,
            landed=None,
        )


_PLAIN = ("generation", "round", "fingerprint", "job_id", "start_sent_at", "fenced", "spent")


@dataclass(frozen=True, slots=True)
class Landed:
    """
    What a shard came to.

    :param counts: rows by what became of them.
    :param cost: US dollars; None where the engine does not say.
    :param failures: the first reasons.
    :param phase_costs: US dollars by phase, of a chain; None where the engine does not say.
    :param size: bytes of the file; None where a release wrote it that did not count them.
    """

    file: str
    counts: dict[str, int]
    cost: float | None
    tokens: int | None
    models: list[str]
    failures: list[str]
    phase_costs: dict[str, float | None] = field(default_factory=dict[str, "float | None"])
    size: int | None = None

    @property
    def succeeded(self) -> int:
        """How many items have a good answer."""
        return self.counts.get("succeeded", 0)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read what stands in the record of a shard."""
        return cls(**_known(cls, value))


def from_first_release(value: object) -> tuple[Header, ShardRecord] | None:
    """
    Read the record of a run that a release without shards began: it is one shard.

    Its shard has no place yet: the run is laid out again, and has the same fingerprint.
    """
    stored = as_mapping(value)
    if stored.get("version") != 1 or "fingerprint" not in stored:
        return None
    said = cast("dict[str, Any]", stored)
    outcome = Outcome.FAILED if said.get("failed") else None
    header = Header(said["conn_id"], said["fingerprint"], shards=1, items=0, outcome=outcome)
    record = ShardRecord(
        Shard(0, 0, 0, said["fingerprint"]),
        generation=said.get("generation", 0),
        fingerprint=said["fingerprint"],
        job_id=said.get("job_id"),
        start_sent_at=said.get("start_sent_at"),
    )
    return header, record


def _known(kind: type[Any], value: object) -> dict[str, Any]:
    stored = as_mapping(value)
    return {name: stored[name] for name in kind.__dataclass_fields__ if name in stored}
