"""How an engine is."""

from __future__ import annotations

from artificer_provider.client._core import Request, Rest
from artificer_provider.client.models.health import Health


def health() -> Request[Health]:
    """Ask the engine how it is."""
    return Request("asking for the engine's health", Health, Rest("GET", "/health"))
