"""Where a run's records are kept: Airflow's task state store, or the try itself where Airflow has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    from artificer_provider.batch.plan import Json


class RunStore(Protocol):
    """Where records outlive the try that wrote them."""

    @property
    def outlives_a_try(self) -> bool:
        """Whether what a try wrote is there for the next."""
        ...

    @property
    def max_tries(self) -> int | None:
        """What tells a clear from a retry: a clear changes it, a retry does not. None where it is unknown."""
        ...

    def get(self, key: str) -> object:
        """Read what earlier tries wrote; None where nothing was."""
        ...

    def set(self, key: str, value: dict[str, Json]) -> None:
        """Write it; raise when this try is no longer the task's, which must stop it at once."""
        ...


class TaskStateStore:
    """
    Airflow's own store (3.3 and later), kept for ever. It refuses a try that was superseded.

    :param max_tries: of the task instance, as Airflow gives it to this try.
    """

    outlives_a_try = True

    def __init__(self, accessor: TaskStateStoreAccessor, max_tries: int | None) -> None:
        self._accessor = accessor
        self.max_tries = max_tries

    def get(self, key: str) -> object:
        """Read what earlier tries wrote."""
        return self._accessor.get(key)

    def set(self, key: str, value: dict[str, Json]) -> None:
        """Write it."""
        from airflow.sdk.execution_time.context import NEVER_EXPIRE

        self._accessor.set(key, value, retention=NEVER_EXPIRE)


class TryStore:
    """The memory of one try, below Airflow 3.3: there names and idempotency keys find an earlier job."""

    outlives_a_try = False
    max_tries: int | None = None

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Json]] = {}

    def get(self, key: str) -> object:
        """Read what this try wrote."""
        return self._values.get(key)

    def set(self, key: str, value: dict[str, Json]) -> None:
        """Keep it."""
        self._values[key] = value


class ClosedStore(TryStore):
    """
    What a store is once its task has ended: no step that could bill follows.

    :param why: the sentence that says so, without its full stop.
    """

    def __init__(self, why: str) -> None:
        super().__init__()
        self._why = why

    def set(self, key: str, value: dict[str, Json]) -> None:
        """Refuse it."""
        raise RuntimeError(f"{self._why}: nothing more is started, and nothing is landed.")


def run_store(context: Context) -> RunStore:
    """Choose the best store that this Airflow has."""
    accessor = context.get("task_state_store")
    if accessor is None:
        return TryStore()
    return TaskStateStore(accessor, getattr(context["ti"], "max_tries", None))
