"""What the engine refuses, as values: an HTTP status, a code for programs and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


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


class UnknownError(EngineError):
    """
    There is nothing of this id that the caller could see: another owner's is as unknown as one never made.

    :param noun: what it would be: project, document, conversation.
    """

    def __init__(self, noun: str, its_id: str) -> None:
        super().__init__(404, "not_found", f"There is no {noun} {its_id!r} on this engine.")
        self.noun = noun


class ErrorDetail(BaseModel):
    """One thing wrong: the field, written as one would in code (`items[3].input`), and what about it."""

    path: str
    message: str


class ErrorContent(BaseModel):
    """A code for programs, a sentence for people, and the id under which the engine's log has more."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    code: str
    message: str
    details: list[ErrorDetail]
    request_id: str


class ErrorReply(BaseModel):
    """The one shape of every refusal."""

    error: ErrorContent


def unknown_job(job_id: str) -> EngineError:
    """Say that no job has this id."""
    return EngineError(404, "not_found", f"There is no batch job {job_id!r} on this engine.")


def no_such_project(project_id: str) -> EngineError:
    """Say that what names a project names none that the caller has."""
    return invalid([Problem("projectId", f"there is no project {project_id!r} on this engine.")])


def invalid(problems: list[Problem]) -> EngineError:
    """Say what is wrong with a body: the first problem in the sentence, up to twenty in the details."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return EngineError(422, "validation_error", f"{first.path}: {first.message}{more}", problems[:20])
