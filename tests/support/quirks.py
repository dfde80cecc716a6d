"""What the tests of quirks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.engine import Engine
    from support.trpc import Trpc

    Start = Callable[[str], Engine]

APOLOGY = "Sorry, I encountered an error. Please try again."
ONE_PHASE, TWO_PHASES = [{"name": "p1"}], [{"name": "p1"}, {"name": "p2"}]


def quirk_or_not(name: str, with_it: object, without: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("quirks", "expected"), [(name, with_it), ("", without)], ids=["quirk", "honest"]
    )


def with_and_without(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("quirks", [name, ""], ids=["quirk", "honest"])


def body(count: int, phases: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    items = [{"input": f"t{n}"} for n in range(count)]
    return {"name": "quirky", "items": items, "phases": phases, "options": {"concurrency": 2, **options}}


def made_pending(trpc: Trpc, count: int = 2, phases: list[dict[str, Any]] | None = None) -> str:
    return trpc.create(body(count, phases or ONE_PHASE, autoStart=False))
