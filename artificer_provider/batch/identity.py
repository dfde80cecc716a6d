"""Who a run is, and what would be billed for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.client.limits import MAX_NAME_CHARS

if TYPE_CHECKING:
    from artificer_provider.batch.plan import Plan


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


def fingerprint(plan: Plan) -> str:
    """Hash what would be billed: items, phases and options, not the name."""
    digest = hashlib.sha256()
    for part in (*plan.items, *plan.phases, plan.options):
        digest.update(json.dumps(part.to_wire(), sort_keys=True, separators=(",", ":")).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def job_mark(run: RunKey, plan_fingerprint: str, generation: int) -> str:
    """
    Identify a job, whichever try asks for it.

    :param generation: how many jobs of this run were given up before.
    """
    return f"af-{run.digest()[:16]}-{plan_fingerprint[:8]}-g{generation}-r0-s0/1"


def job_name(name: str, mark: str) -> str:
    """Name a job so that people know it and a later try finds it: the user's name, cut, and the mark."""
    own = name[: MAX_NAME_CHARS - len(mark) - 1].rstrip()
    return f"{own} {mark}" if own else mark
