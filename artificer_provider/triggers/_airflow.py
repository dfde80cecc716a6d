"""What a trigger needs of Airflow that ``airflow.sdk`` does not offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

__all__ = ["BaseTrigger", "TriggerEvent", "task_state"]


async def task_state(task: RuntimeTaskInstance) -> str | None:
    """Ask Airflow for the state of a task instance as it is now; None when it does not say."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from asgiref.sync import sync_to_async

    runs = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=task.dag_id,
        task_ids=[task.task_id],
        run_ids=[task.run_id],
        map_index=task.map_index,
    )
    states = list(runs.get(task.run_id, {}).values())
    return None if not states or states[0] is None else str(states[0])
