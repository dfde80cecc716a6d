"""Starts the process of the small language model when it is first asked, and again when it died."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.engine.answering.base import AnswerError, Price
from artificer_provider.engine.answering.http import HttpCaller
from artificer_provider.engine.answering.openai import LlmServer, PassThrough
from artificer_provider.engine.child_environment import without_keys
from artificer_provider.engine.llm.weights import MODEL

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

START_SECONDS = 60.0
STOP_SECONDS = 5.0
_DYING_SECONDS = 0.5


@dataclass(frozen=True)
class Served:
    """
    A process that answers.

    :param chat: what it is asked with as any other server.
    :param caller: for what only this one can: completions under a grammar.
    """

    chat: PassThrough
    caller: HttpCaller


class ModelProcess:
    """
    The model, one question at a time: it has one core, and two would both be late.

    :param weights: its file.
    """

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._child: asyncio.subprocess.Process | None = None
        self._served: Served | None = None
        self.turn = asyncio.Lock()

    async def served(self) -> Served:
        """
        Give what speaks to the model, started if need be. Hold :attr:`turn` meanwhile.

        :raises AnswerError: when it does not start.
        """
        if self._child is None or self._child.returncode is not None or self._served is None:
            await self.close()
            self._served = await self._started()
        return self._served

    async def has_died(self) -> bool:
        """Tell whether the process has ended; one that is just ending is waited for."""
        if self._child is None:
            return False
        try:
            async with asyncio.timeout(_DYING_SECONDS):
                await self._child.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End the process."""
        if self._served is not None:
            await self._served.chat.close()
            await self._served.caller.close()
        child, self._child, self._served = self._child, None, None
        if child is None or child.returncode is not None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()

    async def _started(self) -> Served:
        key = secrets.token_hex(16)
        command = [sys.executable, "-m", "artificer_provider.engine.llm.server", str(self._weights)]
        pipe = asyncio.subprocess.PIPE
        self._child = child = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, env=without_keys()
        )
        address = b""
        if child.stdin is not None and child.stdout is not None:
            with suppress(OSError, TimeoutError):
                child.stdin.write(f"{key}\n".encode())
                async with asyncio.timeout(START_SECONDS):
                    address = await child.stdout.readline()
        if not address:
            await self.close()
            raise AnswerError(
                f"{MODEL} did not start; the engine's log says why. Try `artificer engine --fetch-model`.",
                cost=0.0,
                tokens=0,
            )
        log.info("%s answers as process %d", MODEL, child.pid)
        server = LlmServer(address.decode().strip(), MODEL, key, {MODEL: Price(0.0, 0.0)})
        return Served(PassThrough(server), HttpCaller(server.base, key))
