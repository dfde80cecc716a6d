"""Conversations and what is around them against recordings of the deployed engine: the same shapes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from support.engine import running_engine
from support.model_server import ModelServer
from support.recorded import exchanges
from support.shapes import differences
from support.trpc import Trpc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine
    from support.recorded import Exchange

ROUTERS = ("chat.", "conversations.", "messages.", "export.", "usage.", "monitoring.", "modelAdmin.")
MODELS = ("anthropic/claude-sonnet-4.5", "deepseek/deepseek-chat", "openai/gpt-4o-mini")
_CUID = re.compile(r"c[a-z0-9]{24}")
#: Which status an honest engine has where the deployed one had another, by case.
OTHERWISE = {
    "conversations.create bad projectId": 404,
    "conversations.updateTitle unknown": 404,
    "messages.create unknown conv": 404,
    "messages.getByConversation unknown": 404,
    "chat.sendMessage LLM 400": 502,
    "chat.sendMessage LLM empty": 502,
    **{f"export.exportConversation {name}": 400 for name in ("notion", "obsidian", "google-docs")},
}
#: What this engine does not do, and says so in the shape of a selection without a match.
UNJUDGED = {"modelAdmin.testSelection", "modelAdmin.testSelection showAll"}
#: Whose values are by the name of a model or a format, or are anybody's own.
FREE = {"capabilities", "referentialEqualities", "formats", "usage"}


def _is_comparable(exchange: Exchange) -> bool:
    if not exchange.procedure.startswith(ROUTERS) or exchange.reply is None or exchange.is_cut:
        return False
    if exchange.headers or exchange.case.startswith(("demo", "b7", "next gzip")) or " again" in exchange.case:
        return False
    others = ("Rate limit exceeded", "Database not available", "...<")
    sent = exchange.sent or ('{"json": ' if exchange.method == "GET" else "")
    return sent.startswith('{"json": ') and not any(other in exchange.reply["body"] for other in others)


RECORDED = {exchange.case: exchange for exchange in exchanges() if _is_comparable(exchange)}


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def recorded_engine(tmp_path_factory: pytest.TempPathFactory, server: ModelServer) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("recorded")
    models = "".join(
        f'[[server.model]]\nname = "{name}"\ninput_price = 1.0\noutput_price = 2.0\n' for name in MODELS
    )
    file = folder / "models.toml"
    file.write_text(f'[[server]]\nurl = "{server.url}"\n{models}default = true\n')
    with running_engine(folder / "data", arguments=["--models", str(file)]) as engine:
        yield engine


@pytest.fixture
def ids(recorded_engine: Engine) -> dict[str, str]:
    """A conversation in which something was asked and answered, and a message of it."""
    trpc = Trpc(recorded_engine.http)
    conversation = trpc.mutate("conversations.create", {"title": "T", "model": MODELS[1]})["id"]
    trpc.mutate("chat.sendMessage", {"conversationId": conversation, "content": "Hello."})
    [asked, _] = trpc.query("chat.getMessages", {"conversationId": conversation})
    return {"conversation": conversation, "message": asked["id"]}


def _ours(exchange: Exchange, value: Any, ids: dict[str, str]) -> Any:
    """Put ids that are known here in the place of recorded ones."""
    if isinstance(value, dict):
        return {
            name: (ids["message"] if name == "id" else _ours(exchange, inner, ids))
            if isinstance(inner, str) and _CUID.fullmatch(inner)
            else inner
            for name, inner in value.items()
        }
    if isinstance(value, str) and _CUID.fullmatch(value):
        return ids["message" if exchange.procedure == "messages.delete" else "conversation"]
    return value


def _without(value: Any, fields: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(inner, fields) for name, inner in value.items() if name not in fields}
    return [_without(inner, fields) for inner in value] if isinstance(value, list) else value


def _marks_of(reply: Any) -> Any:
    """Leave out marks of what stands as deep in the lists as ours do not go."""
    marks = reply.get("result", {}).get("data", {}).get("meta", {}).get("values")
    if isinstance(marks, dict):
        for path in [path for path in marks if re.match(r"(\d|health\.\d)", path)]:
            if not re.match(r"(health\.)?0\.", path):
                del marks[path]
    return reply


def test_every_procedure_was_recorded_but_those_for_all_formats() -> None:
    assert {exchange.procedure for exchange in RECORDED.values()} >= {
        *("chat.sendMessage", "chat.getMessages"),
        *(
            f"conversations.{name}"
            for name in ("create", "list", "getById", "update", "updateTitle", "delete")
        ),
        *(f"messages.{name}" for name in ("create", "getByConversation", "update", "delete")),
        *("export.getFormats", "export.exportConversation"),
        *("usage.getSessionStats", "usage.getModelUsage"),
        *("monitoring.getModelMonitoring", "monitoring.getUsageStats", "monitoring.getHealthStatus"),
        *("monitoring.getCapabilities", "monitoring.checkModelHealth"),
        *(
            f"modelAdmin.{name}"
            for name in ("refreshModels", "getCacheStatus", "listModels", "testSelection")
        ),
        "modelAdmin.getFallbackModels",
    }


# What is not in the cache is asked for before other calls put something there.
@pytest.mark.parametrize("case", sorted(RECORDED, key=lambda case: case != "modelAdmin.getCacheStatus"))
def test_a_recorded_request_gets_a_reply_of_the_recorded_shape(
    case: str, recorded_engine: Engine, server: ModelServer, ids: dict[str, str]
) -> None:
    exchange = RECORDED[case]
    trpc = Trpc(recorded_engine.http, f"{exchange.prefix}/")
    server.failures = {"[[FAIL 400]] please": [400]}
    server.replies = {"[[EMPTY]]": [" "]}
    if exchange.sent is not None and '"undefined"' in exchange.sent:
        at = f"{trpc.prefix}{exchange.procedure}"
        if exchange.method == "GET":
            reply = trpc.http.get(at, params={"input": exchange.sent})
        else:
            reply = trpc.http.post(at, json=json.loads(exchange.sent))
    else:
        asked = None if exchange.sent is None else _ours(exchange, exchange.said, ids)
        reply = (trpc.get if exchange.method == "GET" else trpc.post)(exchange.procedure, asked)
    expected = OTHERWISE.get(case, exchange.reply["status"])
    assert reply.status_code == expected, reply.text
    if case in OTHERWISE:
        return
    if case in UNJUDGED:
        assert reply.json()["result"]["data"]["json"]["success"] is False
        return
    recorded, ours = (
        _without(_marks_of(value), FREE) for value in (json.loads(exchange.reply["body"]), reply.json())
    )
    assert list(differences(recorded, ours, "")) == []
