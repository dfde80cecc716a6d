"""How the models are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.client.models.monitoring import (
    CapabilitiesReport,
    CheckedModel,
    CheckModel,
    HealthStatus,
    ModelMonitoring,
    UsageStats,
)
from artificer_provider.engine import monitoring
from artificer_provider.engine.api.replies import BODY_REFUSALS, asked_of, gives, json_reply, refuses, takes
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route

if TYPE_CHECKING:
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.store import Store


def monitoring_api(store: Store, answerers: Answerers) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api/monitoring", tags=["monitoring"])

    @api.get(
        "/models",
        summary="Say how the models are, what they can and what they were asked",
        responses=gives(ModelMonitoring, "All that is known."),
    )
    async def get_model_monitoring(caller: By) -> Response:
        return json_reply(await monitoring.everything(answerers, store, caller.owner))

    @api.get(
        "/usage",
        summary="Say what the caller had the models do",
        description="Every call is counted with its answer: in conversations, jobs and single texts. A sum "
        "with an unknown figure in it is left out.",
        responses=gives(UsageStats, "The figures by model, the one last used first."),
    )
    async def get_usage_stats(caller: By) -> Response:
        return json_reply(await monitoring.usage(store, caller.owner))

    @api.get(
        "/health",
        summary="Say how the models were when they were last asked",
        description="Those not asked since the engine started are left out: `checkModelHealth` asks one.",
        responses=gives(HealthStatus, "How each was, and when."),
    )
    async def get_health_status() -> Response:
        return json_reply(monitoring.health(answerers))

    @api.get(
        "/capabilities",
        summary="Say what is known of what the models can",
        description="What nobody told this engine, such as how much a model can read at once, is left out.",
        responses=gives(CapabilitiesReport, "By model; the cost is that of 1,000 tokens read."),
    )
    async def get_capabilities() -> Response:
        return json_reply(monitoring.capabilities(answerers))

    _add_check(api, answerers)
    return api


def _add_check(api: APIRouter, answerers: Answerers) -> None:
    @api.post(
        "/check",
        summary="See how a model is now",
        description="A server is asked whether it lists the model, which costs nothing; a model of this "
        "engine's own is given a word to compare.",
        responses={
            **gives(CheckedModel, "How it is; `error` says what is wrong."),
            **refuses(BODY_REFUSALS),
        },
        openapi_extra=takes(CheckModel, {"modelId": "extractive"}),
    )
    async def check_model_health(request: Request) -> Response:
        asked = await asked_of(request, CheckModel)
        return json_reply(await monitoring.check(answerers, asked.model_id))
