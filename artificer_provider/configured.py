"""
What ``[artificer]`` says in Airflow's configuration, typed and checked.

These are defaults for a whole deployment: what a connection or an operator says has the word. Those of
operators are read when a DAG is parsed, as ``[operators] default_deferrable`` is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import conf

from artificer_provider.config_options import OPTIONS, SECTION

if TYPE_CHECKING:
    from typing import NoReturn

_LONGEST_PAUSE = 3_600.0
_LONGEST_SPAN = timedelta(days=365).total_seconds()
_MOST_JOBS = 1_000
_MOST_CALLS = 1_000_000


def namespace() -> str:
    """Say what tells the runs of this Airflow from those of another on the same engine."""
    return _said("namespace") or OPTIONS["namespace"]["default"]


def poll_interval() -> float:
    """
    Say how many seconds are between two looks at a run's jobs.

    :raises ConfigurationError: naming the option and its value.
    """
    return _seconds("poll_interval", _LONGEST_PAUSE)


def max_stalled() -> timedelta:
    """
    Say how long a job may run without any change.

    :raises ConfigurationError: naming the option and its value.
    """
    return timedelta(seconds=_seconds("max_stalled", _LONGEST_SPAN))


def max_unreachable() -> timedelta:
    """
    Say how long an engine may be out of reach.

    :raises ConfigurationError: naming the option and its value.
    """
    return timedelta(seconds=_seconds("max_unreachable", _LONGEST_SPAN))


def timeout() -> timedelta:
    """
    Say how long a run may take.

    :raises ConfigurationError: naming the option and its value.
    """
    return timedelta(seconds=_seconds("timeout", _LONGEST_SPAN))


def max_parallel_jobs() -> int:
    """
    Say how many jobs of a run are under way at once.

    :raises ConfigurationError: naming the option and its value.
    """
    return _count("max_parallel_jobs", _MOST_JOBS)


def calls_a_minute() -> int | None:
    """
    Say how many calls a client sends in a minute at most; None for any number.

    :raises ConfigurationError: naming the option and its value.
    """
    return _count("calls_a_minute", _MOST_CALLS) if _said("calls_a_minute") else None


def _said(name: str) -> str:
    """Read an option; its default where Airflow does not know of this provider's."""
    return str(conf.get(SECTION, name, fallback=OPTIONS[name]["default"]) or "").strip()


def _seconds(name: str, most: float) -> float:
    said = _said(name)
    try:
        found = float(said)
    except ValueError:
        found = 0.0
    if not 0 < found <= most:  # neither is what is no number at all
        _refuse(name, said, f"seconds, more than 0 and at most {most:,.0f}")
    return found


def _count(name: str, most: int) -> int:
    said = _said(name)
    if not (said.isascii() and said.isdigit() and 1 <= int(said) <= most):
        _refuse(name, said, f"a whole number from 1 to {most:,}")
    return int(said)


def _refuse(name: str, said: str, wanted: str) -> NoReturn:
    from artificer_provider.client.errors import ConfigurationError

    raise ConfigurationError(
        f"[{SECTION}] {name} is {said!r} in Airflow's configuration, which AIRFLOW__{SECTION.upper()}__"
        f"{name.upper()} sets, too: it must be {wanted}. Without it, {_without(name)}."
    )


def _without(name: str) -> str:
    return f"it is {OPTIONS[name]['default']}" if OPTIONS[name]["default"] else "the client decides"
