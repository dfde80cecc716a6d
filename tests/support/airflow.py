"""Stand-ins for what only a running task has: its context, and Airflow's task state store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context


class Died(BaseException):
    """The process of a try was killed, as far as the test goes."""


@dataclass
class StoreDouble:
    """Keeps values as Airflow's task state store does, and can be told to let a try die while it writes."""

    values: dict[str, object] = field(default_factory=dict)
    superseded: bool = False
    dies_at_write: int | None = None
    writes: int = 0

    def get(self, key: str, default: object = None) -> object:
        return default if self.superseded else self.values.get(key, default)

    def set(self, key: str, value: object, *, retention: timedelta | None = None) -> None:
        assert retention is not None, "a run's record is kept for ever"
        if self.superseded:
            raise RuntimeError("Task instance not found")
        self.writes += 1
        if self.writes == self.dies_at_write:
            raise Died
        self.values[key] = value


@dataclass(frozen=True)
class TaskInstanceDouble:
    dag_id: str = "dag"
    task_id: str = "run_batch"
    run_id: str = "manual__1"
    map_index: int | None = -1
    try_number: int = 1


def context(store: StoreDouble | None, ti: TaskInstanceDouble | None = None) -> Context:
    """Give a context with a store, or without one as below Airflow 3.3."""
    made: dict[str, object] = {"ti": ti or TaskInstanceDouble()}
    if store is not None:
        made["task_state_store"] = store
    return cast("Context", made)
