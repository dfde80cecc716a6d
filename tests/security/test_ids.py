"""An id goes to its place in a call and nowhere else, in every method that takes one."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import reference
from support.scripted_server import Asked, Reply, ScriptedServer

from artificer_provider.client import Artificer
from artificer_provider.client._core import _Verb
from artificer_provider.client.errors import ArtificerError, ConfigurationError, NotCarriedError

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN, MARK = "plain0id", "the-mark"
#: What a path, a query, a header or JSON could take for its own signs.
HOSTILE = (
    "../../keys",
    "a/b",
    "%2e%2e",
    "%2e%2e%2fkeys",
    "a;b?x=1&limit=9#c",
    "a\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1",
    "a\0b",
    "http://evil.example/",
    "\u2025/\uff0e\uff0e\uff0fkeys",
    '"},"x":{"y":"',
    " ",
    "...",
)
NO_IDS = ("", ".", "..", "\ud800")
#: What else the methods must be given.
OTHERS: dict[str, Any] = {
    "content": "Hello.",
    "first_message": "Hello.",
    "role": "user",
    "message": "Hello.",
    "query": "q",
    "title": "t",
    "name": "n",
    "format": "markdown",
    "conversation_context": "c",
    "user_request": "r",
    "filename": "a.txt",
    "source": b"A text. " * 40,
    "timeout": 1,
    "text": "A text.",
    "task_type": "extract",
    "items": [{"input": "x"}],
    "phases": [{"name": "p"}],
}
#: Where nothing would be asked without.
NEEDS_MORE: dict[tuple[str, str], dict[str, Any]] = {
    ("conversations", "update"): {"title": "t"},
    ("projects", "update"): {"name": "n"},
    ("projects", "upload_document"): {"content": b"A text. " * 40, "filename": "a.txt"},
}


class Method(NamedTuple):
    noun: str
    name: str
    parameter: str

    def call(self, client: Artificer, an_id: str) -> ArtificerError | None:
        """Make a call with such an id, and with plain ones where it takes more."""
        method = getattr(getattr(client, self.noun), self.name)
        given: dict[str, Any] = {}
        for name, parameter in inspect.signature(method).parameters.items():
            if name == self.parameter:
                given[name] = [an_id] if name.endswith("s") else an_id
            elif parameter.default is inspect.Parameter.empty and name != "self":
                given[name] = PLAIN if name.endswith("_id") else OTHERS[name]
        if (self.noun, self.name) in NEEDS_MORE:
            given |= NEEDS_MORE[self.noun, self.name]
        try:
            found = method(**given)
            if hasattr(found, "__next__"):
                list(found)
        except ArtificerError as error:
            return error
        return None


METHODS = sorted(
    Method(noun, name, parameter)
    for noun, kind in reference.noun_classes().items()
    for name, verb in vars(kind).items()
    if isinstance(verb, _Verb)
    for parameter in inspect.signature(verb.build).parameters
    if parameter.endswith(("_id", "_ids"))
)


def test_the_methods_were_found() -> None:
    assert len(METHODS) > 40
    assert {method.parameter for method in METHODS} >= {
        *("job_id", "job_ids", "project_id", "document_id", "document_ids"),
        *("conversation_id", "message_id", "model_id"),
    }


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ScriptedServer]:
    script = ScriptedServer()
    script.otherwise = lambda _: Reply(404)
    yield script
    script.close()


@pytest.fixture(scope="module", params=["rest", "trpc"])
def client(elsewhere: ScriptedServer, request: pytest.FixtureRequest) -> Iterator[Artificer]:
    with Artificer("k", elsewhere.url, dialect=request.param, retries=0, rate_budget=1_000_000) as opened:
        yield opened


Said = tuple[str, list[str], list[tuple[str, Any]], Any, list[str]]


def said(asked: Asked) -> Said:
    """Take a call apart, as an engine does."""
    target = urlsplit(f"//h{asked.path}")
    query = [
        (name, json.loads(value) if value[:1] == "{" else value)
        for name, value in parse_qsl(target.query, keep_blank_values=True, strict_parsing=bool(target.query))
    ]
    body = json.loads(asked.body) if asked.body else None
    return (
        asked.method,
        [unquote(step) for step in target.path.split("/")],
        query,
        body,
        sorted(asked.headers),
    )


@pytest.mark.parametrize("method", METHODS, ids=".".join)
def test_an_id_stays_in_its_place(elsewhere: ScriptedServer, client: Artificer, method: Method) -> None:
    calls: dict[str, list[Said]] = {}
    for an_id in ("plain1id", *HOSTILE):
        elsewhere.forget()
        refused = method.call(client, an_id)
        if "\0" in an_id and isinstance(refused, ConfigurationError):
            continue  # a deployed engine's database takes none
        calls[an_id] = [said(asked) for asked in elsewhere.asked]
        assert calls[an_id] or isinstance(refused, NotCarriedError), an_id
    plain = json.loads(json.dumps(calls.pop("plain1id")).replace("plain1id", MARK))
    assert MARK in json.dumps(plain) or not plain
    for an_id, found in calls.items():
        wanted = json.loads(json.dumps(plain).replace(MARK, json.dumps(an_id)[1:-1]))
        assert json.loads(json.dumps(found)) == wanted, an_id
        for asked in found:
            assert "x-evil" not in asked[-1]


@pytest.mark.parametrize("method", METHODS, ids=".".join)
def test_what_would_leave_a_path_is_not_sent(
    elsewhere: ScriptedServer, client: Artificer, method: Method
) -> None:
    for an_id in NO_IDS:
        elsewhere.forget()
        refused = method.call(client, an_id)
        for asked in elsewhere.asked:
            path = urlsplit(f"//h{asked.path}").path
            assert not {"", ".", ".."} & {unquote(step) for step in path.split("/")[1:]}, (an_id, path)
        assert elsewhere.asked or isinstance(refused, ConfigurationError)
