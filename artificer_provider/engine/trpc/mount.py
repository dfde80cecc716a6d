"""Where the dialect is put over the engine: honest, or with quirks as a deployed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.engine.runner import Runner
from artificer_provider.engine.trpc import shapes
from artificer_provider.engine.trpc.deployed_http import (
    DeployedPages,
    KeepAlive,
    SmallBodies,
    called_everywhere,
)
from artificer_provider.engine.trpc.deployed_runner import DeployedRunner
from artificer_provider.engine.trpc.dialect import procedures
from artificer_provider.engine.trpc.misbehaviour import Stage, Window, flattered, misbehaving
from artificer_provider.engine.trpc.quirks import Quirk
from artificer_provider.engine.trpc.routes import TrpcDialect

if TYPE_CHECKING:
    from fastapi import FastAPI

    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.retrieval import Retrieval
    from artificer_provider.engine.running import Runs
    from artificer_provider.engine.store import Store
    from artificer_provider.engine.trpc.procedures import Rooms


def make_runner(store: Store, answerers: Answerers, retrieval: Retrieval, quirks: frozenset[Quirk]) -> Runs:
    """Make what runs the jobs: with any quirk, in a deployed engine's life cycle."""
    return DeployedRunner(store, answerers, quirks) if quirks else Runner(store, answerers, retrieval)


def add_trpc(app: FastAPI, rooms: Rooms) -> None:
    """Let an app answer calls of procedures, with the quirks its jobs are run with."""
    if isinstance(rooms.runner, DeployedRunner):
        _add_quirky(app, Stage(rooms, rooms.runner, Window()))
    else:
        app.add_middleware(TrpcDialect, procedures=procedures(rooms))


def _add_quirky(app: FastAPI, stage: Stage) -> None:
    quirks = stage.runner.quirks
    look = flattered if quirks & {Quirk.LATE_PAUSE, Quirk.FAILURES_UNCOUNTED} else shapes.as_it_is
    app.add_middleware(
        TrpcDialect,
        procedures=misbehaving(procedures(stage.rooms, look), stage, quirks),
        calls=called_everywhere,
    )
    app.add_middleware(DeployedPages, store=stage.rooms.store)
    if Quirk.SMALL_BODIES in quirks:
        app.add_middleware(SmallBodies)
    if Quirk.KEEP_ALIVE in quirks:
        app.add_middleware(KeepAlive)
