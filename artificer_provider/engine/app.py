"""The engine's paths, put together."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI

from artificer_provider import __version__
from artificer_provider.engine import changes, key_usage, writes
from artificer_provider.engine.api.auth import auth_api
from artificer_provider.engine.api.batch import batch_api
from artificer_provider.engine.api.chat import chat_api
from artificer_provider.engine.api.conversations import conversations_api
from artificer_provider.engine.api.docs import docs_api
from artificer_provider.engine.api.document import make_document, operation_id
from artificer_provider.engine.api.documents import documents_api
from artificer_provider.engine.api.export import export_api
from artificer_provider.engine.api.health import health_api
from artificer_provider.engine.api.images import images_api
from artificer_provider.engine.api.messages import messages_api
from artificer_provider.engine.api.models import models_api
from artificer_provider.engine.api.monitoring import monitoring_api
from artificer_provider.engine.api.orchestration import orchestration_api
from artificer_provider.engine.api.outcome import outcome_api
from artificer_provider.engine.api.projects import projects_api
from artificer_provider.engine.api.search import search_api
from artificer_provider.engine.api.usage import usage_api
from artificer_provider.engine.indexing import Indexer
from artificer_provider.engine.refusals import shape_errors
from artificer_provider.engine.trpc.mount import add_trpc
from artificer_provider.engine.trpc.procedures import Rooms
from artificer_provider.engine.trpc.streams import streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.chatting import Turns
    from artificer_provider.engine.documents.pool import Documents
    from artificer_provider.engine.retrieval import Retrieval
    from artificer_provider.engine.running import Runs
    from artificer_provider.engine.store import Store

SHUTDOWN_GRACE = 5.0


def make_app(
    store: Store,
    answerers: Answerers,
    runner: Runs,
    documents: Documents,
    retrieval: Retrieval,
    *,
    turns: Turns,
) -> FastAPI:
    """Put the paths over a store. All that it is given ends with it."""
    indexer = Indexer(store, answerers.embedder)
    app = FastAPI(
        lifespan=partial(_life, store, answerers, runner, documents, turns=turns, indexer=indexer),
        title="Artificer engine",
        version=__version__,
        generate_unique_id_function=operation_id,
        redirect_slashes=False,  # a path that is not in the contract is unknown, not moved
        # The stock pages of documentation load their scripts from the internet.
        docs_url=None,
        redoc_url=None,
    )
    shape_errors(app)
    for api in (
        batch_api(store, runner, answerers),
        outcome_api(store),
        orchestration_api(store, answerers, retrieval, turns),
        images_api(documents, answerers),
        conversations_api(store, answerers),
        messages_api(store),
        chat_api(turns),
        streams(turns),
        export_api(store),
        usage_api(store),
        monitoring_api(store, answerers),
        models_api(answerers),
        projects_api(store),
        documents_api(store, answerers, documents, indexer, retrieval),
        search_api(store, indexer, retrieval),
        auth_api(),
        health_api(store, answerers),
        docs_api(),
    ):
        app.include_router(api)
    add_trpc(app, Rooms(store, answerers, runner, documents, retrieval, indexer, turns))
    app.openapi = partial(make_document, app)  # type: ignore[method-assign]  # FastAPI's own way to change the document
    return app


@asynccontextmanager
async def _life(
    store: Store,
    answerers: Answerers,
    runner: Runs,
    documents: Documents,
    _: FastAPI,
    *,
    turns: Turns,
    indexer: Indexer,
) -> AsyncIterator[None]:
    """Take up what was under way when the engine last ended; give what is a moment when it ends."""
    await store.write(writes.forget_old_keys)
    await store.write(changes.forget)
    await store.write(key_usage.forget)
    documents.open()
    await runner.take_up()
    await indexer.take_up()
    yield
    await indexer.close()
    await asyncio.gather(runner.close(SHUTDOWN_GRACE), turns.close(SHUTDOWN_GRACE))
    await documents.close()
    await answerers.close()
    store.close()
