"""Answers from any server that speaks OpenAI's chat completions: Ollama, vLLM, llama.cpp, a vendor."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, JsonValue, ValidationError

from artificer_provider.engine import clock
from artificer_provider.engine.answering.base import Answer, AnswerError, CutOffError, Offer, Price, Score
from artificer_provider.engine.answering.completions import (
    EVENTS,
    Completion,
    Heard,
    NoCompletionError,
    event_data,
)
from artificer_provider.engine.answering.health import Seen, Watch
from artificer_provider.engine.answering.http import HttpCaller, HttpReply, NoReplyError, NotSentError
from artificer_provider.engine.answering.tasks import NotATaskError
from artificer_provider.engine.answering.wording import (
    DESCRIBING,
    SCORING,
    instruction_for,
    read_score,
    scoring_request,
)
from artificer_provider.engine.errors import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Turn
    from artificer_provider.engine.answering.completions import Usage
    from artificer_provider.engine.answering.http import StreamedReply

ATTEMPTS = 4
MAX_WAIT = 30.0
ANSWER_TIMEOUT = 120.0
LIST_TIMEOUT = 5.0


@dataclass(frozen=True)
class LlmServer:
    """
    Where models answer.

    :param url: its base address, with or without the version in it (``/v1``).
    :param default: the model that answers where a phase names none; None leaves such phases to others.
    :param key: sent as a bearer token, when there is one.
    :param prices: by model, what it charges; None, and any model that is not here, where that is not known.
    :param vision: the model that looks at images; None when none of its models does.
    """

    url: str
    default: str | None = None
    key: str | None = field(default=None, repr=False)
    prices: Mapping[str, Price | None] = field(default_factory=dict)
    vision: str | None = None

    @property
    def base(self) -> str:
        """The address that ``/chat/completions`` is put behind."""
        url = self.url.rstrip("/")
        return url if re.search(r"/v\d", url) else f"{url}/v1"


class _Listed(BaseModel):
    id: str


class _Listing(BaseModel):
    data: list[_Listed]


class PassThrough:
    """Hands each text to one server, and its answer back, with what it cost where prices are known."""

    is_deterministic = False
    is_language_model = True

    def __init__(self, server: LlmServer) -> None:
        self._server = server
        self._listed: frozenset[str] = frozenset()
        self._watch = Watch()
        #: When the server was last heard to list its models.
        self.listed_at: str | None = None
        self._caller = HttpCaller(server.base, server.key)

    @property
    def names(self) -> Sequence[str]:
        """The default model, those with a price, and the others the server has been heard to have."""
        default = [self._server.default] if self._server.default else []
        return list(dict.fromkeys([*default, *self._server.prices, *sorted(self._listed)]))

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase it cannot carry out; a server that lists no models judges them itself."""
        found = await self.model_problems(phase.model)
        try:
            instruction_for(phase)
        except NotATaskError as wrong:
            found += wrong.problems
        return found

    async def model_problems(self, model: str | None) -> list[Problem]:
        """Say that a model is not known; a server that lists none judges that itself."""
        if model and model not in self.names:
            await self.refresh()
            if self._listed and model not in self.names:
                known = ", ".join(self.names)
                return [Problem("model", f"{model!r} is not known here; known are {known}.")]
        return []

    @property
    def seen(self) -> Mapping[str, Seen]:
        """How those of its models were that were asked."""
        return self._watch.seen

    def offer(self, model: str) -> Offer:
        """Say what is known of a model: its price, and whose it is, by its name or else the server's."""
        price = self._server.prices.get(model)
        maker, slash, _ = model.partition("/")
        provider = maker if slash else urlsplit(self._server.base).hostname or ""
        return Offer(model, provider, price, streams=True)

    async def refresh(self) -> str | None:
        """Ask which models the server has; say what kept it from telling, if anything did."""
        base = self._server.base
        try:
            reply = await self._caller.get("/models", LIST_TIMEOUT)
            self._listed = frozenset(model.id for model in _Listing.model_validate_json(reply.content).data)
        except (NotSentError, NoReplyError) as error:
            return f"{base} could not be asked for its models ({error})."
        except ValidationError:
            return f"{base} gave no list of its models (status {reply.status})."
        self.listed_at = clock.now()
        return None

    async def check(self, model: str) -> Seen:
        """Ask the server whether it has a model. Nobody is billed for that."""
        begun = time.monotonic()
        error = await self.refresh()
        if error is None and model not in self._listed:
            error = f"{self._server.base} does not list {model!r} among its models."
        return self._watch.note(model, begun, error)

    async def answer(self, phase: PhaseConfig, text: str) -> Answer:
        """
        Ask the server.

        :raises AnswerError: when it gives no text, also after the retries.
        :raises CutOffError: when the connection ends before the reply.
        """
        return await self._ask(phase, instruction_for(phase), text, phase.temperature, phase.max_tokens)

    async def score(self, phase: PhaseConfig, text: str, answer: str) -> Score:
        """
        Have the phase's own model judge an answer.

        The number is that model's opinion: it tells poor answers from fair ones, and it seldom finds its own
        mistakes.

        :raises AnswerError: when it gives no number from 0 to 10.
        :raises CutOffError: when the connection ends before the reply.
        """
        reply = await self._ask(phase, SCORING, scoring_request(phase, text, answer), 0.0, None)
        value = read_score(reply.text)
        if value is None:
            raise AnswerError(
                f"{reply.model} was to score the answer from 0 to 10 and said {reply.text[:100]!r}.",
                cost=reply.cost,
                tokens=reply.tokens,
            )
        return Score(value, reply.cost, reply.tokens)

    async def describe(self, model: str, image: bytes, content_type: str, prompt: str | None) -> Answer:
        """
        Have a model look at an image.

        :param prompt: what to say about it; None has it described.
        :raises AnswerError: when it gives no text, also after the retries.
        :raises CutOffError: when the connection ends before the reply.
        """
        content = await asyncio.to_thread(_look_request, model, image, content_type, prompt or DESCRIBING)
        return await self._complete(model, content)

    async def close(self) -> None:
        """Close the connections."""
        await self._caller.close()

    async def _ask(
        self,
        phase: PhaseConfig,
        instruction: str | None,
        text: str,
        temperature: float | None,
        max_tokens: int | None,
    ) -> Answer:
        """Make one call of what is to be said, and an answer of the reply."""
        asked = phase.model or self._server.default
        if asked is None:
            raise AnswerError(f"No model was named for {self._server.base}.", cost=0.0, tokens=0)
        messages: list[JsonValue] = [{"role": "user", "content": text}]
        if instruction is not None:
            messages.insert(0, {"role": "system", "content": instruction})
        body: dict[str, JsonValue] = {"model": asked, "messages": messages}
        if temperature is not None:
            body["temperature"] = temperature
        if max_tokens is not None:
            body["max_tokens"] = max_tokens
        return await self._complete(asked, json.dumps(body).encode())

    async def _complete(self, asked: str, content: bytes) -> Answer:
        """Send one call, and make an answer of the reply."""
        with self._watch.calling(asked):
            async with self._opened(content) as reply:
                return self._answered(asked, await reply.whole())

    def turn_problems(self, turn: Turn) -> list[Problem]:
        """Find nothing: whatever is said, a language model has an answer to it."""
        return []

    async def chat(self, turn: Turn) -> AsyncGenerator[str | Answer]:
        """
        Hand on what the server answers, while it does. Who stops listening ends the call.

        :raises AnswerError: when it gives no text, or breaks off.
        :raises CutOffError: when the connection ends before the answer.
        """
        body: dict[str, JsonValue] = {
            "model": turn.model,
            "messages": [{"role": said.role, "content": said.content} for said in turn.said],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if turn.temperature is not None:
            body["temperature"] = turn.temperature
        if turn.max_tokens is not None:
            body["max_tokens"] = turn.max_tokens
        with self._watch.calling(turn.model):
            async with self._opened(json.dumps(body).encode()) as reply:
                if EVENTS not in reply.headers.get("content-type", ""):  # a server that knows no streaming
                    answer = self._answered(turn.model, await reply.whole())
                    yield answer.text
                else:
                    heard = Heard()
                    async for piece in self._pieces(reply, heard):
                        yield piece
                    answer = self._answer_heard(turn.model, heard)
        yield answer

    async def _pieces(self, reply: StreamedReply, heard: Heard) -> AsyncIterator[str]:
        try:
            async for data in event_data(reply.pieces()):
                if piece := heard.take(data):
                    yield piece
        except NoCompletionError as error:
            raise AnswerError(f"{self._server.base} {error}.") from error

    def _answer_heard(self, asked: str, heard: Heard) -> Answer:
        if not heard.is_done:
            raise CutOffError(f"{self._server.base} ended its reply before the answer was whole")
        return self._answer(asked, heard.model, heard.text, heard.usage)

    def _answered(self, asked: str, reply: HttpReply) -> Answer:
        """Make an answer of a whole reply."""
        try:
            completion = Completion.model_validate_json(reply.content)
        except ValidationError as error:
            raise AnswerError(
                f"{self._server.base} answered something that is no chat completion."
            ) from error
        content = completion.choices[0].message.content if completion.choices else None
        return self._answer(asked, completion.model, (content or "").strip(), completion.usage)

    def _answer(self, asked: str, model: str | None, text: str, usage: Usage | None) -> Answer:
        cost = _cost(usage, self._server.prices.get(asked))
        tokens = usage.total_tokens if usage else None
        if not text.strip():
            raise AnswerError(
                f"{asked} at {self._server.base} answered without any text.", cost=cost, tokens=tokens
            )
        return Answer(text, model or asked, cost, tokens)

    @asynccontextmanager
    async def _opened(self, content: bytes) -> AsyncIterator[StreamedReply]:
        """Send one call, and again where the server was busy, broken or not reached: a refusal is free."""
        trouble = ""
        for attempt in range(ATTEMPTS):
            wait = min(MAX_WAIT, 2**attempt) * random.uniform(0.5, 1)  # noqa: S311 - spreads retries, guards nothing
            try:
                async with self._caller.stream("/chat/completions", content, ANSWER_TIMEOUT) as reply:
                    if reply.status == HTTPStatus.OK:
                        yield reply
                        return
                    refusal = await reply.whole()
            except NoReplyError as error:
                raise CutOffError(f"{self._server.base} was asked and did not answer ({error})") from error
            except NotSentError as error:
                trouble = f"could not be reached ({error})"
            else:
                trouble = f"answered {refusal.status}: {refusal.text[:300].strip()}"
                if (
                    refusal.status != HTTPStatus.TOO_MANY_REQUESTS
                    and refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR
                ):
                    raise AnswerError(f"{self._server.base} {trouble}", cost=0.0, tokens=0)
                wait = _retry_after(refusal, otherwise=wait)
            if attempt < ATTEMPTS - 1:
                await asyncio.sleep(wait)
        raise AnswerError(f"{self._server.base} {trouble} (tried {ATTEMPTS} times)", cost=0.0, tokens=0)


def _look_request(model: str, image: bytes, content_type: str, prompt: str) -> bytes:
    """Write the call that shows an image; the image, which is long, has nothing to escape."""
    return b"".join(
        (
            b'{"model":',
            json.dumps(model).encode(),
            b',"messages":[{"role":"user","content":[{"type":"text","text":',
            json.dumps(prompt).encode(),
            b'},{"type":"image_url","image_url":{"url":"data:',
            content_type.encode(),
            b";base64,",
            base64.b64encode(image),
            b'"}}]}]}',
        )
    )


def _cost(usage: Usage | None, price: Price | None) -> float | None:
    """Tell what a call cost; unknown without a price, and without usage unless the model is free."""
    if price is None:
        return None
    if price == Price(0.0, 0.0):
        return 0.0
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    return (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1_000_000


def _retry_after(reply: HttpReply, *, otherwise: float) -> float:
    """Read how many seconds the server asks us to wait. Its other form, a date, is not worth a clock here."""
    said = reply.headers.get("retry-after", "")
    return min(MAX_WAIT, float(said)) if re.fullmatch(r"\d+(\.\d+)?", said) else otherwise
