"""Describes modules, classes and functions in Markdown, as their docstrings and annotations say."""

from __future__ import annotations

import ast
import inspect
import re
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints, is_typeddict

from _docstrings import Docstring, read
from _written import construction, limits, on_one_line, signature, spelled, type_name, value

from artificer_provider.client.models._base import Payload, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from pydantic.fields import FieldInfo

#: Names that stand for a union of types.
ALIASES = frozenset({"Source"})
PACKAGE = "artificer_provider"


def call(name: str, signed: str, doc: str | None) -> Iterator[str]:
    """Describe one thing that is called."""
    found = read(doc)
    yield f"### `{name}`"
    yield f"```python\n{signed}\n```"
    yield found.text
    yield told(found)


def told(doc: Docstring) -> str:
    """List what is said of parameters and errors."""
    said = [f"- `{name}`: {what}" for name, what in doc.params.items()]
    return "\n".join(said + [f"- raises `{error}` {what}" for error, what in doc.raises.items()])


def public(found: ModuleType) -> dict[str, Any]:
    """Find what a module has for others, in the order of its source: classes, functions, and constants."""
    names = list[str]()
    for node in ast.parse(inspect.getsource(found)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and (target.id.isupper() or target.id in ALIASES):
                names.append(target.id)
    known = {name: getattr(found, name) for name in names if name[0] != "_"}
    return {name: one for name, one in known.items() if not isinstance(one, TypeVar)}


def module(found: ModuleType, title: str) -> Iterator[str]:
    """Describe what a module has for others."""
    yield title
    yield read(found.__doc__).text
    names = public(found)
    constants = [_constant(found, name, one) for name, one in names.items() if not _has_docstring(one)]
    yield "\n".join(constants)
    for name, one in names.items():
        if inspect.isclass(one):
            yield from entry(one, 4 if title.startswith("###") else 3)
        elif inspect.isfunction(one):
            yield from call(name, signature(name, one), one.__doc__)


def _has_docstring(one: object) -> bool:
    return inspect.isclass(one) or inspect.isfunction(one)


def _constant(found: ModuleType, name: str, one: object) -> str:
    """Describe a constant, or an alias, by its value and the comment above it."""
    above = re.search(rf"((?:^#: .*\n)*)^{name}\b", inspect.getsource(found), re.MULTILINE)
    said = above[1].replace("#: ", "").replace("\n", " ") if above else ""
    told = f"{one:,}" if isinstance(one, int) else type_name(one) if name in ALIASES else value(one)
    return f"- `{name} = {told}`" + (f": {read(said).text}" if said else "")


def entry(found: type, level: int = 3) -> Iterator[str]:
    """Describe a class: what it is, what it is made of, and what it can be asked."""
    doc = read(found.__doc__)
    base = found.__bases__[0]
    of = base.__name__ if issubclass(found, Exception) or base in (Reply, Payload) else ""
    kind = f"{'An' if of[0] in 'AEIOU' else 'A'} `{of}`. " if of else ""
    yield f"{'#' * level} `{found.__name__}`"
    if {"BaseOperator", "BaseTrigger"} & {one.__name__ for one in found.__mro__}:
        yield f"```python\n{construction(found, PACKAGE)}\n```"
    yield f"{kind}{doc.text}"
    if issubclass(found, Enum):
        yield ", ".join(f"`{value(one)}`" for one in found)
    elif is_model(found):
        yield "\n".join(fields(found))
    elif is_typeddict(found):
        yield "\n".join(f"- `{name}: {type_name(kind)}`" for name, kind in get_type_hints(found).items())
    else:
        yield told(doc)
    rendered = getattr(found, "template_fields", ())
    yield f"Template fields: {', '.join(f'`{name}`' for name in rendered)}." if rendered else ""
    yield members(found.__name__, found)


def is_model(found: type) -> bool:
    """Tell a class that pydantic reads values into: a model, or a dataclass of its own."""
    return hasattr(found, "__pydantic_fields__")


def fields(model: type) -> Iterator[str]:
    """Describe the fields of a model: type, default, limits, and what its docstring says."""
    said: dict[str, str] = {}
    for one in reversed(model.__mro__):
        said |= read(vars(one).get("__doc__")).params if is_model(one) else {}
    found: dict[str, FieldInfo] = vars(model)["__pydantic_fields__"]
    for name, field in found.items():
        default = "" if field.is_required() else f" = {value(field.get_default(call_default_factory=True))}"
        what, limit = said.get(name, ""), limits(field)
        more = "; ".join(one for one in ("" if limit in what else limit, what) if one)
        line = f"- `{name}: {type_name(field.annotation)}{default}`"
        yield f"{line}: {more}" if more else line


def members(owner: str, found: type) -> str:
    """Describe the methods and properties that a class adds."""
    lines = list(properties(owner, vars(found)))
    for name, one in vars(found).items():
        method = one.__func__ if isinstance(one, staticmethod | classmethod) else one
        if name[0] != "_" and inspect.isfunction(method):
            doc = read(method.__doc__)
            raised = [f" Raises `{error}` {what}" for error, what in doc.raises.items()]
            called = on_one_line(signature(f"{owner}.{name}", method))
            lines.append(f"- `{called}`: {_within(doc.text)}{''.join(raised)}")
    return "\n".join(lines)


def properties(owner: str, of: Mapping[str, object]) -> Iterator[str]:
    """Describe what can be asked of a thing without a call."""
    for name, one in of.items():
        getter = one.fget if isinstance(one, property) else getattr(one, "func", None)
        if getter is not None and name[0] != "_":
            gives = spelled(str(inspect.signature(getter).return_annotation), getter.__globals__)
            yield f"- `{owner}.{name}: {gives}`: {_within(read(one.__doc__).text)}"


def _within(text: str) -> str:
    """Write paragraphs as one entry of a list."""
    return text.replace("\n", "\n  ").replace("\n  \n", "\n\n")
