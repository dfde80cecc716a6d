"""How the models are, and which would fit. What is not known of one is left out, never guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.client.models.model_admin import (
    Model,
    ModelCache,
    ModelMatch,
    ModelSelection,
    RefreshedModels,
)
from artificer_provider.client.models.monitoring import (
    CapabilitiesReport,
    CheckedModel,
    HealthStatus,
    ModelCapabilities,
    ModelHealth,
    ModelMonitoring,
    UsageStats,
)
from artificer_provider.engine import clock, counting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import JsonValue

    from artificer_provider.engine.answering.base import Offer
    from artificer_provider.engine.answering.health import Seen
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.store import Store

_THOUSAND_IN_MILLION = 1_000


async def everything(answerers: Answerers, store: Store, owner: str) -> ModelMonitoring:
    """Say what models were asked by an owner, how they are and what they can."""
    return ModelMonitoring.model_validate(
        {
            "usage": await store.read(partial(counting.by_model, owner=owner)),
            "health": _health(answerers),
            "capabilities": _capabilities(answerers),
            "timestamp": clock.now(),
        }
    )


async def usage(store: Store, owner: str) -> UsageStats:
    """Say what an owner had the models do."""
    counted = await store.read(partial(counting.by_model, owner=owner))
    return UsageStats.model_validate({"usage": counted, "timestamp": clock.now()})


def health(answerers: Answerers) -> HealthStatus:
    """Say how those models were that were asked, the last time they were."""
    return HealthStatus.model_validate({"health": _health(answerers), "timestamp": clock.now()})


def capabilities(answerers: Answerers) -> CapabilitiesReport:
    """Say what is known of what the models can."""
    return CapabilitiesReport.model_validate(
        {"capabilities": _capabilities(answerers), "timestamp": clock.now()}
    )


async def check(answerers: Answerers, model: str) -> CheckedModel:
    """See how a model is now; one that nobody here answers to is told of as not well."""
    problems = await answerers.model_problems(model)
    if problems:
        found = ModelHealth(model=model, is_healthy=False, response_time=0, error=problems[0].message)
    else:
        found = _shown(answerers.own_name(model), await answerers.named(model).check(model))
    return CheckedModel.model_validate({"health": found, "timestamp": clock.now()})


def models(answerers: Answerers, provider: str | None = None) -> list[Model]:
    """List the models, the default first."""
    return [_model(offer) for offer in _offers(answerers) if provider in (None, offer.provider)]


async def refresh(answerers: Answerers) -> RefreshedModels:
    """Ask every server which models it has; of one that does not tell, what it told before stays."""
    troubles = [trouble for server in answerers.servers if (trouble := await server.refresh())]
    asked = len(answerers.servers)
    told = f"{asked - len(troubles)} of {asked} servers told which models they have."
    message = " ".join([told, *troubles]) if asked else "There is no server to ask: all models are here."
    return RefreshedModels.model_validate(
        {"model_count": len(answerers.own_names), "timestamp": clock.now(), "message": message}
    )


def cache(answerers: Answerers) -> ModelCache:
    """Say how old the oldest list of a server's models is. It is asked for anew when a name is not in it."""
    heard = [server.listed_at for server in answerers.servers if server.listed_at is not None]
    if not heard:
        return ModelCache(cached=False, message="No server was asked for its models yet.")
    oldest = min(heard)
    age = datetime.now(UTC) - datetime.fromisoformat(oldest)
    return ModelCache.model_validate(
        {
            "cached": True,
            "model_count": len(answerers.own_names),
            "last_updated": oldest,
            "source": "api",
            "age_hours": round(age.total_seconds() / 3600, 3),
            "is_valid": True,
        }
    )


def select(answerers: Answerers, requirements: Mapping[str, JsonValue], *, show_all: bool) -> ModelSelection:
    """Choose models by what can be judged of them, the cheapest first; what cannot be judged fits nobody."""
    unknown = [name for name in requirements if name not in _JUDGES]
    if unknown:
        return ModelSelection(
            message=f"This engine cannot judge {', '.join(unknown)}: it can judge {', '.join(_JUDGES)}."
        )
    fitting = [
        offer
        for offer in sorted(_offers(answerers), key=_price)
        if all(_JUDGES[name](offer, wanted) for name, wanted in requirements.items())
    ]
    reason = f"fits {', '.join(requirements)}" if requirements else "nothing was required"
    matches = [ModelMatch(**_model(offer).model_dump(), reason=reason) for offer in fitting]
    if not matches:
        return ModelSelection(message="No model is known to fit; a price that is not known fits no limit.")
    if show_all:
        return ModelSelection(match_count=len(matches), matches=matches)
    return ModelSelection(selected=matches[0])


def _at_most(of: Callable[[Offer], float | None]) -> Callable[[Offer, JsonValue], bool]:
    """Judge by a price that may not be passed, per million tokens; one that is not known passes any."""

    def fits(offer: Offer, wanted: JsonValue) -> bool:
        price = of(offer)
        return isinstance(wanted, int | float) and price is not None and price <= wanted

    return fits


def _dearest(offer: Offer) -> float | None:
    return None if offer.price is None else max(offer.price.input, offer.price.output)


#: What can be judged of a model.
_JUDGES: Mapping[str, Callable[[Offer, JsonValue], bool]] = {
    "maxCost": _at_most(_dearest),
    "maxInputCost": _at_most(lambda offer: None if offer.price is None else offer.price.input),
    "maxOutputCost": _at_most(lambda offer: None if offer.price is None else offer.price.output),
    "provider": lambda offer, wanted: offer.provider == wanted,
    "supportsStreaming": lambda offer, wanted: offer.streams is wanted,
}


def _price(offer: Offer) -> float:
    dearest = _dearest(offer)
    return float("inf") if dearest is None else dearest


def _offers(answerers: Answerers) -> Sequence[Offer]:
    return [answerers.named(name).offer(name) for name in answerers.own_names]


def _model(offer: Offer) -> Model:
    return Model(
        id=offer.name,
        name=offer.name,
        input_cost=None if offer.price is None else offer.price.input,
        output_cost=None if offer.price is None else offer.price.output,
    )


def _health(answerers: Answerers) -> list[ModelHealth]:
    return [_shown(name, seen) for name, seen in sorted(answerers.seen.items())]


def _shown(model: str, seen: Seen) -> ModelHealth:
    return ModelHealth.model_validate(
        {
            "model": model,
            "is_healthy": seen.error is None,
            "response_time": seen.milliseconds,
            "last_checked": seen.at,
            "error": seen.error,
        }
    )


def _capabilities(answerers: Answerers) -> dict[str, ModelCapabilities]:
    return {
        offer.name: ModelCapabilities(
            # What it reads is charged for always; the deployed engines name this price too.
            cost_per_1k_tokens=None if offer.price is None else offer.price.input / _THOUSAND_IN_MILLION,
            supports_streaming=offer.streams,
        )
        for offer in _offers(answerers)
    }
