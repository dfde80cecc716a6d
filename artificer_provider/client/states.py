"""The words of the engine's life cycles, in one place."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class _OpenEnum(StrEnum):
    """A list that still reads words it does not know, as themselves: an engine may be newer than we are."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member


class JobStatus(_OpenEnum):
    """Where a batch job stands (WIRE §6)."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether the engine is done with the job. A word we do not know is no end."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


class ItemStatus(_OpenEnum):
    """Where one item of a batch job stands (WIRE §5, ``getJobResults``)."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class InDoubt(StrEnum):
    """
    What an engine does with a call that was under way when it died, answered and billed or not.

    ``repeat`` makes it again and perhaps pays twice; ``fail`` fails the item and pays once.
    """

    REPEAT = "repeat"
    FAIL = "fail"


class Role(_OpenEnum):
    """Who said something in a conversation."""

    USER = "user"
    ASSISTANT = "assistant"


class ExportFormatName(_OpenEnum):
    """How conversations can be written (WIRE §5); an engine need not offer all of them."""

    MARKDOWN = "markdown"
    NOTION = "notion"
    OBSIDIAN = "obsidian"
    GOOGLE_DOCS = "google-docs"
    JSON = "json"
    HTML = "html"


class ProgressType(_OpenEnum):
    """Which step of an orchestration a progress event tells of (WIRE §7)."""

    ANALYZING = "analyzing"
    ROUTING = "routing"
    EXECUTING = "executing"
    VALIDATING = "validating"
    RETRYING = "retrying"
    COMPLETE = "complete"
    ERROR = "error"
