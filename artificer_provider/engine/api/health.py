"""How the engine is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider import __version__
from artificer_provider.client.models import health as contract
from artificer_provider.client.models._base import Reply
from artificer_provider.client.states import JobStatus
from artificer_provider.engine import reads
from artificer_provider.engine.api.replies import gives, json_reply

if TYPE_CHECKING:
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.store import Store


class JobCounts(Reply):
    """How many jobs run, and how many wait to be started."""

    running: int
    pending: int


class Health(contract.Health):
    """Whether the engine is well, and who can answer."""

    models: list[str]
    default_model: str
    batch_jobs: JobCounts


def health_api(store: Store, answerers: Answerers) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(tags=["health"])

    # Who speaks tRPC under /api asks here (WIRE §1); the contract has one place for it.
    @api.get("/api/health", include_in_schema=False)
    @api.get("/health", summary="Ask how the engine is", responses=gives(Health, "The engine is well."))
    async def get_health() -> Response:
        """Needs no key."""
        counts = await store.read(reads.jobs_by_status)
        return json_reply(
            Health(
                status="ok",
                version=__version__,
                mode="embedded",
                models=list(answerers.names),
                default_model=answerers.default,
                batch_jobs=JobCounts(
                    running=counts.get(JobStatus.RUNNING, 0), pending=counts.get(JobStatus.PENDING, 0)
                ),
            )
        )

    return api
