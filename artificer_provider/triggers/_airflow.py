"""What a trigger needs of Airflow that ``airflow.sdk`` does not offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.triggers.base import BaseTrigger, TriggerEvent

from artificer_provider.hooks import ending

if TYPE_CHECKING:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

__all__ = ["BaseTrigger", "TriggerEvent", "task_state"]


async def task_state(task: RuntimeTaskInstance) -> str | None:
    """Ask Airflow for the state of a task instance as it is now; None when it does not say."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(ending.task_state)(task)
