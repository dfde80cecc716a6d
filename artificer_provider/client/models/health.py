"""How an engine is."""

from __future__ import annotations

from artificer_provider.client.models._base import Reply


class Health(Reply):
    """What ``GET /health`` says. Engines differ in what else they tell; it is kept as extra fields."""

    status: str
    version: str | None = None
    mode: str | None = None
