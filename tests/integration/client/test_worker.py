"""Two engines: one that is asked for images and PDFs, and the other for all else and in its place."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest
from PIL import Image
from support import pages
from support.engine import running_engine
from support.model_server import ModelServer
from support.wires import ASYNC, REST, SYNC, TRPC, open_client, worker_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine
    from support.wires import Wire

QUESTION = "What is on it?"
RED = pages.saved(Image.new("RGB", (40, 30), "red"))


class Seeing(NamedTuple):
    """An engine, and the model that looks at its images."""

    engine: Engine
    model: ModelServer


@contextmanager
def seeing(data: Path) -> Iterator[Seeing]:
    model = ModelServer()
    environment = {"ARTIFICER_ENGINE_LLM_URL": model.url, "ARTIFICER_ENGINE_VISION_MODEL": "small"}
    try:
        with running_engine(data, environment) as engine:
            yield Seeing(engine, model)
    finally:
        model.close()


@pytest.mark.parametrize(("kind", "wire"), [(SYNC, REST), (ASYNC, TRPC)], ids=["rest", "async trpc"])
def test_the_engine_takes_the_place_of_a_worker_that_was_killed(
    kind: str, wire: Wire, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        seeing(tmp_path / "engine") as engine,
        seeing(tmp_path / "worker") as worker,
        open_client(kind, engine.engine.url, wire, python_worker_url=worker.engine.url, retries=2) as client,
    ):
        counts = worker_of(client)

        def looked_at() -> tuple[int, int, int, int]:
            assert client.images.analyze_image(RED, prompt=QUESTION).description == f">{QUESTION}"
            return len(worker.model.calls), len(engine.model.calls), counts.calls, counts.fallbacks

        assert looked_at() == (1, 0, 1, 0)
        assert client.conversations.create().id  # which is no worker's
        worker.engine.end(signal.SIGKILL)
        assert looked_at() == (1, 1, 2, 1)
        assert looked_at() == (1, 2, 2, 2)  # it is not asked again for a while
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1
    assert f"the worker at {worker.engine.url} is away" in warned[0]
