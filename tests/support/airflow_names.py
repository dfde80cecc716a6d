"""Names that stand elsewhere in each version of Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferralError, TaskDeferralTimeout
    from airflow.sdk.serde import deserialize, serialize
    from airflow.serialization.serialized_objects import DagSerialization
else:
    try:
        from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferralError, TaskDeferralTimeout
        from airflow.sdk.serde import deserialize, serialize
        from airflow.serialization.serialized_objects import DagSerialization
    except ImportError:  # below Airflow 3.2
        from airflow.exceptions import AirflowRescheduleException, TaskDeferralError, TaskDeferralTimeout
        from airflow.serialization.serde import deserialize, serialize
        from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

__all__ = [
    "AirflowRescheduleException",
    "DagSerialization",
    "TaskDeferralError",
    "TaskDeferralTimeout",
    "deserialize",
    "serialize",
]
