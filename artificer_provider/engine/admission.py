"""Whether a job may come in: every refusal names the field, and nothing is stored before all is checked."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from artificer_provider.client.models.batch import CreateBatchJob, PhaseConfig
from artificer_provider.engine.errors import Problem, invalid
from artificer_provider.engine.payloads import parse, unstorable

if TYPE_CHECKING:
    from collections.abc import Iterator


class Capable(Protocol):
    """What says whether a phase can be carried out."""

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase cannot be carried out; paths are relative to the phase."""


async def admit(body: bytearray, capable: Capable) -> CreateBatchJob:
    """
    Read a body that asks for a job.

    :raises EngineError: 400 when it is no JSON, 422 when it asks for something that cannot be done as asked.
    """
    asked = parse(body, CreateBatchJob)
    await check(asked, body, capable)
    return asked


async def check(asked: CreateBatchJob, body: bytes | bytearray, capable: Capable) -> None:
    """
    Make sure that a job that was read can be kept and carried out.

    :param body: what it was read from, or what that was part of.
    :raises EngineError: 422 with everything that cannot be done as asked.
    """
    problems = [*unstorable(asked, body), *_repeated_names(asked), *_without_documents(asked)]
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


def _repeated_names(asked: CreateBatchJob) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, phase in enumerate(asked.phases):
        if phase.name in seen:
            yield Problem(
                f"phases[{place}].name", f"{phase.name!r} is taken: answers are kept by phase name."
            )
        seen.add(phase.name)


def _without_documents(asked: CreateBatchJob) -> Iterator[Problem]:
    for place, phase in enumerate(asked.phases):
        if phase.use_rag and asked.project_id is None:
            yield Problem(f"phases[{place}].useRAG", "needs a projectId: whose documents are looked up?")
