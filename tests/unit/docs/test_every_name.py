"""Every public name of the package has a docstring, and stands in the reference."""

from __future__ import annotations

import inspect
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import _rooms
import airflow
import pytest
import reference
from _docstrings import read
from _written import taken

if TYPE_CHECKING:
    from types import ModuleType

pytest.importorskip(
    "airflow.providers.common.ai.batch", reason="apache-airflow-providers-common-ai is missing"
)

PAGES = {
    name: (reference.DOCS / name).read_text(encoding="utf-8") for name in (_rooms.AIRFLOW, _rooms.INSIDE)
}
ON_33 = tuple(map(int, airflow.__version__.split(".")[:2])) >= (3, 3)
#: The client's are held by tests/unit/client/test_reference.py.
MODULES = [one for one in _rooms.modules() if _rooms.room(one) not in _rooms.ELSEWHERE]


def entry(module: ModuleType) -> str:
    """What its page says of a module: up to the next one."""
    is_inner = _rooms.room(module) in _rooms.INNER
    page = PAGES[_rooms.INSIDE if is_inner else _rooms.AIRFLOW]
    _, _, rest = page.partition(f"## `{_rooms.short(module)}`\n")
    assert rest, f"{_rooms.short(module)} is not there: run python tools/reference.py"
    return re.split(r"^##" if is_inner else r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def defined(module: ModuleType) -> dict[str, Any]:
    """The classes and functions that a module makes, and others may use."""
    return {
        name: one
        for name, one in vars(module).items()
        if name[0] != "_"
        and name.isidentifier()
        and (inspect.isclass(one) or inspect.isfunction(one))
        and one.__module__ == module.__name__
        and one.__name__ == name
    }


def members(kind: type) -> dict[str, object]:
    """The methods and properties that a class adds, and others may use."""
    return {
        name: getattr(one, "__func__", one)
        for name, one in vars(kind).items()
        if name[0] != "_"
        and (inspect.isfunction(getattr(one, "__func__", one)) or isinstance(one, property | cached_property))
        # Made by dataclasses and the like, and not in the source.
        and getattr(getattr(one, "__func__", one), "__module__", kind.__module__) == kind.__module__
    }


@pytest.mark.skipif(not ON_33, reason="some bases are others below Airflow 3.3")
@pytest.mark.parametrize(("name", "make"), [(_rooms.AIRFLOW, _rooms.airflow), (_rooms.INSIDE, _rooms.inside)])
def test_a_page_is_what_the_docstrings_say(name: str, make: Any) -> None:
    assert make() == PAGES[name], "run python tools/reference.py"


@pytest.mark.parametrize("module", MODULES, ids=_rooms.short)
def test_every_public_name_of_a_module_has_a_docstring(module: ModuleType) -> None:
    bare = [] if module.__doc__ else [module.__name__]
    for name, one in defined(module).items():
        own = vars(one).get("__doc__") if inspect.isclass(one) else one.__doc__
        bare += [] if own else [name]
        if inspect.isclass(one):
            bare += [f"{name}.{inner}" for inner, found in members(one).items() if not found.__doc__]
    assert bare == []


@pytest.mark.parametrize("module", MODULES, ids=_rooms.short)
def test_every_public_name_of_a_module_stands_in_the_reference(module: ModuleType) -> None:
    said = entry(module)
    for name, one in defined(module).items():
        assert re.search(rf"`{name}\b", said), name
        for inner in members(one) if inspect.isclass(one) else ():
            assert f"`{name}.{inner}" in said, f"{name}.{inner}"


OPERATORS = [
    one
    for module in MODULES
    if _rooms.room(module) in ("operators", "sensors", "triggers", "notifications")
    for one in defined(module).values()
    if inspect.isclass(one) and one.__init__ is not object.__init__
]


#: What these have of the batch operators and make nothing of: they have no job, and an estimate no rows.
OF_A_BATCH = {
    "ArtificerChainOperator": {"options", "job_name"},
    "ArtificerEstimateBatchOperator": {"job_name", "metadata_columns"},
}


@pytest.mark.parametrize("kind", OPERATORS, ids=lambda one: one.__name__)
def test_an_operator_says_what_each_of_its_arguments_is(kind: type) -> None:
    said = {name for one in kind.__mro__ for name in read(vars(one).get("__doc__")).params}
    silent = (
        taken(kind, "artificer_provider").keys() - said - {"kwargs"} - OF_A_BATCH.get(kind.__name__, set())
    )
    assert not silent, f"{kind.__name__} says nothing of {silent}"


def test_there_are_as_many_names_as_there_were_or_more() -> None:
    assert len(MODULES) > 150
    assert len(OPERATORS) > 20
