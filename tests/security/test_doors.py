"""Every door of the engine, tried by strangers. One that is new is tried without being named here."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
from support.engine import running_engine
from support.keys import give_key
from support.trpc import error_of

from artificer_provider.engine.scopes import NOUNS, WHO_AM_I, scope_of_procedure
from artificer_provider.engine.trpc.dialect import procedures
from artificer_provider.engine.trpc.procedures import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from support.engine import Engine

    from artificer_provider.engine.trpc.procedures import Rooms

#: In what a stranger must never be told.
SECRET = "the bridge of Remagen"
NOT_THIS_KEY = ((403, "missing_scope"), (403, "forbidden"))


class Door(NamedTuple):
    """
    :param scope: what the contract says that a key needs; None where it says that all may come in.
    """

    name: str
    method: str
    path: str
    scope: str | None
    is_trpc: bool = False


class Anything:
    """Stands for the parts of an engine, which no procedure asks before it is called."""

    def __getattr__(self, name: str) -> Anything:
        return self


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with keys, and a job and a conversation of an owner whom nobody here is."""
    with running_engine(tmp_path_factory.mktemp("doors") / "data") as engine:
        owner = give_key(engine, owner="owner").http
        talk = owner.post("/api/conversations", json={"title": SECRET}).raise_for_status().json()["id"]
        said = {"role": "user", "content": SECRET}
        owner.post(f"/api/conversations/{talk}/messages", json=said).raise_for_status()
        job: dict[str, Any] = {"name": SECRET, "items": [{"input": SECRET}], "options": {"autoStart": False}}
        job["phases"] = [{"name": "p", "taskType": "summarize"}]
        owner.post("/api/batch", json=job).raise_for_status()
        owner.post("/api/projects", json={"name": SECRET}).raise_for_status()
        yield engine


@pytest.fixture(scope="module")
def doors(guarded: Engine) -> list[Door]:
    document = guarded.http.get("/openapi.json").raise_for_status().json()
    found = [
        Door(
            operation["operationId"],
            method.upper(),
            path.replace("{", "").replace("}", ""),
            needed(operation),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    for (name, made), prefix in product(procedures(cast("Rooms", Anything())).items(), ("/", "/api/trpc/")):
        is_query = made.kind is Kind.QUERY
        scope = None if name == "auth.public" else scope_of_procedure(name, is_query=is_query)
        found.append(Door(name, "GET" if is_query else "POST", prefix + name, scope, is_trpc=True))
    assert len(found) > 150
    assert {"auth.public", "greet", "getHealth"} == {door.name for door in found if door.scope is None}
    return found


def needed(operation: dict[str, Any]) -> str | None:
    """Read which scope an operation needs."""
    ways = operation["security"]
    return ways[0]["bearer"][0] if ways else None


def knock(http: httpx.Client, door: Door) -> httpx.Response:
    """Call a route or a procedure with something that may pass for its input."""
    content: Any = {"json": {}} if door.is_trpc else {}
    asked: dict[str, Any] = {} if door.method == "GET" else {"json": content}
    if door.is_trpc and door.method == "GET":
        asked = {"params": {"input": json.dumps(content)}}
    return http.request(door.method, door.path, **asked)


def code_of(door: Door, reply: httpx.Response) -> str:
    code: str = error_of(reply)["data"]["code"] if door.is_trpc else reply.json()["error"]["code"]
    return code.lower()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sk_" + "0" * 64},
        {"Authorization": "Bearer *"},
        {"X-API-Key": "sk_" + "0" * 64, "X-Forwarded-For": "127.0.0.1", "Cookie": "session=1"},
    ],
    ids=["no key", "a wrong key", "a star", "no bearer"],
)
def test_without_a_good_key_no_door_opens_but_those_for_all(
    guarded: Engine, doors: list[Door], headers: dict[str, str]
) -> None:
    stranger = guarded.client(**headers)
    for door in doors:
        reply = knock(stranger, door)
        assert SECRET not in reply.text, door
        if door.scope is None:
            assert reply.status_code in (200, 422), door
        else:
            assert (reply.status_code, code_of(door, reply)) == (401, "unauthorized"), door


def test_no_other_verb_and_no_other_spelling_opens_a_door(guarded: Engine, doors: list[Door]) -> None:
    stranger = guarded.client()
    spellings = ("{0}/", "/{0}", "{0}%2F", "/.{0}", "{0};x", "{0}//", "/x/..{0}")
    paths = {door.path for door in doors if door.scope is not None and not door.is_trpc}
    tried = [*product(paths, ("HEAD", "OPTIONS", "PUT", "TRACE", "PROPFIND"))]
    tried += [(form.format(path), "GET") for path, form in product(sorted(paths)[::4], spellings)]
    for path, method in tried:
        reply = stranger.request(method, path)
        assert reply.status_code in (401, 404, 405), (method, path, reply.status_code)
        assert SECRET not in reply.text


@pytest.mark.parametrize("noun", NOUNS)
def test_a_key_opens_the_doors_of_its_scope_alone(guarded: Engine, doors: list[Door], noun: str) -> None:
    others = give_key(guarded, owner="other", scopes=tuple(other for other in NOUNS if other != noun)).http
    reader = give_key(guarded, owner="other", scopes=(f"{noun}:read",)).http
    for door in doors:
        if door.scope is None or door.scope == WHO_AM_I or door.scope.partition(":")[0] != noun:
            continue
        refused = [knock(others, door)]
        if door.scope.endswith(":write"):
            refused.append(knock(reader, door))
        for reply in refused:
            assert (reply.status_code, code_of(door, reply)) in NOT_THIS_KEY, door
            assert SECRET not in reply.text


def test_a_key_for_everything_is_told_nothing_of_another_owners(guarded: Engine, doors: list[Door]) -> None:
    other = give_key(guarded, owner="yet another").http
    opened = 0
    for door in doors:
        reply = knock(other, door)
        assert reply.status_code not in (401, 403), door
        assert SECRET not in reply.text, door
        opened += reply.status_code == 200
    assert opened > 30
