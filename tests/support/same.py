"""Whether a model says what JSON said."""

from __future__ import annotations

from typing import Any

import pendulum


def same(said: Any, found: Any) -> None:
    """Hold that a model says what JSON said: the same fields with the same values, null for absent ones."""
    if isinstance(said, dict) and not isinstance(found, dict):
        written = found.model_dump(by_alias=True)
        for name, value in said.items():
            if value is None:
                assert written.get(name) is None, name
            else:
                same(value, getattr(found, field_of(found, name)))
    elif isinstance(said, dict):
        assert said.keys() == found.keys()
        for name, value in said.items():
            same(value, found[name])
    elif isinstance(said, list):
        assert len(said) == len(found)
        for one, other in zip(said, found, strict=True):
            same(one, other)
    elif isinstance(found, pendulum.DateTime):
        assert found == pendulum.parse(said)
    else:
        assert found == said


def field_of(model: Any, wire: str) -> str:
    fields = type(model).model_fields
    return next((name for name, field in fields.items() if wire in (field.alias, name)), wire)
