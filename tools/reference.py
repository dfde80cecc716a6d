"""Writes the reference: every public name of the package, made of its docstring, in three pages of docs/."""

from __future__ import annotations

import inspect
from functools import cached_property
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import _rooms
from _docstrings import read
from _entries import call, entry, module, properties
from _written import signature, spelled

from artificer_provider.client import Artificer, AsyncArtificer, models
from artificer_provider.client._core import _Verb
from artificer_provider.client._made import Made
from artificer_provider.client._pace import Limiter
from artificer_provider.client._worker import Worker
from artificer_provider.client.models._base import Payload, Reply
from artificer_provider.client.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

DOCS = Path(__file__).parent.parent / "docs"
TARGET = DOCS / "client-reference.md"
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


def main() -> None:
    """Write the pages."""
    pages = {TARGET: make(), DOCS / _rooms.AIRFLOW: _rooms.airflow(), DOCS / _rooms.INSIDE: _rooms.inside()}
    for target, page in pages.items():
        target.write_text(page, encoding="utf-8")
        print(f"wrote {target}")


if __name__ == "__main__":
    main()
