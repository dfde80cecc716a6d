"""What the engine refuses, as values: an HTTP status, a code for programs and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing wrong in a body: where, and what."""

    path: str
    message: str


@dataclass
class EngineError(Exception):
    """A request that is not carried out; nothing of it was stored."""

    status: int
    code: str
    message: str
    problems: list[Problem] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


def unknown_job(job_id: str) -> EngineError:
    """Say that no job has this id."""
    return EngineError(404, "not_found", f"There is no batch job {job_id!r} on this engine.")


def invalid(problems: list[Problem]) -> EngineError:
    """Say what is wrong with a body: the first problem in the sentence, up to twenty in the details."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return EngineError(422, "validation_error", f"{first.path}: {first.message}{more}", problems[:20])
