"""The procedures of ``orchestration``."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.client.models.batch import PhaseConfig
from artificer_provider.client.models.orchestration import (
    ChainChat,
    PhaseAnswer,
    PhaseMetadata,
    ProcessedText,
    ProcessedTextMetadata,
    ProcessText,
)
from artificer_provider.engine.answering.base import AnswerError
from artificer_provider.engine.errors import Problem, invalid
from artificer_provider.engine.trpc.errors import Code, RefusedError
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, taking

if TYPE_CHECKING:
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Rooms


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``orchestration``."""
    process = partial(_process, rooms.answerers)
    return {
        "orchestration.processText": Procedure(Kind.MUTATION, protected(taking(ProcessText, process))),
        "orchestration.chainChat": Procedure(Kind.MUTATION, protected(taking(ChainChat, _chat))),
    }


async def process_text(answerers: Answerers, asked: ProcessText) -> ProcessedText:
    """
    Put each phase's question to the text itself.

    :raises EngineError: when a phase cannot be carried out here; nothing was asked of any model.
    :raises AnswerError: when a phase got no answer.
    """
    phases = [PhaseConfig.model_validate(phase.model_dump()) for phase in asked.chain_config.phases]
    problems = [
        Problem(f"chainConfig.phases[{place}].{path}", message)
        for place, phase in enumerate(phases)
        for path, message in await answerers.problems(phase)
    ]
    if problems:
        raise invalid(problems)
    answers = []
    for phase in phases:
        begun = time.monotonic()
        answer = await answerers.answer(phase, asked.text)
        took = PhaseMetadata(cost=answer.cost, processing_time=_since(begun), cache_hit=False)
        answers.append(PhaseAnswer(phase=phase.name, response=answer.text, model=answer.model, metadata=took))
    costs = [answer.metadata.cost for answer in answers]
    known = [cost for cost in costs if cost is not None]
    return ProcessedText(
        chain_results=answers,
        metadata=ProcessedTextMetadata(
            total_cost=sum(known) if len(known) == len(costs) else None,
            total_time=sum(answer.metadata.processing_time or 0 for answer in answers),
            phase_count=len(answers),
        ),
    )


async def _process(answerers: Answerers, asked: ProcessText) -> Value:
    try:
        answered = await process_text(answerers, asked)
    except AnswerError as failure:
        raise RefusedError(Code.BAD_GATEWAY, str(failure)) from failure
    shown: Value = answered.model_dump(mode="json", by_alias=True)
    return shown


async def _chat(_: ChainChat) -> Value:
    """Find no conversation: this engine keeps none."""
    raise RefusedError(Code.NOT_FOUND, "Conversation not found")


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 3)
