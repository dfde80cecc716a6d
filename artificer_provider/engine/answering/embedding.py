"""Vectors of texts, made off the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    from numpy.typing import NDArray

    from artificer_provider.engine.answering.minilm import MiniLM


class Embedder:
    """
    A model that gives texts vectors.

    :param pool: the threads that do the work.
    """

    def __init__(self, model: MiniLM, pool: ThreadPoolExecutor) -> None:
        self.name = model.name
        self._model = model
        self._pool = pool

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Make the texts' vectors, a row each, of length one."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._model.embed, texts)
