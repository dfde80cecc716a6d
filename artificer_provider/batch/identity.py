"""Who a run is, and how its jobs are known."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from artificer_provider.client.limits import MAX_NAME_CHARS

#: How many digits of a run's key are in the names of its jobs.
_KEY_DIGITS = 16
_MARK = re.compile(rf"(?:^| )af-([0-9a-f]{{{_KEY_DIGITS}}})-[0-9a-f]{{8}}-g\d+-r\d+-s\d+/\d+$")


def marked_run(job_name: str) -> str | None:
    """Read from a job's name whose run it is of: the first digits of the key; None where it bears no mark."""
    found = _MARK.search(job_name)
    return found[1] if found else None


def own_name(job_name: str) -> str:
    """Give a job's name without our mark; all of it where nothing else is in it."""
    found = _MARK.search(job_name)
    return job_name[: found.start()] if found and found.start() else job_name


@dataclass(frozen=True, slots=True)
class RunKey:
    """
    One task instance, whatever its try.

    :param namespace: tells two Airflow deployments on one engine apart.
    """

    namespace: str
    dag_id: str
    task_id: str
    run_id: str
    map_index: int = -1

    def digest(self) -> str:
        """Hash the key, as hexadecimal digits."""
        parts = (self.namespace, self.dag_id, self.task_id, self.run_id, str(self.map_index))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def digits(self) -> str:
        """What of the key is in the names of its jobs."""
        return self.digest()[:_KEY_DIGITS]


@dataclass(frozen=True, slots=True)
class JobKey:
    """
    One job of a run, whichever try asks for it.

    :param fingerprint: of what would be billed.
    :param generation: how many jobs in its place were given up before they ran.
    :param round: how often what failed has been done over.
    :param shard: which part of the run it is, of ``shards``.
    """

    run: RunKey
    fingerprint: str
    generation: int
    round: int
    shard: int
    shards: int

    @property
    def mark(self) -> str:
        """What its name ends with, and what it is made once under."""
        return (
            f"af-{self.run.digits}-{self.fingerprint[:8]}-g{self.generation}-r{self.round}"
            f"-s{self.shard}/{self.shards}"
        )

    def name(self, own: str) -> str:
        """Name it so that people know it and a later try finds it: the user's name, cut, and the mark."""
        own = own[: MAX_NAME_CHARS - len(self.mark) - 1].rstrip()
        return f"{own} {self.mark}" if own else self.mark
