"""Projects and search over tRPC against recordings of the deployed engine: the same shapes, in and out."""

from __future__ import annotations

import json
import re
import sqlite3
from base64 import b64encode
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from support.engine import running_engine
from support.model_server import ModelServer
from support.recorded import exchanges
from support.shapes import differences
from support.trpc import Trpc
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine
    from support.recorded import Exchange

_CUID = re.compile(r"c[a-z0-9]{24}")
#: What a deployed engine could not do then: reach its vector store, answer more than so many calls.
_FAILED_THERE = ("Failed to get/create collection", "Rate limit exceeded", "Database not available")
#: By what is not there, an honest engine says so.
_HONEST = {500: 404}


def _comparable(exchange: Exchange) -> bool:
    if not exchange.procedure.startswith(("projects.", "search.")) or exchange.reply is None:
        return False
    body = exchange.reply["body"]
    is_ours = not exchange.case.startswith(("b7 search", "demo", "next noauth")) and not exchange.is_cut
    return is_ours and not any(failure in body for failure in _FAILED_THERE)


RECORDED = {exchange.case: exchange for exchange in exchanges() if _comparable(exchange)}


@pytest.fixture(scope="module")
def recorded_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    server = ModelServer()
    environment = {"ARTIFICER_ENGINE_LLM_URL": server.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    with running_engine(tmp_path_factory.mktemp("recorded") / "data", environment) as started:
        yield started
    server.close()


@pytest.fixture
def ids(recorded_engine: Engine) -> dict[str, str]:
    """A project with a document that is indexed, and a conversation with one message in it."""
    trpc = Trpc(recorded_engine.http)
    project = trpc.mutate("projects.create", {"name": "P", "description": "d", "settings": {"a": 1}})
    project_id = project["project"]["id"]
    content = b64encode(b"Cats are small carnivorous mammals. " * 60).decode()
    document = {"filename": "cats.md", "content": content, "contentType": "text/markdown"}
    added = trpc.mutate("projects.uploadDocument", {"projectId": project_id, **document})
    wait_until(
        lambda: not trpc.query("search.getEmbeddingStats", {"projectId": project_id})["unindexedDocuments"],
        "it is indexed",
    )
    conversation_id = f"conv_of_{project_id}"
    with closing(sqlite3.connect(recorded_engine.data / "engine.sqlite3")) as database, database:
        database.execute(
            """INSERT INTO conversations (id, owner, project, title, model, system_prompt, temperature,
                 max_tokens, created_at, updated_at)
               SELECT ?, 'local', number, 'T', 'm', 's', 0.5, 10, created_at, created_at FROM projects
               WHERE id = ?""",
            (conversation_id, project_id),
        )
        database.execute(
            """INSERT INTO messages (id, conversation, role, content, created_at)
               SELECT id || 'm', number, 'user', 'Hello', created_at FROM conversations WHERE id = ?""",
            (conversation_id,),
        )
    return {"project": project_id, "document": added["document"]["id"], "conversation": conversation_id}


def _ours(value: Any, ids: dict[str, str]) -> Any:
    """Put ids that are known here in the place of recorded ones."""
    if isinstance(value, dict):
        return {
            name: ids[name.removesuffix("Id") if name != "id" else "project"]
            if isinstance(inner, str) and _CUID.fullmatch(inner)
            else _ours(inner, ids)
            for name, inner in value.items()
        }
    return value


def _without(value: Any, fields: set[str]) -> Any:
    """Leave out what is anybody's own, and what only saves a reader some work."""
    if isinstance(value, dict):
        return {name: _without(inner, fields) for name, inner in value.items() if name not in fields}
    return [_without(inner, fields) for inner in value] if isinstance(value, list) else value


def test_all_of_both_routers_was_recorded() -> None:
    assert {exchange.procedure for exchange in RECORDED.values()} == {
        *(f"projects.{name}" for name in ("create", "list", "getById", "update", "delete")),
        *(f"projects.{name}" for name in ("associateConversation", "getConversations", "uploadDocument")),
        *(f"projects.{name}" for name in ("getDocuments", "getDocument", "searchDocuments")),
        *(f"projects.{name}" for name in ("updateDocument", "proposeDocumentUpdate", "deleteDocument")),
        *("projects.getDocumentStats", "search.searchDocuments", "search.getEmbeddingStats"),
        *("search.reindexDocument", "search.healthCheck"),
    }


@pytest.mark.parametrize("case", RECORDED)
def test_a_recorded_request_gets_a_reply_of_the_recorded_shape(
    case: str, recorded_engine: Engine, ids: dict[str, str]
) -> None:
    exchange = RECORDED[case]
    trpc = Trpc(recorded_engine.http, f"{exchange.prefix}/")
    asked = _ours(exchange.said, ids)
    reply = (trpc.get if exchange.method == "GET" else trpc.post)(exchange.procedure, asked)
    status = exchange.reply["status"]
    assert reply.status_code == _HONEST.get(status, status)
    if status in _HONEST:
        assert reply.json()["error"]["json"]["message"].endswith("not found")
        return
    free = {"settings", "referentialEqualities"}
    if exchange.procedure.startswith("projects."):
        free |= {"metadata"}
    recorded, ours = (_without(value, free) for value in (json.loads(exchange.reply["body"]), reply.json()))
    assert list(differences(recorded, ours, "")) == []
