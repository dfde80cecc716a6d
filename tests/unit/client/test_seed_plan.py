"""``docs/seed-plan.md`` claims nothing that is not so."""

from __future__ import annotations

import re
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client._core import _Verb
from artificer_provider.client.resources import Resources

PAGE = (Path(__file__).parents[3] / "docs" / "seed-plan.md").read_text(encoding="utf-8")
CALLED = sorted(set(re.findall(r"`client\.(\w+)\.(\w+)`", PAGE)))
NAMED = sorted(set(re.findall(r"`(artificer_provider\.[\w.]+)`", PAGE)))


@pytest.mark.parametrize(("noun", "verb"), [call for call in CALLED if call[0] != "worker"])
@pytest.mark.parametrize("kind", [Artificer, AsyncArtificer])
def test_each_call_that_it_names_is_one_of_both_clients(
    kind: type[Artificer | AsyncArtificer], noun: str, verb: str
) -> None:
    found: Any = getattr(kind(), noun)
    assert isinstance(vars(type(found))[verb], _Verb)


@pytest.mark.parametrize("name", NAMED)
def test_each_name_that_it_gives_is_there(name: str) -> None:
    parts = name.split(".")
    module = next(end for end in range(len(parts), 0, -1) if is_module(".".join(parts[:end])))
    assert reduce(getattr, parts[module:], import_module(".".join(parts[:module]))) is not None


def is_module(name: str) -> bool:
    try:
        import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def test_it_names_every_noun_of_the_client() -> None:
    nouns = {name for name in vars(Resources) if not name.startswith("_")}
    assert {noun for noun, _ in CALLED} == nouns | {"worker"}
