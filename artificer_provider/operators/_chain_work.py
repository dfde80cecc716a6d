"""One item put through the phases of a chain, a call for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.batch.chain import (
    Answer,
    asks_by_query,
    ends_run,
    min_score,
    total,
)
from artificer_provider.client.errors import ArtificerError
from artificer_provider.client.models.orchestration import ChainConfig, ChainPhase
from artificer_provider.client.resources._checked import checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.batch.chain import Chained, Chaining
    from artificer_provider.batch.plan import Phase, Work
    from artificer_provider.client import AsyncArtificer
    from artificer_provider.client.models.orchestration import ChainExecutionResult


class Engine:
    """
    What answers the phases of a chain.

    :raises ConfigurationError: when a phase cannot be put at all.
    """

    def __init__(self, client: AsyncArtificer, work: Work, chaining: Chaining) -> None:
        self._client = client
        self._work = work
        self._chaining = chaining
        plain = [phase for phase in work.phases if not asks_by_query(phase)]
        said = [
            {
                "name": phase.name,
                "model": phase.model,
                "system_prompt": phase.system_prompt,
                "temperature": phase.temperature,
            }
            for phase in plain
        ]
        made = checked(ChainConfig, "chaining phases", phases=said).phases if said else []
        self._phases: dict[str, ChainPhase] = {phase.name: phase for phase in made}

    async def chain(self, item: Chained, answered: Callable[[Chained], None]) -> Chained:
        """
        Put an item through the phases that have no answer yet.

        :param answered: told of each answer but the last.
        :raises ArtificerError: when the error would meet every other item too.
        """
        phases = [phase for phase in self._work.phases if phase.name not in item.answers]
        for phase in phases:
            try:
                answer = await self._answer(phase, item.next_text)
            except ArtificerError as error:
                if ends_run(error):
                    raise
                item.failed(phase, error)
            else:
                item.answered(phase, answer)
            if item.is_over:
                break
            if phase is not phases[-1]:
                answered(item)
        return item

    async def _answer(self, phase: Phase, text: str) -> Answer:
        asked = self._phases.get(phase.name)
        if asked is None:
            return await self._best(phase, text)
        done = (await self._client.orchestration.process_text(text, [asked])).chain_results[0]
        return Answer(done.response, done.model, done.metadata.cost)

    async def _best(self, phase: Phase, text: str) -> Answer:
        """Ask until an answer scores enough, and give the best: all of them were paid."""
        least = min_score(phase)
        answers: list[ChainExecutionResult] = []
        while len(answers) <= self._chaining.score_retries:
            answers.append(await self._execute(phase, text))
            if least is None or (answers[-1].validation_score or 0.0) >= least:
                break
        best = max(answers, key=lambda answer: answer.validation_score or 0.0)
        tokens = total(answer.tokens for answer in answers)
        return Answer(
            best.response,
            best.model,
            total(answer.cost for answer in answers),
            None if tokens is None else int(tokens),
            best.validation_score,
        )

    async def _execute(self, phase: Phase, text: str) -> ChainExecutionResult:
        return await self._client.orchestration.execute(
            text,
            task_type=phase.task_type,
            model=phase.model,
            use_rag=phase.use_rag,
            project_id=self._work.project_id,
            validation_config=phase.validation,
        )
