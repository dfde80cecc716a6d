"""The app that Airflow mounts at ``/artificer``: the API of the pages, and the pages' files."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from artificer_provider import __version__
from artificer_provider.ui import routes_connections, routes_tasks
from artificer_provider.ui.looking import Looks
from artificer_provider.ui.refusals import add_refusals

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response
    from starlette.types import Scope

STATIC = Path(__file__).parent / "static"


class _Files(StaticFiles):
    """The pages' files: asked for anew each time, and answered with "not modified" where nothing changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    yield
    await app.state.looks.engines.close()


def make_app() -> FastAPI:
    """Put the app together."""
    # Without its own documentation: that would be open to anybody.
    app = FastAPI(
        title="Artificer",
        version=__version__,
        lifespan=_lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.looks = Looks()
    add_refusals(app)
    for door in (routes_connections, routes_tasks):
        for router in (door.reads, door.rows, door.changes):
            app.include_router(router)
    app.include_router(routes_connections.lists)
    app.mount("/static", _Files(directory=STATIC), name="static")
    return app


@cache
def shared_app() -> FastAPI:
    """Give the app of this process: Airflow asks for it more than once."""
    return make_app()
