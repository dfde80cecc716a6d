"""
The process that the small language model answers in, over OpenAI's chat completions on a loopback port.

``python -m artificer_provider.engine.llm.server WEIGHTS`` reads a key from its first line of input, prints
its address, and ends when its input does: an engine that dies leaves none behind.
"""

from __future__ import annotations

import sys
from pathlib import Path

import xllamacpp

from artificer_provider.engine.llm.weights import MODEL

#: Tokens of question and answer together. More would be held in memory, and take half a minute to read.
CONTEXT = 2048
_BATCH = 256


def _parameters(weights: Path, key: str) -> xllamacpp.CommonParams:
    said = xllamacpp.CommonParams()
    said.model.path = str(weights)
    said.model_alias = {MODEL}
    said.api_keys = [key]
    said.n_ctx, said.n_batch, said.n_ubatch = CONTEXT, _BATCH, _BATCH
    # More threads wait for each other in a loop: where the cores are shared they answer a tenth as fast.
    said.cpuparams.n_threads = said.cpuparams_batch.n_threads = 1
    said.n_threads_http, said.n_parallel = 2, 1
    said.cache_ram_mib = said.n_ctx_checkpoints = said.verbosity = 0
    said.fit_params = said.warmup = said.ui = said.endpoint_slots = False
    return said


def main() -> None:
    """Answer until the input ends."""
    key = sys.stdin.readline().strip()
    server = xllamacpp.Server(_parameters(Path(sys.argv[1]), key))
    print(server.listening_address, flush=True)  # noqa: T201 - the engine waits for this line
    sys.stdin.read()


if __name__ == "__main__":
    main()
