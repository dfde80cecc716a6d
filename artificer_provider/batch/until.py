"""
What a sensor waits for, and whether a job is there yet.

A DAG that is parsed reads the words, so nothing of the client is loaded before one of them is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from artificer_provider.batch.job import Counted

COMPLETED = "completed"
ANY_TERMINAL = "any_terminal"
#: How a job can end.
TERMINAL = ("COMPLETED", "FAILED", "CANCELLED")
_PERCENT = "percent:"
_WORDS = (COMPLETED, ANY_TERMINAL, f"{_PERCENT}50")


class Verdict(Enum):
    """What a look at a job says about the waiting."""

    WAITING = auto()
    MET = auto()
    NEVER = auto()  #: it ended otherwise


class Until(NamedTuple):
    """
    What is waited for.

    :param text: as it was written.
    :param percent: of the items done or failed, above 0 and up to 100; None where only the end counts.
    """

    text: str
    percent: float | None = None

    def verdict(self, job: Counted) -> Verdict:
        """
        Judge a look at a job.

        A share counts what the engine counts. A deployed one counts an item as done that is through any phase
        (WIRE §6.8): of a job with several, 100 % may only say that the first phase is over.
        """
        if self.percent is not None and self._share_is_done(job, self.percent):
            return Verdict.MET
        if not job.status.is_terminal:
            return Verdict.WAITING
        good = self.text == ANY_TERMINAL or (self.text == COMPLETED and job.status == "COMPLETED")
        return Verdict.MET if good else Verdict.NEVER

    @staticmethod
    def _share_is_done(job: Counted, percent: float) -> bool:
        done = job.completed_items + job.failed_items
        return job.total_items > 0 and 100 * done >= percent * job.total_items

    def sentence(self, job_id: str, job: Counted) -> str:
        """Say how a job ended that can never be what it was waited for."""
        if self.percent is None:
            return f"Job {job_id} ended {job.status}."
        done = job.completed_items + job.failed_items
        return (
            f"Job {job_id} ended {job.status} with {done} of {job.total_items} items done: "
            f"less than {self.percent:g} %."
        )


def read_until(text: object) -> Until:
    """
    Read what a person wrote: ``completed``, ``any_terminal`` or ``percent:50``.

    :raises ConfigurationError: naming what comes closest.
    """
    if isinstance(text, str) and (text in (COMPLETED, ANY_TERMINAL) or text.startswith(_PERCENT)):
        return _read(text)
    import difflib  # only for who mistyped

    from artificer_provider.client.errors import ConfigurationError

    close = difflib.get_close_matches(str(text).lower(), _WORDS, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"write {', '.join(map(repr, _WORDS))}."
    raise ConfigurationError(f"until is {text!r}: no engine gets there; {hint}")


@lru_cache
def _read(text: str) -> Until:
    return Until(text, _read_percent(text) if text.startswith(_PERCENT) else None)


def _read_percent(text: str) -> float:
    try:
        percent = float(text.removeprefix(_PERCENT))
    except ValueError:
        percent = math.nan
    if 0 < percent <= 100:  # noqa: PLR2004 - a percentage
        return percent
    from artificer_provider.client.errors import ConfigurationError

    raise ConfigurationError(f"until is {text!r}: write a number above 0 and up to 100, like 'percent:50'.")


def read_job_ids(value: object) -> list[str]:
    """
    Read which jobs are meant: an id, several, or what an operator of this package left in XCom.

    :raises ConfigurationError: saying what was found instead.
    """
    from artificer_provider.client.errors import ConfigurationError

    if isinstance(value, Mapping):
        value = _of_manifest(cast("Mapping[str, object]", value))
    if isinstance(value, str) or not isinstance(value, Iterable):
        value = [value]
    listed = cast("Iterable[object]", value)
    found: dict[str, None] = {}
    for entry in listed:
        if isinstance(entry, Mapping):
            found |= dict.fromkeys(read_job_ids(cast("object", entry)))
        elif isinstance(entry, str) and entry.strip() and not entry.startswith(("[", "{")):
            found[entry.strip()] = None
        else:
            raise ConfigurationError(
                f"job_id holds {entry!r:.80}, which is no job id. A list out of a template comes as text: "
                "hand over the task's output itself, or set render_template_as_native_obj on the DAG."
            )
    if not found:
        raise ConfigurationError("job_id is empty: there is no job to wait for.")
    return list(found)


def _of_manifest(manifest: Mapping[str, object]) -> object:
    from artificer_provider.client.errors import ConfigurationError

    ids = manifest.get("job_ids")
    if not isinstance(ids, list):
        raise ConfigurationError("job_id is a mapping without job_ids: hand over an id, or a run's output.")
    count, shown = manifest.get("job_count"), len(cast("list[object]", ids))
    if isinstance(count, int) and count > shown:
        raise ConfigurationError(
            f"job_id shows {shown} of a run's {count} jobs: the rest are in its manifest, "
            f"{manifest.get('manifest')}."
        )
    return cast("object", ids)


def read_statuses(statuses: Sequence[str]) -> tuple[str, ...]:
    """
    Check how jobs are to have ended.

    :raises ConfigurationError: naming the word and what comes closest.
    """
    unknown = [] if isinstance(statuses, str) else [word for word in statuses if word not in TERMINAL]
    if statuses and not unknown and not isinstance(statuses, str):
        return tuple(statuses)
    from artificer_provider.client.errors import ConfigurationError

    if not unknown:
        raise ConfigurationError(f"statuses is {statuses!r}: write a list of {', '.join(TERMINAL)}.")
    import difflib  # only for who mistyped

    close = difflib.get_close_matches(str(unknown[0]).upper(), TERMINAL, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(TERMINAL)}."
    raise ConfigurationError(f"statuses has {unknown[0]!r}, which is no end of a job; {hint}")
