"""How an engine is."""

from __future__ import annotations

from artificer_provider.client._core import Request, Rest
from artificer_provider.client.models.health import Health


def health() -> Request[Health]:
    """Ask the engine how it is. A deployed engine has this beside its procedures (WIRE §1)."""
    here = Rest("GET", "/health")
    return Request("asking for the engine's health", Health, rest=here, trpc=here)
