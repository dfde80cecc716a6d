"""Describes the rooms of the package but the client's: what a DAG is made of, and the inside."""

from __future__ import annotations

import inspect
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

from _docstrings import read
from _entries import module, public

import artificer_provider

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

PACKAGE = artificer_provider.__name__
AIRFLOW, INSIDE = "airflow-reference.md", "inside-reference.md"
#: What people write DAGs with, in the order they meet it; a room that is not named here comes after these.
FIRST = ("operators", "decorators", "sensors", "triggers", "notifications", "links", "retry", "hooks")
#: What nobody has to import: who changes it reads the source.
INNER = ("batch", "cli", "engine", "ui")
#: These have a page of their own, `client-reference.md`.
ELSEWHERE = ("client",)

AIRFLOW_HEAD = """\
# Airflow reference

Every public name of the parts that meet Airflow, made of its docstring by `python tools/reference.py`; a
test holds this page to them. [All operators](operators.md) is where to begin, and the
[client reference](client-reference.md) has the client.

`**kwargs` of an operator is what Airflow's own `BaseOperator` takes. A template field is rendered with Jinja
before the task runs."""

INSIDE_HEAD = """\
# The inside, module by module

For who changes this package: every public name of the rooms that nobody has to import, with the first
sentence of its docstring. [The house](architecture.md) says how they hang together. Nothing here is promised
to stay as it is. Made by `python tools/reference.py`, and held by a test."""


def airflow() -> str:
    """Make the page of what meets Airflow."""
    found = [one for one in modules() if room(one) not in (*INNER, *ELSEWHERE)]
    found.sort(key=lambda one: (_place(room(one)), one.__name__))
    parts = [AIRFLOW_HEAD]
    for one in found:
        if public(one) or "." not in short(one):
            parts += module(one, f"## `{short(one)}`")
    return page(parts)


def inside() -> str:
    """Make the page of the inside."""
    parts = [INSIDE_HEAD]
    for one in modules():
        if room(one) in INNER:
            parts += [f"{'##' if short(one) == room(one) else '###'} `{short(one)}`", read(one.__doc__).text]
            parts.append("\n".join(_lines(one)))
    return page(parts)


def page(parts: Iterable[str]) -> str:
    """Put parts together."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def modules() -> list[ModuleType]:
    """Import every public module of the package."""
    names = [one.name for one in walk_packages(artificer_provider.__path__, f"{PACKAGE}.")]
    return [import_module(name) for name in sorted(names) if "._" not in name]


def short(found: ModuleType) -> str:
    """Name a module without the package."""
    return found.__name__.removeprefix(f"{PACKAGE}.")


def room(found: ModuleType) -> str:
    """Name the room that a module is in."""
    return short(found).partition(".")[0]


def _place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _lines(found: ModuleType) -> Iterator[str]:
    """Say in a line each what the names of a module are."""
    for name, one in public(found).items():
        if inspect.isfunction(one):
            yield f"- `{name}({_names(one)})`: {_first(one)}"
        elif inspect.isclass(one):
            yield f"- `{name}`: {_first(one)}"
            yield from (f"  - `{name}.{member}`: {_first(how)}" for member, how in methods(one).items())


def methods(kind: type) -> dict[str, Any]:
    """Find the methods and properties that a class adds, and others may use."""
    found = {
        name: getattr(one, "__func__", one)
        for name, one in vars(kind).items()
        if name[0] != "_" and (inspect.isroutine(one) or isinstance(one, property) or hasattr(one, "func"))
    }
    return {name: one for name, one in found.items() if hasattr(one, "__doc__")}


def _names(function: object) -> str:
    return ", ".join(inspect.signature(function).parameters) if callable(function) else ""


def _first(one: object) -> str:
    """Give the first paragraph of a docstring, on one line."""
    return " ".join(read(one.__doc__).text.partition("\n\n")[0].split())
