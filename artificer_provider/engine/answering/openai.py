"""Answers from any server that speaks OpenAI's chat completions: Ollama, vLLM, llama.cpp, a vendor."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx
from pydantic import BaseModel, JsonValue, ValidationError

from artificer_provider.engine.answering.base import Answer, AnswerError
from artificer_provider.engine.answering.tasks import (
    Classify,
    Extract,
    NotATaskError,
    QuestionAnswering,
    Summarize,
    Task,
    read_task,
)
from artificer_provider.engine.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.client.models.batch import PhaseConfig

ATTEMPTS = 4
MAX_WAIT = 30.0
ANSWER_TIMEOUT = 120.0
LIST_TIMEOUT = 5.0


@dataclass(frozen=True)
class LlmServer:
    """
    Where the model answers.

    :param url: its base address, with or without the version in it (``/v1``).
    :param model: the model that answers where a phase names none; None leaves such phases to others.
    :param key: sent as a bearer token, when there is one.
    """

    url: str
    model: str | None = None
    key: str | None = field(default=None, repr=False)

    @property
    def base(self) -> str:
        """The address that ``/chat/completions`` is put behind."""
        url = self.url.rstrip("/")
        return url if re.search(r"/v\d", url) else f"{url}/v1"


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Usage(BaseModel):
    total_tokens: int | None = None


class _Completion(BaseModel):
    model: str | None = None
    choices: list[_Choice]
    usage: _Usage | None = None


class _Listed(BaseModel):
    id: str


class _Listing(BaseModel):
    data: list[_Listed]


class PassThrough:
    """Hands each text to the server, and its answer back as it is. What it cost is not known here."""

    def __init__(self, server: LlmServer) -> None:
        self._server = server
        self._listed: frozenset[str] = frozenset()
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {server.key}"} if server.key else {},
            timeout=httpx.Timeout(ANSWER_TIMEOUT, connect=10, pool=None),
            # How many calls are made at once is each job's own matter.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=50),
        )

    @property
    def names(self) -> Sequence[str]:
        """The default model, and the others the server has been heard to have."""
        default = self._server.model
        return (*([default] if default else []), *sorted(self._listed - {default}))

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase it cannot carry out; a server that lists no models judges them itself."""
        found = []
        if phase.model and phase.model not in self.names:
            self._listed = await self._models()
            if self._listed and phase.model not in self.names:
                known = ", ".join(self.names)
                found.append(Problem("model", f"{phase.model!r} is not known here; known are {known}."))
        try:
            _instruction(phase)
        except NotATaskError as wrong:
            found += wrong.problems
        return found

    async def answer(self, phase: PhaseConfig, text: str) -> Answer:
        """
        Ask the server.

        :raises AnswerError: when it gives no text, also after the retries.
        """
        asked = phase.model or self._server.model
        if asked is None:
            raise AnswerError(f"No model was named for {self._server.base}.")
        instruction = _instruction(phase)
        messages: list[JsonValue] = [{"role": "user", "content": text}]
        if instruction is not None:
            messages.insert(0, {"role": "system", "content": instruction})
        body: dict[str, JsonValue] = {"model": asked, "messages": messages}
        if phase.temperature is not None:
            body["temperature"] = phase.temperature
        if phase.max_tokens is not None:
            body["max_tokens"] = phase.max_tokens
        reply = await self._post(body)
        try:
            completion = _Completion.model_validate_json(reply.content)
        except ValidationError as error:
            raise AnswerError(
                f"{self._server.base} answered something that is no chat completion."
            ) from error
        content = completion.choices[0].message.content if completion.choices else None
        if not content:
            raise AnswerError(f"{asked} at {self._server.base} answered without any text.")
        tokens = completion.usage.total_tokens if completion.usage else None
        return Answer(content.strip(), completion.model or asked, cost=None, tokens=tokens)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(self, body: dict[str, JsonValue]) -> httpx.Response:
        """Send one call, and again where the server was busy, broken or not reached."""
        trouble = ""
        for attempt in range(ATTEMPTS):
            wait = min(MAX_WAIT, 2**attempt) * random.uniform(0.5, 1)  # noqa: S311 - spreads retries, guards nothing
            try:
                reply = await self._client.post(f"{self._server.base}/chat/completions", json=body)
            except httpx.ReadTimeout as error:
                # It may still be at work on the answer: asking again could bill twice.
                raise AnswerError(
                    f"{self._server.base} gave no answer within {ANSWER_TIMEOUT:.0f} s."
                ) from error
            except httpx.TransportError as error:
                trouble = f"could not be reached ({type(error).__name__}: {error})"
            else:
                if reply.is_success:
                    return reply
                trouble = f"answered {reply.status_code}: {reply.text[:300].strip()}"
                if reply.status_code != HTTPStatus.TOO_MANY_REQUESTS and not reply.is_server_error:
                    raise AnswerError(f"{self._server.base} {trouble}")
                wait = _retry_after(reply, otherwise=wait)
            if attempt < ATTEMPTS - 1:
                await asyncio.sleep(wait)
        raise AnswerError(f"{self._server.base} {trouble} (tried {ATTEMPTS} times)")

    async def _models(self) -> frozenset[str]:
        """Ask which models the server has; none where it does not say."""
        try:
            reply = await self._client.get(f"{self._server.base}/models", timeout=LIST_TIMEOUT)
            listing = _Listing.model_validate_json(reply.raise_for_status().content)
            return frozenset(model.id for model in listing.data)
        except (httpx.HTTPError, ValidationError):
            return frozenset()


def _retry_after(reply: httpx.Response, *, otherwise: float) -> float:
    """Read how many seconds the server asks us to wait. Its other form, a date, is not worth a clock here."""
    said = reply.headers.get("Retry-After", "")
    return min(MAX_WAIT, float(said)) if re.fullmatch(r"\d+(\.\d+)?", said) else otherwise


def _instruction(phase: PhaseConfig) -> str | None:
    """
    Say what to do with a text: in the phase's own words, else in ours for its task type.

    None where there is neither: then the text says it itself.

    :raises NotATaskError: when the phase says it in two ways that do not go together, or not completely.
    """
    if phase.system_prompt is not None:
        if phase.parameters:
            raise NotATaskError(
                [Problem("parameters", "are not used beside a systemPrompt; say it all in the prompt.")]
            )
        return phase.system_prompt
    if phase.task_type is None and not phase.parameters:
        return None
    return _worded(read_task(phase))


def _worded(task: Task) -> str:
    match task:
        case Summarize(sentences=count):
            return (
                f"Summarize the text in at most {count} sentences, from what it says alone. Give only that."
            )
        case Classify(meanings=meanings):
            labels = "\n".join(f"- {meaning}" for meaning in meanings.values())
            return f"Choose the label that fits the text best. Give only the label's name.\n{labels}"
        case QuestionAnswering(question=question):
            return (
                f"Answer this question from the text alone; if it does not say, say so. Question: {question}"
            )
        case Extract(count=count):
            return f"Name the {count} keywords of the text, separated by commas. Give only the keywords."
        case _:
            raise NotATaskError([Problem("taskType", "has no instruction; give a systemPrompt.")])
