"""Stand-ins for what only a running task has: its context, and Airflow's task state store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from artificer_provider.batch.record import HEADER, shard_key
from support.versions import AIRFLOW

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class Died(BaseException):
    """The process of a try was killed, as far as the test goes."""


#: What is written down on the way to a job that runs, in this order.
STEPS = ("layout", "header", "since", "intent", "job id", "start")


def step_of(key: str, value: dict[str, Any]) -> str:
    """Name the step that a write is."""
    if key == HEADER:
        if value["stopping"]:
            return "stopping"
        return "end" if value["outcome"] else "since" if value["since"] else "header"
    return _step_of_shard(value) if key.startswith(HEADER) else key


def _step_of_shard(value: dict[str, Any]) -> str:
    if value["landed"]:
        return "landed"
    if value["start_sent_at"]:
        return "start"
    if value["round"] and not value["fingerprint"]:
        return "round"
    return "job id" if value["job_id"] else "intent" if value["fingerprint"] else "layout"


if AIRFLOW < (3, 3):
    from airflow.sdk.execution_time import context as of_sdk

    # What comes with the store that this is the double of: whatever is tried on it can be tried there too.
    vars(of_sdk).setdefault("NEVER_EXPIRE", timedelta.max)


@dataclass
class StoreDouble:
    """Keeps values as Airflow's task state store does, and can be told to let a try die while it writes."""

    values: dict[str, Any] = field(default_factory=dict)
    superseded: bool = False
    dies_at: str | None = None
    steps: list[str] = field(default_factory=list)

    @property
    def shard(self) -> dict[str, Any]:
        """The record of the first shard."""
        found: dict[str, Any] = self.values[shard_key(0)]
        return found

    def get(self, key: str, default: object = None) -> object:
        return default if self.superseded else self.values.get(key, default)

    def set(self, key: str, value: dict[str, Any], *, retention: timedelta | None = None) -> None:
        assert retention is not None, "a run's record is kept for ever"
        if self.superseded:
            raise RuntimeError("Task instance not found")
        self.steps.append(step_of(key, value))
        if self.steps[-1] == self.dies_at:
            self.dies_at = None
            raise Died
        self.values[key] = json.loads(json.dumps(value))


@dataclass(frozen=True)
class TaskInstanceDouble:
    dag_id: str = "dag"
    task_id: str = "run_batch"
    run_id: str = "manual__1"
    map_index: int | None = -1
    try_number: int = 1
    #: What a clear changes and a retry does not; where it is unknown, each later try counts as cleared.
    max_tries: int | None = None
    #: What was pushed, the last of each key.
    xcoms: dict[str, Any] = field(default_factory=dict, compare=False)
    #: The keys that were pushed, one after the other.
    pushes: list[str] = field(default_factory=list, compare=False)

    def xcom_push(self, key: str, value: object) -> None:
        self.pushes.append(key)
        self.xcoms[key] = json.loads(json.dumps(value))


def context(store: StoreDouble | None, ti: TaskInstanceDouble | None = None) -> Context:
    """Give a context with a store, or without one as below Airflow 3.3."""
    made: dict[str, object] = {"ti": ti or TaskInstanceDouble()}
    if store is not None:
        made["task_state_store"] = store
    return cast("Context", made)
