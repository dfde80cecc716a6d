"""Which processes of a real Airflow are killed, and at which step of the task."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kill:
    """
    One kill.

    :param victim: the process of the ``task``, the ``supervisor`` of that, or the ``triggerer``.
    """

    number: int
    victim: str
    step: str
    deferrable: bool

    @property
    def dag_id(self) -> str:
        return f"killed_{self.number:02}"

    @property
    def texts(self) -> list[str]:
        return [f"{self.dag_id}:{number}" for number in range(4)]

    def __str__(self) -> str:
        mode = "deferrable" if self.deferrable else "waiting on the worker"
        return f"{self.dag_id}: the {self.victim} {self.step}, {mode}"


#: The first six are those of every day.
_PLAN = (
    ("task", "after the call create", False),
    ("task", "before moving rows", True),
    ("supervisor", "after the call start", False),
    ("supervisor", "before the call create", True),
    ("triggerer", "waiting", True),
    ("triggerer", "waiting", True),
    ("task", "before the call create", False),
    ("task", "after the call create", True),
    ("task", "after the call start", True),
    ("task", "after writing start", False),
    ("task", "with rows half written", False),
    ("task", "after writing end", True),
    ("supervisor", "before the call create", False),
    ("supervisor", "after the call create", True),
    ("supervisor", "after the call start", True),
    ("supervisor", "before landing rows", False),
    ("supervisor", "before moving rows", True),
    ("supervisor", "after moving the manifest", False),
    ("triggerer", "waiting", True),
    ("triggerer", "waiting", True),
)
KILLS = tuple(Kill(number, *planned) for number, planned in enumerate(_PLAN))
EVERY_DAY = 6
