"""Where a run's record is kept: Airflow's task state store, or the try itself where Airflow has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.batch.submit import RunRecord

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    from artificer_provider.operators._submit import RunStore

_KEY = "artificer_run"  # never to be renamed: a try under way finds its job by it


class TaskStateStore:
    """Airflow's own store (3.3 and later), kept for ever. It refuses a try that was superseded."""

    def __init__(self, accessor: TaskStateStoreAccessor) -> None:
        self._accessor = accessor

    def get(self) -> RunRecord | None:
        """Read what earlier tries wrote."""
        return RunRecord.from_json(self._accessor.get(_KEY))

    def set(self, record: RunRecord) -> None:
        """Write it."""
        from airflow.sdk.execution_time.context import NEVER_EXPIRE

        self._accessor.set(_KEY, record.to_json(), retention=NEVER_EXPIRE)


class TryStore:
    """The memory of one try, below Airflow 3.3: there the idempotency key alone finds an earlier job."""

    def __init__(self) -> None:
        self._record: RunRecord | None = None

    def get(self) -> RunRecord | None:
        """Read what this try wrote."""
        return self._record

    def set(self, record: RunRecord) -> None:
        """Keep it."""
        self._record = record


def run_store(context: Context) -> RunStore:
    """Choose the best store that this Airflow has."""
    accessor = context.get("task_state_store")
    return TryStore() if accessor is None else TaskStateStore(accessor)
