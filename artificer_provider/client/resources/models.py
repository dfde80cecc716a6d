"""Which models an engine knows, and which it would choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.client import limits
from artificer_provider.client._core import (
    C,
    Repeat,
    Request,
    Resource,
    Rest,
    Trpc,
    endpoint,
    mutation,
    query,
)
from artificer_provider.client.models.model_admin import (
    Model,
    ModelCache,
    ModelSelection,
    RefreshedModels,
    SelectModel,
)
from artificer_provider.client.resources._checked import checked, in_range
from artificer_provider.client.resources._deployed import part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

MODELS = "/api/models"

ListOfModels = list[Model]


class Models(Resource[C]):
    """Which models an engine knows, and which it would choose."""

    @endpoint
    def list(self, *, provider: str | None = None, limit: int = 50) -> Request[ListOfModels]:
        """
        List the models that the engine knows.

        :param provider: only those of one, such as ``openai``.
        :param limit: how many at most, 1 to 100.
        """
        doing = "listing models"
        asked = {"provider": provider, "limit": in_range(doing, "limit", limit, 1, limits.MAX_PAGE)}
        said = {name: value for name, value in asked.items() if value is not None}
        trpc = query("modelAdmin.listModels", said, read=part("models"))
        return Request(doing, ListOfModels, Rest("GET", MODELS, asked), trpc)

    @endpoint
    def refresh(self) -> Request[RefreshedModels]:
        """
        Have the engine ask its provider anew which models there are.

        :raises RateLimitError: when a deployed engine did so within the last 5 minutes; ``retry_after`` is
            what is left, in seconds. That is longer than the client waits by itself.
        """
        # A deployed engine wants a body, if only an empty one (WIRE §2).
        trpc = mutation("modelAdmin.refreshModels", {})
        rest = Rest("POST", f"{MODELS}/refresh")
        return Request("refreshing the models", RefreshedModels, rest, trpc, Repeat.UNSENT)

    @endpoint
    def get_cache_status(self) -> Request[ModelCache]:
        """Fetch how fresh the engine's list of models is, in hours."""
        rest = Rest("GET", f"{MODELS}/cache")
        trpc = query("modelAdmin.getCacheStatus")
        return Request("fetching how fresh the models are", ModelCache, rest, trpc)

    @endpoint
    def test_selection(
        self, requirements: Mapping[str, JsonValue], *, show_all: bool | None = None
    ) -> Request[ModelSelection]:
        """
        Ask which model the engine would choose. Nothing is called, and nothing billed.

        That none fits is an answer too: ``selected`` is None then, ``matches`` is empty, and ``message`` says
        so.

        :param requirements: what the model has to be, in the engine's words: a deployed one knows
            ``{"minInputTokens": 1000, "preferSpeed": True}`` among others (WIRE §5), the embedded one
            ``maxCost``, ``maxInputCost`` and ``maxOutputCost`` (US dollars for a million tokens),
            ``provider`` and ``supportsStreaming``. Of a word that it does not know nothing fits there.
        :param show_all: whether all that fit are listed in ``matches``, in place of the best as ``selected``.
        """
        doing = "choosing a model"
        body = checked(SelectModel, doing, requirements=dict(requirements), show_all=show_all)
        trpc = Trpc("GET", "modelAdmin.testSelection", body, no_is_an_answer=True)
        return Request(doing, ModelSelection, Rest("POST", f"{MODELS}/select", body=body), trpc)

    @endpoint
    def list_fallback(self) -> Request[ListOfModels]:
        """List the models that the engine knows without asking its provider."""
        rest = Rest("GET", f"{MODELS}/fallback")
        trpc = query("modelAdmin.getFallbackModels", read=part("models"))
        return Request("listing the models to fall back on", ListOfModels, rest, trpc)
