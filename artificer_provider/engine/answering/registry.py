"""Which answerer a phase is for."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from artificer_provider.engine.answering import minilm
from artificer_provider.engine.answering.extractive import Extractive, Likeness
from artificer_provider.engine.answering.openai import LlmServer, PassThrough
from artificer_provider.engine.answering.tfidf import TfIdf
from artificer_provider.engine.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Answer, Answerer

MAX_THREADS = 4


class UnknownModelError(Exception):
    """A phase names a model that cannot answer here."""


class Answerers:
    """
    All that can answer, by the names a phase's ``model`` may give.

    ``extractive`` is the best extractive one that is installed. A phase that names no model goes to the
    language model where there is one, else to ``extractive``; every name that is not ours is the server's.
    """

    def __init__(self, server: LlmServer | None) -> None:
        self._pool = ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1), "artificer-extractive")
        kinds: list[Likeness] = [minilm.MiniLM(), TfIdf()] if minilm.is_installed() else [TfIdf()]
        found = [Extractive(kind, self._pool) for kind in kinds]
        self._here: Mapping[str, Answerer] = {"extractive": found[0], **{kind.model: kind for kind in found}}
        self._server = PassThrough(server) if server else None
        self.default = (server and server.model) or "extractive"

    @property
    def names(self) -> Sequence[str]:
        """The models that can answer now, the default first."""
        theirs = self._server.names if self._server else ()
        return (*theirs, *self._here)

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase nobody here can carry out; paths are relative to the phase."""
        try:
            return await self._for(phase).problems(phase)
        except UnknownModelError as error:
            return [Problem("model", str(error))]

    def require(self, phases: Sequence[PhaseConfig]) -> None:
        """
        Make sure that each phase still has its answerer: an engine can come back with other settings.

        :raises UnknownModelError: naming the first model that cannot answer.
        """
        for phase in phases:
            self._for(phase)

    async def answer(self, phase: PhaseConfig, text: str) -> Answer:
        """
        Answer one item's text.

        :raises AnswerError: when there is no answer.
        """
        return await self._for(phase).answer(phase, text)

    async def close(self) -> None:
        """Close the connections and end the threads; work not yet begun is dropped."""
        if self._server is not None:
            await self._server.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _for(self, phase: PhaseConfig) -> Answerer:
        answerer = self._here.get(phase.model or self.default, self._server)
        if answerer is None:
            raise UnknownModelError(f"{phase.model!r} is not known here; known are {', '.join(self.names)}.")
        return answerer
