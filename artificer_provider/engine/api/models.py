"""Which models there are, and which would fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.client import limits
from artificer_provider.client.models.model_admin import (
    Model,
    ModelCache,
    ModelSelection,
    RefreshedModels,
    SelectModel,
)
from artificer_provider.engine import monitoring
from artificer_provider.engine.api.paging import gives_page, list_reply, page_reply
from artificer_provider.engine.api.replies import (
    BODY_REFUSALS,
    QUERY_REFUSALS,
    asked_of,
    gives,
    json_reply,
    refuses,
    takes,
)

if TYPE_CHECKING:
    from artificer_provider.engine.answering.registry import Answerers


class ModelsPage(BaseModel):
    """Which models to list."""

    model_config = ConfigDict(extra="forbid")

    provider: Annotated[
        str | None,
        Field(description="Only models of this one: what stands before a `/` in their names, else a host."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=limits.MAX_PAGE, description="How many at most.")] = 50


def models_api(answerers: Answerers) -> APIRouter:
    """Put the paths over who answers."""
    api = APIRouter(prefix="/api/models", tags=["models"])
    _add_list(api, answerers)
    _add_selection(api, answerers)
    return api


def _add_list(api: APIRouter, answerers: Answerers) -> None:
    @api.get(
        "",
        summary="List the models",
        description="Prices are US dollars for a million tokens, where they are known.",
        responses={
            **gives_page(list[Model], "The models, the default first."),
            **refuses(QUERY_REFUSALS),
        },
    )
    async def list_models(page: Annotated[ModelsPage, Query()]) -> Response:
        found = monitoring.models(answerers, page.provider)
        return page_reply(found[: page.limit], len(found))

    @api.post(
        "/refresh",
        summary="Ask the servers which models they have",
        responses=gives(RefreshedModels, "How many models there are; the message names who did not tell."),
    )
    async def refresh_models() -> Response:
        return json_reply(await monitoring.refresh(answerers))

    @api.get(
        "/cache",
        summary="Say how old the list of models is",
        responses=gives(ModelCache, "Since when it stands. It does not expire."),
    )
    async def get_model_cache() -> Response:
        return json_reply(monitoring.cache(answerers))


def _add_selection(api: APIRouter, answerers: Answerers) -> None:
    @api.post(
        "/select",
        summary="Choose a model by what it has to be",
        description="What can be judged: `maxCost`, `maxInputCost`, `maxOutputCost` (for a million tokens), "
        "`provider`, `supportsStreaming`. With anything else no model fits, and the message says so.",
        responses={
            **gives(ModelSelection, "The cheapest that fits, or all; or a message why none does."),
            **refuses(BODY_REFUSALS),
        },
        openapi_extra=takes(SelectModel, {"requirements": {"maxCost": 1.0}}),
    )
    async def select_model(request: Request) -> Response:
        asked = await asked_of(request, SelectModel)
        return json_reply(monitoring.select(answerers, asked.requirements, show_all=asked.show_all is True))

    @api.get(
        "/fallback",
        summary="Name the models that answer when one fails",
        description="None does: a model that fails is an error, and nobody else answers in its place.",
        responses=gives(list[Model], "An empty list."),
    )
    async def list_fallback_models() -> Response:
        return list_reply([])
