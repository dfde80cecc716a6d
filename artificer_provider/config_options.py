"""The options of ``[artificer]``, as Airflow is told of them. It imports nothing of Airflow."""

from __future__ import annotations

from typing import Final

SECTION: Final = "artificer"

_SINCE: Final = "0.1.0"

#: What is empty by default is not set.
OPTIONS: Final[dict[str, dict[str, str]]] = {
    "namespace": {
        "description": (
            "Tells two Airflow deployments that share an engine apart: runs of the same DAG in both must not "
            "take each other's jobs for their own. A connection that says one of its own has the word."
        ),
        "version_added": _SINCE,
        "type": "string",
        "example": "production",
        "default": "airflow",
    },
    "poll_interval": {
        "description": "Seconds between two looks at the jobs of a run whose operator does not say.",
        "version_added": _SINCE,
        "type": "float",
        "example": "30",
        "default": "10",
    },
    "max_stalled": {
        "description": (
            "Seconds that a job may run without any change where the operator does not say; then it is given "
            "up for dead, and what is missing of it goes into a new one."
        ),
        "version_added": _SINCE,
        "type": "float",
        "example": "7200",
        "default": "3600",
    },
    "max_unreachable": {
        "description": (
            "Seconds that the engine may be out of reach while jobs run, where the operator does not say; "
            "then the try fails, and the next one goes on with them."
        ),
        "version_added": _SINCE,
        "type": "float",
        "example": "900",
        "default": "3600",
    },
    "timeout": {
        "description": "Seconds that a run may take from its first job on, where the operator does not say.",
        "version_added": _SINCE,
        "type": "float",
        "example": "21600",
        "default": "86400",
    },
    "max_parallel_jobs": {
        "description": "How many jobs of a run are under way at once where the operator does not say.",
        "version_added": _SINCE,
        "type": "integer",
        "example": "2",
        "default": "4",
    },
    "calls_a_minute": {
        "description": (
            "The most calls that one client sends in a minute, for connections that do not say. Empty: 80 % "
            "of a deployed engine's limit."
        ),
        "version_added": _SINCE,
        "type": "integer",
        "example": "100",
        "default": "",
    },
}
