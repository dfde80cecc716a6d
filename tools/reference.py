"""Writes docs/client-reference.md: every public name of the client, made of its docstring."""

from __future__ import annotations

import ast
import inspect
import re
from enum import Enum
from functools import cached_property
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints, is_typeddict

from _docstrings import Docstring, read
from _written import limits, signature, spelled, type_name, value

from artificer_provider.client import Artificer, AsyncArtificer, models
from artificer_provider.client._core import _Verb
from artificer_provider.client._made import Made
from artificer_provider.client._pace import Limiter
from artificer_provider.client._worker import Worker
from artificer_provider.client.models._base import Payload, Reply
from artificer_provider.client.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from pydantic.fields import FieldInfo

TARGET = Path(__file__).parent.parent / "docs" / "client-reference.md"
PACKAGE = "artificer_provider.client"
#: Modules of which each name that has no underscore is public, and what they are called here.
MODULES = {
    "streams": "Streams",
    "errors": "Errors",
    "states": "Words of the life cycles",
    "pdf": "PDFs on this machine",
    "bodies": "Bodies",
    "apologies": "Apologies",
    "limits": "Limits",
}
#: Names that stand for a union of types.
ALIASES = frozenset({"Source"})
#: What a verb gives, where its endpoint is written as something that is carried out.
GIVEN = {"Request": "{}", "Flow": "{}", "Many": "Iterator[{}]", "EventsOf": "EventStream[{}]"}
HEAD = """\
# Client reference

Every public name of `artificer_provider.client`, made of its docstring by `python tools/reference.py`; a
test holds this page to them. [client.md](client.md) is where to begin, and [openapi.json](openapi.json) the
contract behind it. "WIRE" is the record of what deployed engines were measured to do, which the tests replay.

**Signatures** are those of `Artificer`. `AsyncArtificer` has the same, to be awaited; there an `Iterator` is
an `AsyncIterator` for `async for`, and an `EventStream` an `AsyncEventStream`. Times that are given are
seconds or a `timedelta`.

**Errors.** Any call can end in `ConfigurationError` (an argument is wrong or larger than allowed; nothing was
sent), `ArtificerConnectionError`, `ArtificerTimeoutError`, `ReplyError`, `InvalidRequestError`,
`AuthenticationError`, `PermissionDeniedError`, `RateLimitError` and `ServerError`. What a verb names is
beyond these, or says more of them.
"""


def make() -> str:
    """Make the page."""
    parts = [HEAD, contents(), *clients(), *nouns()]
    for name, title in MODULES.items():
        parts += module(import_module(f"{PACKAGE}.{name}"), f"## {title}: `{name}`")
    parts += ["## Models", f"{read(models.__doc__).text}", *entry(Reply), *entry(Payload)]
    for found in model_modules():
        parts += module(found, f"### `models.{found.__name__.rpartition('.')[2]}`")
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def noun_classes() -> dict[str, type]:
    """Find the nouns of a client, by name."""
    with Artificer(base_url="http://localhost:3001", dialect="rest") as client:
        names = [name for name, found in vars(Resources).items() if isinstance(found, cached_property)]
        return {name: type(getattr(client, name)) for name in sorted(names)}


def model_modules() -> list[ModuleType]:
    """Find the modules of models."""
    names = sorted(found.name for found in iter_modules(models.__path__) if found.name[0] != "_")
    return [import_module(f"{models.__name__}.{name}") for name in names]


def verbs(noun: type) -> dict[str, _Verb[Any, Any]]:
    """Find the verbs of a noun, by name."""
    return {name: found for name, found in vars(noun).items() if isinstance(found, _Verb)}


def contents() -> str:
    """List the nouns and their verbs."""
    rows = [f"| [`{noun}`](#{noun}) | {_links(noun, found)} |" for noun, found in noun_classes().items()]
    return "\n".join(["| noun | verbs |", "|---|---|", *rows])


def _links(noun: str, found: type) -> str:
    return ", ".join(f"[`{verb}`](#{noun}{verb})" for verb in verbs(found))


def clients() -> Iterator[str]:
    """Describe both clients, and what they hand out or take."""
    made = signature("Artificer", Artificer.__init__, "Artificer").replace(": H |", ": httpx.Client |")
    yield "## Clients"
    yield from call("Artificer", made, Artificer.__doc__)
    yield "\n".join(properties("client", vars(Made)))
    for method in (Artificer.health, Artificer.with_options, Artificer.close):
        name = f"client.{method.__name__}"
        yield from call(name, signature(name, method), method.__doc__)
    yield from (f"### `{AsyncArtificer.__name__}`", read(AsyncArtificer.__doc__).text)
    close = AsyncArtificer.aclose
    yield from call("client.aclose", signature("client.aclose", close), close.__doc__)
    yield from (f"### `{Worker.__name__}`", "`client.worker`, which counts what it was asked for.")
    yield "\n".join(properties("worker", vars(Worker)))
    yield from entry(Limiter)


def nouns() -> Iterator[str]:
    """Describe the nouns with their verbs."""
    for noun, found in noun_classes().items():
        yield f"## {noun}"
        yield read(found.__doc__).text
        for verb, how in verbs(found).items():
            name = f"{noun}.{verb}"
            yield from call(name, signature(f"client.{name}", how.build, given(how)), how.__doc__)


def given(verb: _Verb[Any, Any]) -> str:
    """Write what a verb gives on the client that waits."""
    how, _, what = str(inspect.signature(verb.build).return_annotation).partition("[")
    return GIVEN[how].format(spelled(what.removesuffix("]"), verb.build.__globals__))


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
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
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
    yield f"{kind}{doc.text}"
    if issubclass(found, Enum):
        yield ", ".join(f"`{value(one)}`" for one in found)
    elif is_model(found):
        yield "\n".join(fields(found))
    elif is_typeddict(found):
        yield "\n".join(f"- `{name}: {type_name(kind)}`" for name, kind in get_type_hints(found).items())
    else:
        yield told(doc)
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
        method = one.__func__ if isinstance(one, staticmethod) else one
        if name[0] != "_" and inspect.isfunction(method):
            doc = read(method.__doc__)
            raised = [f" Raises `{error}` {what}" for error, what in doc.raises.items()]
            lines.append(f"- `{signature(f'{owner}.{name}', method)}`: {doc.text}{''.join(raised)}")
    return "\n".join(lines)


def properties(owner: str, of: Mapping[str, object]) -> Iterator[str]:
    """Describe what can be asked of a thing without a call."""
    for name, one in of.items():
        getter = one.fget if isinstance(one, property) else getattr(one, "func", None)
        if getter is not None and name[0] != "_":
            gives = spelled(str(inspect.signature(getter).return_annotation), getter.__globals__)
            yield f"- `{owner}.{name}: {gives}`: {read(one.__doc__).text}"


def main() -> None:
    """Write the page."""
    TARGET.write_text(make(), encoding="utf-8")
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
