"""A DAG file that cannot be imported: Airflow takes it for one since it names both."""

from __future__ import annotations

raise ImportError("the package that is missing")
