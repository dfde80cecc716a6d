"""Where the dialect is put over the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.engine.trpc.dialect import procedures
from artificer_provider.engine.trpc.procedures import Rooms
from artificer_provider.engine.trpc.routes import TrpcDialect

if TYPE_CHECKING:
    from fastapi import FastAPI

    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.running import Runs
    from artificer_provider.engine.store import Store


def add_trpc(app: FastAPI, store: Store, answerers: Answerers, runner: Runs) -> None:
    """Let an app answer calls of procedures, at the root and under ``/api/trpc``."""
    app.add_middleware(TrpcDialect, procedures=procedures(Rooms(store, answerers, runner)))
