"""Whether a kill ends the jobs of a task: one decision, for the worker and for the triggerer."""

from __future__ import annotations

#: States that no try follows: somebody ended the task. In any other, and where Airflow does not say, the next
#: try goes on with the jobs: an evicted pod, an API server that is away, a clear and a trigger that moved all
#: look like a kill.
ENDED = frozenset({"failed", "success", "skipped", "removed"})


def why_cancel(state: str | None, deadline: float | None, now: float) -> str | None:
    """
    Say why the jobs of a task that is being killed are to be cancelled; None where they are left.

    :param state: of the task instance, as Airflow has it now; None where it does not say.
    :param deadline: of the run, in seconds since the epoch; None where it has none.
    """
    if deadline is not None and now >= deadline:
        return "The time of the run is over"
    if state in ENDED:
        return f"The task was marked {state}"
    return None
