"""
SmolLM2-135M-Instruct: a real language model on one core, and a very small one.

It can hold a conversation, sum up roughly, and sort texts by examples; it cannot be trusted with facts,
translation, extraction or the judging of answers: it is not offered for the last, and sorts by examples only.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from artificer_provider.engine.answering.base import Answer, AnswerError, CutOffError, Offer, Price, Score
from artificer_provider.engine.answering.health import Watch
from artificer_provider.engine.answering.http import NoReplyError, NotSentError
from artificer_provider.engine.answering.openai import ANSWER_TIMEOUT
from artificer_provider.engine.answering.tasks import Classify, NotATaskError, read_task
from artificer_provider.engine.answering.wording import instruction_for
from artificer_provider.engine.errors import Problem
from artificer_provider.engine.llm.process import ModelProcess
from artificer_provider.engine.llm.weights import MODEL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
    from pathlib import Path

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Turn
    from artificer_provider.engine.answering.health import Seen
    from artificer_provider.engine.answering.http import HttpCaller
    from artificer_provider.engine.llm.process import Served

CLASSIFY = "classify"
PROVIDER = "smollm"
_LABEL_TOKENS = 32
#: How the process says that it has no room for what it was asked.
_TOO_LONG = re.compile(r"\((\d+) tokens\) exceeds the available context size \((\d+) tokens\)")


class _Choice(BaseModel):
    text: str


class _Usage(BaseModel):
    total_tokens: int


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: _Usage


class SmolLm:
    """
    Answers with the small model.

    :param weights: its file.
    """

    is_deterministic = True  # nothing is left to chance unless a phase names a temperature
    is_language_model = True
    model = MODEL

    def __init__(self, weights: Path) -> None:
        self._process = ModelProcess(weights)
        self._watch = Watch()

    @property
    def names(self) -> Sequence[str]:
        """Its one name."""
        return [MODEL]

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase it cannot carry out."""
        found: list[Problem] = []
        if phase.validation is not None and phase.validation.enabled:
            found.append(Problem("validation", f"{MODEL} is too small to judge answers; leave it out."))
        try:
            if phase.task_type == CLASSIFY and phase.system_prompt is None:
                found += _missing_examples(_classify(phase))
            else:
                instruction_for(phase)
        except NotATaskError as wrong:
            found += wrong.problems
        return found

    async def model_problems(self, model: str | None) -> list[Problem]:
        """Find no fault with its one name."""
        return []

    def turn_problems(self, turn: Turn) -> list[Problem]:
        """Take any conversation; one that it has no room for it refuses when it is asked."""
        return []

    @property
    def seen(self) -> Mapping[str, Seen]:
        """How it was when it was last asked."""
        return self._watch.seen

    def offer(self, model: str) -> Offer:
        """Say what is known of it."""
        return Offer(MODEL, PROVIDER, price=Price(0.0, 0.0), streams=True)

    async def check(self, model: str) -> Seen:
        """See whether its process starts."""
        begun = time.monotonic()
        try:
            async with self._process.turn:
                await self._process.served()
        except AnswerError as error:
            return self._watch.note(MODEL, begun, str(error))
        return self._watch.note(MODEL, begun, None)

    async def chat(self, turn: Turn) -> AsyncGenerator[str | Answer]:
        """
        Answer in a conversation when its turn has come.

        :raises AnswerError: when it gives no text, or has no room for all that was said.
        """
        async with self._process.turn:
            with self._watch.calling(MODEL), _in_its_words():
                served = await self._process.served()
                async with aclosing(served.chat.chat(replace(turn, model=MODEL))) as pieces:
                    async for piece in pieces:
                        yield piece

    async def answer(self, phase: PhaseConfig, text: str) -> Answer:
        """
        Ask the model when its turn has come.

        :raises AnswerError: when it gives no text, or has no room for this one.
        """
        async with self._process.turn:
            with self._watch.calling(MODEL), _in_its_words():
                return await self._answered(phase, text)

    async def _answered(self, phase: PhaseConfig, text: str) -> Answer:
        try:
            return await self._ask(await self._process.served(), phase, text)
        except AnswerError:
            # Its answers cost nothing: one that died with its question is asked it again.
            if not await self._process.has_died():
                raise
        return await self._ask(await self._process.served(), phase, text)

    async def _ask(self, served: Served, phase: PhaseConfig, text: str) -> Answer:
        if phase.task_type == CLASSIFY and phase.system_prompt is None:
            return await _label(served.caller, _classify(phase), text)
        exact = {} if phase.temperature is not None else {"temperature": 0.0}
        return await served.chat.answer(phase.model_copy(update={"model": MODEL, **exact}), text)

    async def score(self, phase: PhaseConfig, text: str, answer: str) -> Score:
        """
        Judge nothing: see :meth:`problems`.

        :raises AnswerError: always.
        """
        raise AnswerError(f"{MODEL} is too small to judge answers.", cost=0.0, tokens=0)

    async def close(self) -> None:
        """End its process."""
        await self._process.close()


@contextmanager
def _in_its_words() -> Iterator[None]:
    """Say what went wrong as of this model: nobody bills its answers, so none that broke off is in doubt."""
    try:
        yield
    except CutOffError as cut:
        raise AnswerError(f"{MODEL} gave no whole answer ({cut}).", cost=0.0, tokens=0) from cut
    except AnswerError as error:
        if (found := _TOO_LONG.search(str(error))) is None:
            raise
        told = f"{MODEL} has room for {found[2]} tokens, and was given {found[1]}: send less, or begin anew."
        raise AnswerError(told, cost=0.0, tokens=0) from error


async def _label(caller: HttpCaller, task: Classify, text: str) -> Answer:
    """Let the model go on with a list of labelled texts, and write nothing but a label."""
    asked = {
        "prompt": prompt_for(task, text),
        "grammar": grammar_for(list(task.meanings)),
        "max_tokens": _LABEL_TOKENS,
        "temperature": 0.0,
    }
    try:
        reply = await caller.post("/completions", json.dumps(asked).encode(), ANSWER_TIMEOUT)
    except (NotSentError, NoReplyError) as error:
        raise AnswerError(f"{MODEL} did not answer ({error}).", cost=0.0, tokens=0) from error
    try:
        completion = _Completion.model_validate_json(reply.content)
    except ValidationError as error:
        told = reply.text[:300].strip()
        raise AnswerError(f"{MODEL} answered {reply.status}: {told}", cost=0.0, tokens=0) from error
    return Answer(completion.choices[0].text.strip(), MODEL, 0.0, completion.usage.total_tokens)


def prompt_for(task: Classify, text: str) -> str:
    """Show a model some texts with their labels, and one without: it goes on as it was begun."""
    shown = [f"Text: {one_line(example.text)}\nLabel: {example.label}\n" for example in task.examples]
    names = ", ".join(task.meanings)
    return f"Every text has one label of: {names}.\n\n{chr(10).join(shown)}\nText: {one_line(text)}\nLabel:"


def grammar_for(labels: Sequence[str]) -> str:
    """Let a model write one of the labels and nothing else, in llama.cpp's GBNF."""
    return f'root ::= " " ({" | ".join(json.dumps(label, ensure_ascii=False) for label in labels)})'


def one_line(text: str) -> str:
    """Put a text on one line, as the examples are."""
    return " ".join(text.split())


def _classify(phase: PhaseConfig) -> Classify:
    task = read_task(phase)
    if not isinstance(task, Classify):
        raise NotATaskError([Problem("taskType", "is no classification.")])
    return task


def _missing_examples(task: Classify) -> list[Problem]:
    lacking = sorted(set(task.meanings) - {example.label for example in task.examples})
    if not lacking:
        return []
    return [
        Problem(
            "parameters.examples",
            f'{MODEL} sorts by examples; give at least one {{"text", "label"}} for each label: '
            f"{', '.join(map(repr, lacking))} has none.",
        )
    ]
