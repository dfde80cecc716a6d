"""Which answerer a phase is for."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.engine.answering import minilm
from artificer_provider.engine.answering.embedding import Embedder
from artificer_provider.engine.answering.extractive import Extractive, Likeness
from artificer_provider.engine.answering.models_file import check_together
from artificer_provider.engine.answering.openai import PassThrough
from artificer_provider.engine.answering.smollm import SmolLm
from artificer_provider.engine.answering.tfidf import TfIdf
from artificer_provider.engine.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Answer, Model
    from artificer_provider.engine.answering.health import Seen
    from artificer_provider.engine.answering.openai import LlmServer

MAX_THREADS = 4


class UnknownModelError(Exception):
    """A phase names a model that cannot answer here."""


@dataclass(frozen=True)
class Seeing:
    """A model that looks at images, and the server that has it."""

    server: PassThrough
    model: str

    async def describe(self, image: bytes, content_type: str, prompt: str | None) -> Answer:
        """
        Say what is in an image.

        :param prompt: what to say about it; None has it described.
        :raises AnswerError: when there is no answer.
        :raises CutOffError: when there may be one that did not arrive.
        """
        return await self.server.describe(self.model, image, content_type, prompt)


class Answerers:
    """
    All that can answer, by the names a phase's ``model`` may give.

    ``extractive`` is the best extractive one that is installed. A phase that names no model goes to the
    default language model where there is one, else to ``extractive``.

    :param servers: each answers for its own models.
    :param any_model: the server that every name goes to that nobody else has.
    :param small_model: the weights of the language model that runs here, for phases that name it.
    """

    def __init__(
        self,
        servers: Sequence[LlmServer] = (),
        any_model: LlmServer | None = None,
        small_model: Path | None = None,
    ) -> None:
        self._pool = ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1), "artificer-extractive")
        sentences = minilm.MiniLM() if minilm.is_installed() else None
        #: What search finds meaning with; None without the extra ``engine-models``.
        self.embedder = Embedder(sentences, self._pool) if sentences else None
        kinds: list[Likeness] = [*([sentences] if sentences else []), TfIdf()]
        small = SmolLm(small_model) if small_model else None
        found = [Extractive(kind, self._pool, small.model if small else None) for kind in kinds]
        here: list[Extractive | SmolLm] = [*found, *([small] if small else [])]
        self._here: Mapping[str, Extractive | SmolLm] = {
            "extractive": found[0],
            **{model.model: model for model in here},
        }
        everywhere = [*servers, *([any_model] if any_model else [])]
        check_together(everywhere, list(self._here))
        self._servers = [PassThrough(server) for server in servers]
        self._any_model = PassThrough(any_model) if any_model else None
        self._theirs = {name: server for server in self._servers for name in server.names}
        sighted = [*zip(servers, self._servers, strict=True)]
        if any_model and self._any_model:
            sighted.append((any_model, self._any_model))
        #: Who looks at images: the first model that is said to; None when there is none.
        self.seeing = next((Seeing(there, said.vision) for said, there in sighted if said.vision), None)
        self.default = next((server.default for server in everywhere if server.default), "extractive")

    @property
    def names(self) -> Sequence[str]:
        """The models that can answer now, the default first."""
        heard = self._any_model.names if self._any_model else ()
        return list(dict.fromkeys([self.default, *self._theirs, *heard, *self._here]))

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase nobody here can carry out; paths are relative to the phase."""
        try:
            problems = await self.of(phase).problems(phase)
        except UnknownModelError as error:
            problems = [Problem("model", str(error))]
        if phase.use_rag and self.embedder is None:
            problems.append(Problem("useRAG", "needs a model that finds meaning: install 'engine-models'."))
        return problems

    def of(self, phase: PhaseConfig) -> Model:
        """
        Find who answers a phase.

        :raises UnknownModelError: when nobody here can.
        """
        return self.named(phase.model)

    def named(self, model: str | None) -> Model:
        """
        Find who answers to a name; without one, the default.

        :raises UnknownModelError: when nobody here does.
        """
        name = model or self.default
        answerer = self._here.get(name) or self._theirs.get(name) or self._any_model
        if answerer is None:
            raise UnknownModelError(f"{name!r} is not known here; known are {', '.join(self.names)}.")
        return answerer

    async def model_problems(self, model: str | None) -> list[Problem]:
        """Say that nobody here answers to a name."""
        try:
            return await self.named(model).model_problems(model)
        except UnknownModelError as error:
            return [Problem("model", str(error))]

    def own_name(self, model: str | None) -> str:
        """Name a model as it is counted: ``extractive`` is whichever it stands for."""
        name = model or self.default
        here = self._here.get(name)
        return here.model if here else name

    @property
    def own_names(self) -> Sequence[str]:
        """The models that can answer now, each once, the default first."""
        return list(dict.fromkeys(self.own_name(name) for name in self.names))

    @property
    def servers(self) -> Sequence[PassThrough]:
        """The servers that models answer on."""
        return [*self._servers, *([self._any_model] if self._any_model else [])]

    @property
    def seen(self) -> Mapping[str, Seen]:
        """How those models were that were asked, by name."""
        everybody: list[Model] = [*self._here.values(), *self.servers]
        return {name: seen for each in everybody for name, seen in each.seen.items()}

    async def answer(self, phase: PhaseConfig, text: str) -> Answer:
        """
        Answer one text, for who keeps no record of the call.

        :raises AnswerError: when there is no answer.
        :raises CutOffError: when there may be one that did not arrive.
        """
        return await self.of(phase).answer(phase, text)

    async def close(self) -> None:
        """Close the connections and end the threads; work not yet begun is dropped."""
        for server in self.servers:
            await server.close()
        for here in set(self._here.values()):
            await here.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
