"""Whether a job may come in: every refusal names the field, and nothing is stored before all is checked."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue, ValidationError

from artificer_provider.client.models.batch import CreateBatchJob, PhaseConfig
from artificer_provider.engine.errors import EngineError, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

# What can only be written so: a NUL, and numbers that are none (NaN, Infinity, 1e999).
_SUSPECT = re.compile(rb"\\u0000|NaN|Infinity|\d[eE]\+?\d{3}")


class Capable(Protocol):
    """What says whether a phase can be carried out."""

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase cannot be carried out; paths are relative to the phase."""


async def admit(body: bytearray, capable: Capable) -> CreateBatchJob:
    """
    Read a body that asks for a job.

    :raises EngineError: 400 when it is no JSON, 422 when it asks for something that cannot be done as asked.
    """
    asked = _read(body)
    await check(asked, body, capable)
    return asked


async def check(asked: CreateBatchJob, body: bytes | bytearray, capable: Capable) -> None:
    """
    Make sure that a job that was read can be kept and carried out.

    :param body: what it was read from, or what that was part of.
    :raises EngineError: 422 with everything that cannot be done as asked.
    """
    problems = [*_unstorable(asked, body), *_repeated_names(asked), *_not_offered(asked)]
    for place, phase in enumerate(asked.phases):
        problems += [
            Problem(f"phases[{place}].{path}", message) for path, message in await capable.problems(phase)
        ]
    if problems:
        raise invalid(problems)


def fingerprint(asked: CreateBatchJob) -> str:
    """Tell bodies apart by what they ask, not how they spell it. Piece by piece: nothing large is copied."""
    digest = hashlib.sha256(asked.model_dump_json(exclude={"items"}, exclude_none=True).encode())
    for item in asked.items:
        digest.update(item.model_dump_json(exclude_none=True).encode() + b"\n")
    return digest.hexdigest()


def path_of(location: tuple[int | str, ...]) -> str:
    """Write a place in a body as one would in code: ``items[3].input``."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return path.removeprefix(".") or "body"


def _read(body: bytearray) -> CreateBatchJob:
    try:
        return CreateBatchJob.model_validate_json(body, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        if found[0]["type"] != "json_invalid":
            raise invalid([Problem(path_of(one["loc"]), one["msg"]) for one in found]) from error
        message = found[0]["msg"]
        if "hex escape" in message or "surrogate" in message:
            message += ": a lone surrogate (half a character) stands for no text"
        raise EngineError(400, "invalid_json", f"The body is not valid JSON: {message}.") from error


def _unstorable(asked: CreateBatchJob, body: bytes | bytearray) -> Iterator[Problem]:
    """Find what JSON can spell but a database or the next reader cannot keep."""
    if not _SUSPECT.search(body):
        return  # the rule: nothing to look for, and a large body is not walked through
    for path, value in _leaves(asked.model_dump(by_alias=True, exclude_none=True), ()):
        if isinstance(value, str) and "\0" in value:
            yield Problem(path_of(path), "holds a NUL character, which no database keeps; take it out.")
        elif isinstance(value, float) and not math.isfinite(value):
            yield Problem(path_of(path), "is no finite number.")


def _leaves(
    value: JsonValue, path: tuple[int | str, ...]
) -> Iterator[tuple[tuple[int | str, ...], JsonValue]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name), name
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path, value


def _repeated_names(asked: CreateBatchJob) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, phase in enumerate(asked.phases):
        if phase.name in seen:
            yield Problem(
                f"phases[{place}].name", f"{phase.name!r} is taken: answers are kept by phase name."
            )
        seen.add(phase.name)


def _not_offered(asked: CreateBatchJob) -> Iterator[Problem]:
    """Refuse what the contract knows but this engine does not do, rather than leave it out in silence."""
    for place, phase in enumerate(asked.phases):
        if phase.use_rag:
            yield Problem(f"phases[{place}].useRAG", "is not offered: this engine keeps no documents.")
