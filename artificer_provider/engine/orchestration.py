"""One text answered at once, and the record of who answered."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.client.models.batch import PhaseConfig
from artificer_provider.client.models.orchestration import (
    ChainExecutionResult,
    ChainMessage,
    ChainMetadata,
    PhaseAnswer,
    PhaseMetadata,
    ProcessedText,
    ProcessedTextMetadata,
    RoutingAnalytics,
    RoutingDecision,
    RoutingSummary,
)
from artificer_provider.client.states import InDoubt
from artificer_provider.engine import attempts, clock, counting, projects
from artificer_provider.engine.calling import answers_worth_asking, make_call, score_to_reach
from artificer_provider.engine.chatting import Question
from artificer_provider.engine.errors import EngineError, Problem, invalid
from artificer_provider.engine.grounding import PASSAGES, with_passages

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from artificer_provider.client.models.orchestration import (
        ChainChat,
        ChainExecutionRequest,
        ChainPhase,
        ProcessText,
    )
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.chatting import Turns, TurnWork
    from artificer_provider.engine.retrieval import Retrieval
    from artificer_provider.engine.store import Store

HASH_CHARS = 16

_DECISION_COLUMNS = """id, prompt_hash, prompt_length, executed_model, total_cost, successful, retry_count,
  validation_score, latency_ms, created_at"""


@dataclass(frozen=True)
class Answered:
    """
    An answer, and what it took to get it.

    :param retries: how often another was asked for because the one before scored too little.
    """

    text: str
    model: str | None
    score: float | None
    cost: float | None
    tokens: int | None
    retries: int
    seconds: float


async def execute(
    asked: ChainExecutionRequest, answerers: Answerers, store: Store, retrieval: Retrieval, *, owner: str
) -> ChainExecutionResult:
    """
    Answer one query. Where no answer scores enough, the best one is given with its score: it was paid for.

    :param retrieval: finds the passages that are put before the query, where that is asked for.
    :param owner: in whose analytics it is counted.
    :raises EngineError: 422 when it asks for what cannot be done here, 502 when the model gives no answer.
    """
    if asked.use_rag and asked.project_id is None:
        raise invalid([Problem("useRAG", "needs a projectId: whose documents are looked up?")])
    if asked.project_id is not None:
        await store.read(partial(projects.require, owner=owner, project_id=asked.project_id))
    phase = await _phase_for(asked, answerers)
    text = asked.query
    if asked.use_rag and asked.project_id is not None:
        text = with_passages(text, await retrieval.passages(owner, asked.project_id, text, PASSAGES))
    answered = await answer(phase, text, answerers, store, owner)
    return ChainExecutionResult(
        response=answered.text,
        model=answered.model,
        cost=answered.cost,
        tokens=answered.tokens,
        validation_score=answered.score,
        retry_count=answered.retries,
        latency_ms=round(answered.seconds * 1000),
    )


async def process_text(
    asked: ProcessText, answerers: Answerers, store: Store, *, owner: str
) -> ProcessedText:
    """
    Put one text to each phase; none is given the answer of another.

    :param owner: in whose analytics it is counted.
    :raises EngineError: 422 when a phase cannot be carried out here, 502 when a model gives no answer.
    """
    phases = [_chain_phase(phase) for phase in asked.chain_config.phases]
    problems = [
        Problem(f"chainConfig.phases[{place}].{problem.path}", problem.message)
        for place, phase in enumerate(phases)
        for problem in _said_without_tasks(await answerers.problems(phase))
    ]
    if problems:
        raise invalid(problems)
    results = [(phase, await answer(phase, asked.text, answerers, store, owner)) for phase in phases]
    costs = [answered.cost for _, answered in results]
    known = [cost for cost in costs if cost is not None]
    return ProcessedText(
        chain_results=[_phase_answer(phase, answered) for phase, answered in results],
        metadata=ProcessedTextMetadata(
            total_cost=sum(known) if len(known) == len(costs) else None,
            total_time=round(sum(answered.seconds for _, answered in results), 3),
            phase_count=len(results),
        ),
    )


async def begin_chain(asked: ChainChat, turns: Turns, *, owner: str) -> TurnWork:
    """
    Have a message answered in its conversation, and keep who answered it there.

    :raises EngineError: as :meth:`Turns.begin` does.
    """
    question = Question(owner, asked.conversation_id, asked.content)
    return await turns.begin(question, partial(_record_turn, question))


async def chain_chat(asked: ChainChat, turns: Turns, *, owner: str) -> ChainMessage:
    """
    Answer a message in its conversation. What is not judged here (complexity, category) is not told.

    :raises EngineError: 404 when there is no such conversation, 422 when nobody here can answer in it, 502
        when the model gives no answer.
    """
    begun = time.monotonic()
    reply = await (await begin_chain(asked, turns, owner=owner)).result()
    return ChainMessage.model_validate(
        {
            **reply.model_dump(exclude={"sources"}),
            "chain_metadata": ChainMetadata(
                retry_count=0, successful=True, total_latency=round((time.monotonic() - begun) * 1000)
            ),
        }
    )


def record(
    connection: sqlite3.Connection,
    decision: RoutingDecision,
    *,
    owner: str,
    conversation_id: str | None = None,
) -> None:
    """Keep who answered an owner's question, and how that ended."""
    values = decision.model_dump(include=set(_DECISION_COLUMNS.replace(",", " ").split()), mode="json")
    values |= {"owner": owner, "conversation_id": conversation_id}
    connection.execute(
        f"INSERT INTO decisions ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})",  # noqa: S608 - our own column names
        values,
    )


def analytics(
    connection: sqlite3.Connection, limit: int, *, owner: str, conversation_id: str | None = None
) -> RoutingAnalytics:
    """
    Read an owner's latest decisions, newest first, and count them.

    :param conversation_id: only those in this conversation.
    """
    rows = connection.execute(
        f"""SELECT {_DECISION_COLUMNS} FROM decisions
            WHERE owner = :owner AND (:conversation IS NULL OR conversation_id = :conversation)
            ORDER BY number DESC LIMIT :limit""",  # noqa: S608 - our own column names
        {"owner": owner, "conversation": conversation_id, "limit": limit},
    )
    return counted([RoutingDecision.model_validate(dict(row)) for row in rows])


def counted(decisions: Sequence[RoutingDecision]) -> RoutingAnalytics:
    """Count decisions; with one cost unknown the average is unknown too, never too small."""
    costs = [decision.total_cost for decision in decisions if decision.total_cost is not None]
    retries = [decision.retry_count or 0 for decision in decisions]
    models = [decision.executed_model for decision in decisions if decision.executed_model is not None]
    return RoutingAnalytics(
        decisions=list(decisions),
        summary=RoutingSummary(
            total=len(decisions),
            successful=sum(decision.successful is True for decision in decisions),
            average_cost=sum(costs) / len(costs) if costs and len(costs) == len(decisions) else None,
            average_retries=sum(retries) / len(retries) if retries else None,
            model_distribution={model: models.count(model) for model in sorted(set(models))},
        ),
    )


async def _phase_for(asked: ChainExecutionRequest, answerers: Answerers) -> PhaseConfig:
    """Make the phase that a query is: as it stands for a language model, else by its task type."""
    plain = PhaseConfig(
        name="execute", model=asked.model, use_rag=asked.use_rag, validation=asked.validation_config
    )
    if not await answerers.problems(plain):
        return plain
    phase = plain.model_copy(update={"task_type": asked.task_type})
    problems = await answerers.problems(phase)
    if not problems:
        return phase
    needed = [
        problem.path.removeprefix("parameters.") for problem in problems if problem.path.startswith("param")
    ]
    if needed:
        raise invalid(
            [
                Problem(
                    "taskType",
                    f"{asked.task_type!r} needs parameters ({', '.join(needed)}), which this call does not "
                    "carry: ask in a batch phase, or name a language model.",
                )
            ]
        )
    raise invalid(problems)


def _chain_phase(phase: ChainPhase) -> PhaseConfig:
    return PhaseConfig(
        name=phase.name, model=phase.model, system_prompt=phase.system_prompt, temperature=phase.temperature
    )


def _said_without_tasks(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Say of the model what an extractive one misses: a chain's phase has no task type to give it."""
    for problem in problems:
        if problem.path == "taskType":
            yield Problem(
                "model", "name a language model: an extractive one needs a taskType, which a chain has not."
            )
        else:
            yield problem


async def answer(phase: PhaseConfig, text: str, answerers: Answerers, store: Store, owner: str) -> Answered:
    """
    Ask the model, and keep that it was asked before anybody hears of it.

    :raises EngineError: 502 when it gives no answer.
    """
    begun, answerer = time.monotonic(), answerers.of(phase)
    rules = attempts.Rules(
        in_doubt=InDoubt.FAIL,
        min_score=score_to_reach(phase),
        max_answers=answers_worth_asking(answerer),
    )
    calls: list[attempts.Call] = []
    while isinstance(step := attempts.next_step(calls, rules), attempts.Ask | attempts.Judge):
        calls.append(await make_call(answerer, phase, text, step))
    answers = sum(call.asked is attempts.Asked.ANSWER for call in calls)
    answered = Answered(
        text=step.text or "",
        model=step.model or phase.model,
        score=step.score,
        cost=attempts.total_cost(calls),
        tokens=attempts.total_tokens(calls),
        retries=answers - 1,
        seconds=time.monotonic() - begun,
    )

    def keep(connection: sqlite3.Connection) -> None:
        counting.count(connection, owner, answerers.own_name(phase.model), calls)
        record(connection, _decision(text, isinstance(step, attempts.Keep), answered), owner=owner)

    await store.write(keep)
    if isinstance(step, attempts.Fail) and step.text is None:
        raise EngineError(502, "model_error", f"{phase.name}: {step.error}")
    return answered


def _record_turn(question: Question, connection: sqlite3.Connection, asked: str, call: attempts.Call) -> None:
    answered = Answered(
        text=call.text or "",
        model=call.model or asked,
        score=None,
        cost=attempts.total_cost([call]),
        tokens=attempts.total_tokens([call]),
        retries=0,
        seconds=call.duration_ms / 1000,
    )
    decision = _decision(question.content, call.ending is attempts.Ending.ANSWERED, answered)
    record(connection, decision, owner=question.owner, conversation_id=question.conversation_id)


def _decision(text: str, successful: bool, answered: Answered) -> RoutingDecision:  # noqa: FBT001 - one fact of the record
    return RoutingDecision(
        id=f"dec_{secrets.token_urlsafe(12)}",
        prompt_hash=f"{hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARS]}...",
        prompt_length=len(text),
        executed_model=answered.model,
        total_cost=answered.cost,
        successful=successful,
        retry_count=answered.retries,
        validation_score=answered.score,
        latency_ms=round(answered.seconds * 1000),
        created_at=clock.now(),
    )


def _phase_answer(phase: PhaseConfig, answered: Answered) -> PhaseAnswer:
    return PhaseAnswer(
        phase=phase.name,
        response=answered.text,
        model=answered.model,
        metadata=PhaseMetadata(
            cost=answered.cost, processing_time=round(answered.seconds, 3), cache_hit=False
        ),
    )
