"""Exports, usage, models and keys over either wire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from support.scripted_server import Asked, Reply
from support.wire import answer, refusal

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from artificer_provider.client.states import ExportFormatName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.scripted_server import ScriptedServer

MOMENT = "2026-11-22T14:31:04.315Z"
MODEL = {"id": "openai/gpt-4o-mini", "name": "mini", "contextLength": 128000, "inputCost": 1}
HEALTH = {"model": "m", "isHealthy": True, "responseTime": 10, "lastChecked": MOMENT, "error": None}
ABLE = {"maxTokens": 4096, "costPer1kTokens": 0.0002, "supportsStreaming": True, "contextWindow": 4096}


@pytest.fixture(params=["rest", "trpc"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def either(server: ScriptedServer, wire: str) -> Iterator[Artificer]:
    with Artificer("k", server.url, dialect=wire, retries=2) as client:
        yield client


def reply(wire: str, rest: object, trpc: object = None) -> Reply:
    return Reply(body=rest) if wire == "rest" else answer(rest if trpc is None else trpc)


def refused(wire: str, status: int, code: str, message: str) -> Reply:
    if wire == "trpc":
        return refusal(status, message)
    return Reply(status, {"error": {"code": code, "message": message, "details": [], "requestId": "r"}})


def asked_by(wire: str, asked: Asked) -> tuple[str, str, Any]:
    """Give verb, path without parameters, and what was said."""
    parts = urlsplit(asked.path)
    params = dict(parse_qsl(parts.query))
    if wire == "trpc":
        said = json.loads(params["input"] if params else asked.body or "null")
        return asked.method, parts.path, said and said["json"]
    return asked.method, parts.path, params or (json.loads(asked.body) if asked.body else None)


Made = tuple["Callable[[Artificer], object]", tuple[str, str, Any], tuple[str, str, Any]]

CALLS: dict[str, Made] = {
    "formats": (
        lambda c: c.export.list_formats(),
        ("GET", "/api/export/formats", None),
        ("GET", "/export.getFormats", None),
    ),
    "conversation": (
        lambda c: c.export.conversation("c/1", "html", include_costs=False),
        ("GET", "/api/export/conversations/c%2F1", {"format": "html", "includeCosts": "false"}),
        (
            "GET",
            "/export.exportConversation",
            {"conversationId": "c/1", "format": "html", "includeCosts": False},
        ),
    ),
    "all": (
        lambda c: c.export.all(ExportFormatName.JSON, include_metadata=True, group_by_conversation=False),
        (
            "GET",
            "/api/export/conversations",
            {"format": "json", "includeMetadata": "true", "groupByConversation": "false"},
        ),
        (
            "GET",
            "/export.exportAll",
            {"format": "json", "includeMetadata": True, "groupByConversation": False},
        ),
    ),
    "session": (
        lambda c: c.usage.get_session_stats(),
        ("GET", "/api/usage/session", None),
        ("GET", "/usage.getSessionStats", None),
    ),
    "usage": (
        lambda c: c.usage.get_model_usage(),
        ("GET", "/api/usage/models", None),
        ("GET", "/usage.getModelUsage", None),
    ),
    "monitoring": (
        lambda c: c.monitoring.get_models(),
        ("GET", "/api/monitoring/models", None),
        ("GET", "/monitoring.getModelMonitoring", None),
    ),
    "calls": (
        lambda c: c.monitoring.get_usage(),
        ("GET", "/api/monitoring/usage", None),
        ("GET", "/monitoring.getUsageStats", None),
    ),
    "health": (
        lambda c: c.monitoring.get_health(),
        ("GET", "/api/monitoring/health", None),
        ("GET", "/monitoring.getHealthStatus", None),
    ),
    "capabilities": (
        lambda c: c.monitoring.get_capabilities(),
        ("GET", "/api/monitoring/capabilities", None),
        ("GET", "/monitoring.getCapabilities", None),
    ),
    "check": (
        lambda c: c.monitoring.check_model("m"),
        ("POST", "/api/monitoring/check", {"modelId": "m"}),
        ("POST", "/monitoring.checkModelHealth", {"modelId": "m"}),
    ),
    "list": (
        lambda c: c.models.list(provider="openai"),
        ("GET", "/api/models", {"provider": "openai", "limit": "50"}),
        ("GET", "/modelAdmin.listModels", {"provider": "openai", "limit": 50}),
    ),
    "refresh": (
        lambda c: c.models.refresh(),
        ("POST", "/api/models/refresh", None),
        ("POST", "/modelAdmin.refreshModels", {}),
    ),
    "cache": (
        lambda c: c.models.get_cache_status(),
        ("GET", "/api/models/cache", None),
        ("GET", "/modelAdmin.getCacheStatus", None),
    ),
    "select": (
        lambda c: c.models.test_selection({"minInputTokens": 10}, show_all=True),
        ("POST", "/api/models/select", {"requirements": {"minInputTokens": 10}, "showAll": True}),
        ("GET", "/modelAdmin.testSelection", {"requirements": {"minInputTokens": 10}, "showAll": True}),
    ),
    "fallback": (
        lambda c: c.models.list_fallback(),
        ("GET", "/api/models/fallback", None),
        ("GET", "/modelAdmin.getFallbackModels", None),
    ),
    "public": (
        lambda c: c.auth.public(),
        ("GET", "/api/auth/public", None),
        ("GET", "/auth.public", None),
    ),
    "protected": (
        lambda c: c.auth.protected(),
        ("GET", "/api/auth/protected", None),
        ("GET", "/auth.protected", None),
    ),
    "whoami": (
        lambda c: c.auth.whoami(),
        ("GET", "/api/auth/whoami", None),
        ("GET", "/auth.whoami", None),
    ),
}


@pytest.mark.parametrize("made", CALLS.values(), ids=CALLS)
def test_a_call_goes_where_the_contract_says(
    server: ScriptedServer, either: Artificer, wire: str, made: Made
) -> None:
    call, rest, trpc = made
    server.will_answer(refused(wire, 404, "not_found", "No such thing"))
    with pytest.raises(NotFoundError):
        call(either)
    assert asked_by(wire, server.asked[0]) == (rest if wire == "rest" else trpc)


def test_an_export_gives_its_text(server: ScriptedServer, either: Artificer, wire: str) -> None:
    metadata = {"conversationId": "c", "totalMessages": 2, "totalCost": 0.5, "exportDate": MOMENT}
    datas: list[Any] = [{"content": "# Hi"}, "<html>", {"files": {"hi.md": "# Hi"}}, {"data": [{"a": 1}]}]
    for data in datas:
        server.will_answer(reply(wire, {"format": "f", "data": data, "metadata": metadata}))
    found = [either.export.conversation("c", "markdown") for _ in datas]
    assert [one.text for one in found] == ["# Hi", "<html>", None, None]
    assert [one.data for one in found] == datas
    assert (found[0].metadata.total_messages, found[0].metadata.total_cost) == (2, 0.5)


def test_formats_are_listed_as_the_engine_offers_them(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    formats = [{"id": "markdown", "name": "Markdown", "extensions": [".md"]}, {"id": "roam"}]
    server.will_answer(reply(wire, formats, {"formats": formats}))
    assert [(one.id, one.extensions) for one in either.export.list_formats()] == [
        ("markdown", [".md"]),
        ("roam", []),
    ]


def test_a_format_that_only_a_newer_engine_offers_is_sent(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    server.will_answer(reply(wire, {"format": "roam", "data": {"content": "[]"}}))
    assert either.export.all("roam").format == "roam"
    server.will_answer(refused(wire, 400, "invalid", "format: markdown, html"))
    with pytest.raises(InvalidRequestError, match="format: markdown, html"):
        either.export.conversation("c", "papyrus")


@pytest.mark.parametrize("given", ["", " \t"])
def test_an_empty_format_is_refused_before_anything_is_sent(
    server: ScriptedServer, either: Artificer, given: str
) -> None:
    with pytest.raises(ConfigurationError, match="format: is empty"):
        either.export.all(given)
    with pytest.raises(ConfigurationError, match="format: is empty"):
        either.export.conversation("c", given)
    with pytest.raises(ConfigurationError, match="is no id"):
        either.export.conversation("", "html")
    assert server.asked == []


def test_usage_is_counted(server: ScriptedServer, either: Artificer, wire: str) -> None:
    server.will_answer(
        reply(wire, {"conversationCount": 3, "messageCount": 12, "totalTokens": 93, "totalCost": None}),
        reply(wire, {"totalMessages": 12, "byRole": [{"role": "user", "count": 6, "percentage": 50}]}),
    )
    stats, spread = either.usage.get_session_stats(), either.usage.get_model_usage()
    assert (stats.conversation_count, stats.total_tokens, stats.total_cost) == (3, 93, None)
    assert [(one.role, one.percentage) for one in spread.by_role] == [("user", 50)]


def test_what_cannot_be_told_of_the_models_is_an_answer_with_an_error(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    whole = {"usage": [{"model": "m", "calls": 2}], "health": [HEALTH], "capabilities": {"m": ABLE}}
    server.will_answer(
        reply(wire, whole), *(reply(wire, {"error": "the registry is away"}) for _ in range(4))
    )
    found = either.monitoring.get_models()
    assert (found.usage[0].calls, found.health[0].is_healthy, found.error) == (2, True, None)
    assert found.capabilities["m"].cost_per_1k_tokens == 0.0002
    for told in (
        either.monitoring.get_models(),
        either.monitoring.get_usage(),
        either.monitoring.get_health(),
        either.monitoring.get_capabilities(),
    ):
        assert told.error == "the registry is away"


def test_a_model_that_a_deployed_engine_does_not_have_is_unhealthy(
    server: ScriptedServer, trpc: Artificer
) -> None:
    never = {"model": "no/such", "isHealthy": False, "responseTime": 0, "lastChecked": "1970-01-01T00:00:00Z"}
    server.will_answer(answer({"health": {**never, "error": "No health check performed"}}))
    found = trpc.monitoring.check_model("no/such")
    assert (found.health.is_healthy, found.health.error) == (False, "No health check performed")
    assert found.health.last_checked is not None
    assert found.health.last_checked.year == 1970


def test_a_conversation_with_a_model_that_does_not_exist_is_refused_in_the_words_of_the_engine(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    words = "model: 'no/such' is not known here"
    server.will_answer(refused(wire, 422 if wire == "rest" else 400, "invalid", words))
    with pytest.raises(InvalidRequestError, match=words):
        either.conversations.create(model="no/such")


def test_models_are_listed(server: ScriptedServer, either: Artificer, wire: str) -> None:
    server.will_answer(*[reply(wire, [MODEL], {"success": True, "models": [MODEL], "total": 1})] * 2)
    for found in (either.models.list(limit=1), either.models.list_fallback()):
        assert [(one.id, one.context_length, one.output_cost) for one in found] == [
            ("openai/gpt-4o-mini", 128000, None)
        ]
    for limit in (0, 101):
        with pytest.raises(ConfigurationError, match=f"limit: is {limit}, and must be 1 to 100"):
            either.models.list(limit=limit)


def test_a_model_is_chosen_or_all_that_fit_are_listed_or_none_fits(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    chosen = {**MODEL, "score": 0.67, "reason": "best"}
    said: list[dict[str, Any]] = [
        {"selected": chosen},
        {"matchCount": 1, "matches": [chosen]},
        {"message": "No models matched the requirements"},
    ]
    for one in said:
        server.will_answer(reply(wire, one, {"success": "message" not in one, **one}))
    best, fitting, none = (either.models.test_selection({"preferSpeed": True}) for _ in said)
    assert best.selected is not None
    assert (best.selected.id, best.selected.score, best.matches) == ("openai/gpt-4o-mini", 0.67, [])
    assert (fitting.selected, fitting.match_count, len(fitting.matches)) == (None, 1, 1)
    assert (none.selected, none.matches, none.message) == (None, [], "No models matched the requirements")


def test_a_no_to_another_question_is_a_failure(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(answer({"success": False, "message": "no models"}))
    with pytest.raises(ServerError, match="listing models: no models"):
        trpc.models.list()


def test_models_are_refreshed_and_not_again_within_five_minutes(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    fresh = {"modelCount": 6, "timestamp": MOMENT, "message": "6 models"}
    words = "Please wait 300s before refreshing again"
    server.will_answer(
        reply(wire, fresh, {"success": True, **fresh}),
        refused(wire, 429 if wire == "rest" else 500, "rate_limited", words),
    )
    assert either.models.refresh().model_count == 6
    with pytest.raises(RateLimitError, match=words) as caught:
        either.models.refresh()
    assert (caught.value.retry_after, len(server.asked)) == (300, 2)


def test_a_cache_is_told_of(server: ScriptedServer, either: Artificer, wire: str) -> None:
    there = {"cached": True, "modelCount": 6, "lastUpdated": MOMENT, "ageHours": 0.5, "ttlHours": 24}
    server.will_answer(reply(wire, {"cached": False, "message": "No cache available"}), reply(wire, there))
    none, some = either.models.get_cache_status(), either.models.get_cache_status()
    assert (none.cached, none.message, none.model_count) == (False, "No cache available", None)
    assert (some.cached, some.age_hours, some.ttl_hours) == (True, 0.5, 24)


def test_a_caller_learns_whose_key_it_is(server: ScriptedServer, either: Artificer, wire: str) -> None:
    user = {"id": "u", "email": "a@example.com", "name": "A", "createdAt": MOMENT}
    server.will_answer(
        reply(wire, {"message": "hello", "timestamp": MOMENT}),
        reply(wire, {"userId": "u", "keyId": "k", "scopes": None, "clientIp": "127.0.0.1"}),
        reply(wire, {"user": user, "keyId": "k", "scopes": ["*"]}),
        refused(wire, 401, "unauthorized", "API key required."),
    )
    assert either.auth.public().message == "hello"
    assert (either.auth.protected().scopes, server.asked[1].headers["authorization"]) == ([], "Bearer k")
    found = either.auth.whoami()
    assert (found.user.email, found.key_id, found.scopes) == ("a@example.com", "k", ["*"])
    with pytest.raises(AuthenticationError, match=r"checking the API key: API key required"):
        either.auth.protected()


async def test_the_async_client_does_the_same(server: ScriptedServer, wire: str) -> None:
    server.will_answer(
        reply(wire, {"format": "html", "data": "<p>"}),
        reply(wire, {"conversationCount": 1, "messageCount": 2}),
        reply(wire, {"usage": None, "health": [HEALTH]}),
        reply(wire, {"message": "none"}, {"success": False, "message": "none"}),
        reply(wire, {"message": "hello"}),
    )
    async with AsyncArtificer(base_url=server.url, dialect=wire) as client:
        assert (await client.export.all("html")).text == "<p>"
        assert (await client.usage.get_session_stats()).message_count == 2
        assert (await client.monitoring.get_models()).usage == []
        assert (await client.models.test_selection({})).selected is None
        assert (await client.auth.public()).message == "hello"
