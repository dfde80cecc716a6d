"""What a trigger needs of Airflow that ``airflow.sdk`` does not offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, StartTriggerArgs, TriggerEvent

from artificer_provider.hooks import ending

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

    from artificer_provider import metrics

    Stats: metrics.Stats
else:
    try:
        from airflow.observability.stats import Stats
    except ImportError:  # below Airflow 3.2
        from airflow.stats import Stats
    try:
        from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer
    except ImportError:  # below Airflow 3.3, where no stream is shared
        AdvanceItem = SharedStreamProducer = object

__all__ = [
    "AdvanceItem",
    "BaseEventTrigger",
    "BaseTrigger",
    "SharedStreamProducer",
    "Stats",
    "TriggerEvent",
    "start_in_triggerer",
    "state_stores",
    "task_state",
]


def state_stores(trigger: BaseEventTrigger) -> list[Any]:
    """Find the store of each asset that an event trigger serves; none below Airflow 3.3."""
    stores = getattr(trigger, "asset_state_store", None)
    # It has no public way to say which assets they are, and refuses to be asked when there are several.
    return list(getattr(stores, "_by_name", {}).values())


def start_in_triggerer(
    task: BaseOperator, trigger: str, arguments: dict[str, Any], timeout: timedelta
) -> None:
    """
    Have a task begin in the triggerer, without a worker; below Airflow 3.3 leave it as it is.

    :param trigger: the class that it begins with, whose event ``execute_complete`` is given.
    :param arguments: of the trigger; those that are template fields of the task are rendered there.
    """
    # Airflow below 3.3 hands a trigger its templates as they were written.
    if hasattr(BaseTrigger, "render_template_fields"):
        task.start_trigger_args = StartTriggerArgs(trigger, "execute_complete", arguments, None, timeout)
        task.start_from_trigger = True


async def task_state(task: RuntimeTaskInstance) -> str | None:
    """Ask Airflow for the state of a task instance as it is now; None when it does not say."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(ending.task_state)(task)
