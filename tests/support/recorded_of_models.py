"""How our client makes the recorded calls for exports, usage, models and keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.client import Artificer

    Make = Callable[[Artificer, Any], object]
    Fields = frozenset[str]

_CAMEL = re.compile(r"[A-Z]")


def _snake(said: dict[str, Any]) -> dict[str, Any]:
    return {_CAMEL.sub(lambda found: f"_{found[0].lower()}", name): value for name, value in said.items()}


def _plain(noun: str, verb: str) -> Make:
    return lambda client, _said: getattr(getattr(client, noun), verb)()


def _named(noun: str, verb: str) -> Make:
    return lambda client, said: getattr(getattr(client, noun), verb)(**_snake(said))


_EXPORTED = frozenset({"format", "includeMetadata", "includeTimestamps", "includeCosts"})
_NONE: Fields = frozenset()

#: Verb, our call, what its input may have, what it must have, and what our client says of itself.
OF_MODELS: dict[str, tuple[str, Make, Fields, Fields, tuple[tuple[str, object], ...]]] = {
    "auth.public": ("GET", _plain("auth", "public"), _NONE, _NONE, ()),
    "auth.protected": ("GET", _plain("auth", "protected"), _NONE, _NONE, ()),
    "auth.whoami": ("GET", _plain("auth", "whoami"), _NONE, _NONE, ()),
    "export.getFormats": ("GET", _plain("export", "list_formats"), _NONE, _NONE, ()),
    "export.exportConversation": (
        "GET",
        _named("export", "conversation"),
        _EXPORTED | {"conversationId"},
        frozenset({"conversationId", "format"}),
        (),
    ),
    "export.exportAll": (
        "GET",
        _named("export", "all"),
        _EXPORTED | {"groupByConversation"},
        frozenset({"format"}),
        (),
    ),
    "usage.getSessionStats": ("GET", _plain("usage", "get_session_stats"), _NONE, _NONE, ()),
    "usage.getModelUsage": ("GET", _plain("usage", "get_model_usage"), _NONE, _NONE, ()),
    "monitoring.getModelMonitoring": ("GET", _plain("monitoring", "get_models"), _NONE, _NONE, ()),
    "monitoring.getUsageStats": ("GET", _plain("monitoring", "get_usage"), _NONE, _NONE, ()),
    "monitoring.getHealthStatus": ("GET", _plain("monitoring", "get_health"), _NONE, _NONE, ()),
    "monitoring.getCapabilities": ("GET", _plain("monitoring", "get_capabilities"), _NONE, _NONE, ()),
    "monitoring.checkModelHealth": (
        "POST",
        _named("monitoring", "check_model"),
        frozenset({"modelId"}),
        frozenset({"modelId"}),
        (),
    ),
    "modelAdmin.refreshModels": ("POST", _plain("models", "refresh"), _NONE, _NONE, ()),
    "modelAdmin.getCacheStatus": ("GET", _plain("models", "get_cache_status"), _NONE, _NONE, ()),
    "modelAdmin.listModels": (
        "GET",
        _named("models", "list"),
        frozenset({"provider", "limit"}),
        _NONE,
        (("limit", 50),),
    ),
    "modelAdmin.testSelection": (
        "GET",
        _named("models", "test_selection"),
        frozenset({"requirements", "showAll"}),
        frozenset({"requirements"}),
        (),
    ),
    "modelAdmin.getFallbackModels": ("GET", _plain("models", "list_fallback"), _NONE, _NONE, ()),
}
