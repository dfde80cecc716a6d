"""What a decorator needs of Airflow that stands elsewhere in each of its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.definitions._internal.types import SET_DURING_EXECUTION

if TYPE_CHECKING:
    from airflow.sdk.bases.decorator import determine_kwargs
else:
    try:
        from airflow.sdk.bases.decorator import determine_kwargs
    except ImportError:  # below Airflow 3.2
        from airflow.utils.operator_helpers import determine_kwargs

__all__ = ["SET_DURING_EXECUTION", "determine_kwargs"]
