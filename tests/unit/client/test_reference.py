"""The reference of the client: a page that is made of docstrings, and that has every public name."""

from __future__ import annotations

import inspect
import re
from functools import cached_property
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any, TypeAlias

import _docstrings
import pytest
import reference

import artificer_provider.client
from artificer_provider.client import Artificer, AsyncArtificer, errors
from artificer_provider.client._core import Client, _Verb
from artificer_provider.client._worker import Worker
from artificer_provider.client.resources import Resources
from artificer_provider.client.streams import EventStream

if TYPE_CHECKING:
    from types import ModuleType

Verb: TypeAlias = _Verb[Any, Any]

PACKAGE = artificer_provider.client
#: Nothing in these is for others to use by its name: nouns are attributes of a client.
INSIDE = ("artificer_provider.client.dialects", "artificer_provider.client.resources")
PAGE = reference.TARGET.read_text(encoding="utf-8")
#: What the clients are driven by.
MACHINERY = Client.__abstractmethods__
NOUNS = reference.noun_classes()
VERBS = {f"{noun}.{verb}": how for noun, kind in NOUNS.items() for verb, how in reference.verbs(kind).items()}
#: Of these the name says all.
IDS = frozenset({"job_id", "conversation_id", "message_id", "document_id", "project_id"})
#: What a docstring leaves to another.
ELSEWHERE = re.compile(r"as for|those of|not named here")


def public_modules() -> list[ModuleType]:
    found = [one.name for one in walk_packages(PACKAGE.__path__, f"{PACKAGE.__name__}.")]
    named = [name for name in found if not name.startswith(INSIDE) and "._" not in name]
    return [import_module(name) for name in named]


def defined(module: ModuleType) -> dict[str, Any]:
    """The classes and functions of a module that others may use."""
    return {
        name: one
        for name, one in vars(module).items()
        if name[0] != "_"
        and (inspect.isclass(one) or inspect.isfunction(one))
        and one.__module__ == module.__name__
    }


def members(kind: type) -> dict[str, object]:
    """The methods and properties that a class adds, and others may use."""
    return {
        name: one
        for name, one in vars(kind).items()
        if name[0] != "_"
        and (inspect.isfunction(one) or isinstance(one, property | cached_property | staticmethod))
    }


def about_one_thing(how: Verb) -> bool:
    """Whether a verb needs the id of something; where it is a choice, one that is not there finds nothing."""
    parameters = inspect.signature(how.build).parameters.values()
    return any(one.name in IDS and one.default is one.empty for one in parameters)


def entry(heading: str) -> str:
    """What the page says under a heading."""
    found = re.search(rf"^#+ {re.escape(heading)}\n\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"the reference has no {heading}: run python tools/reference.py"
    return found[1]


def test_the_page_is_what_the_docstrings_say() -> None:
    assert reference.make() == PAGE, "run python tools/reference.py"


def test_every_noun_and_every_verb_has_an_entry_with_its_signature() -> None:
    assert list(NOUNS) == sorted(
        name for name, one in vars(Resources).items() if isinstance(one, cached_property)
    )
    assert len(NOUNS) == 13
    for name in VERBS:
        assert f"client.{name}(" in entry(f"`{name}`")


def test_every_public_class_function_and_constant_has_an_entry() -> None:
    for module in public_modules():
        for name in defined(module):
            assert entry(f"`{name}`").strip(), name
        for name in re.findall(r"^([A-Z][A-Z_]+)\b.* = ", inspect.getsource(module), re.MULTILINE):
            assert f"- `{name} = " in PAGE, name


def test_every_method_and_property_stands_in_the_entry_of_its_class() -> None:
    for module in public_modules():
        for kind in filter(inspect.isclass, defined(module).values()):
            for name in members(kind):
                assert re.search(rf"`{kind.__name__}\.{name}\b", PAGE), f"{kind.__name__}.{name}"
    for client in (Artificer, AsyncArtificer):
        for name in members(client).keys() - MACHINERY:
            assert entry(f"`client.{name}`")


def test_every_field_of_every_model_stands_in_its_entry() -> None:
    for module in reference.model_modules():
        models = {name: one for name, one in defined(module).items() if inspect.isclass(one)}
        for name, model in models.items():
            written = entry(f"`{name}`") if name != "Source" else PAGE
            for field in vars(model)["__pydantic_fields__"]:
                assert f"- `{field}: " in written, f"{name}.{field}"


def test_every_public_name_has_a_docstring() -> None:
    bare = [name for name, how in VERBS.items() if not how.__doc__]
    bare += [name for name, kind in NOUNS.items() if not kind.__doc__]
    for module in public_modules():
        assert module.__doc__, module
        for name, one in defined(module).items():
            own = vars(one).get("__doc__") if inspect.isclass(one) else one.__doc__
            bare += [] if own else [f"{module.__name__}.{name}"]
            if inspect.isclass(one):
                bare += [f"{name}.{member}" for member, found in members(one).items() if not found.__doc__]
    for kind in (Artificer, AsyncArtificer, EventStream, Worker):
        bare += [f"{kind.__name__}.{name}" for name, one in members(kind).items() if not one.__doc__]
    assert bare == []


@pytest.mark.parametrize(("name", "how"), VERBS.items(), ids=VERBS)
def test_a_verb_says_what_its_parameters_are(name: str, how: Verb) -> None:
    said = _docstrings.read(how.__doc__)
    has = inspect.signature(how.build).parameters.keys() - {"self"}
    assert said.params.keys() <= has, f"{name} has no {said.params.keys() - has}"
    if not ELSEWHERE.search(said.text):
        silent = has - IDS - said.params.keys()
        assert not silent, f"{name} says nothing of {silent}"


@pytest.mark.parametrize(
    ("name", "how"), [(name, how) for name, how in VERBS.items() if about_one_thing(how)]
)
def test_a_verb_about_one_thing_says_what_happens_when_there_is_none(name: str, how: Verb) -> None:
    said = _docstrings.read(how.__doc__)
    assert "NotFoundError" in said.raises or "another name" in said.text, name


@pytest.mark.parametrize(("name", "how"), VERBS.items(), ids=VERBS)
def test_each_error_that_a_verb_names_is_one_of_the_client(name: str, how: Verb) -> None:
    for error in _docstrings.read(how.__doc__).raises:
        assert issubclass(getattr(errors, error), errors.ArtificerError), name


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("input", "- `input: str`: 1 to 100,000 characters"),
        ("concurrency", "- `concurrency: int | None = None`: 1 to 50; items at a time"),
        ("image_data", "- `image_data: bytes`: at most 20 MiB"),
        ("phases", "- `phases: list[PhaseConfig]`: 1 to 10 entries"),
    ],
)
def test_what_a_field_takes_stands_beside_it(field: str, written: str) -> None:
    assert written in PAGE, field


def test_a_docstring_in_rest_is_written_in_markdown() -> None:
    found = _docstrings.read(
        """
        Do ``this`` with :class:`~a.b.Thing` or :meth:`X.y`.

        ::

            code(1)

        More.

        :param a: one, and
            on the next line.
        :raises OSError: when :class:`.Other` fails.
        """
    )
    assert found.text == "Do `this` with `Thing` or `X.y`.\n\n```\ncode(1)\n```\n\nMore."
    assert found.params == {"a": "one, and on the next line."}
    assert found.raises == {"OSError": "when `Other` fails."}
