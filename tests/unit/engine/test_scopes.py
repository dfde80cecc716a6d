"""Every way in has its scope: what somebody adds and forgets here fails a test, and is closed meanwhile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import openapi
import pytest

from artificer_provider.engine.scopes import (
    EVERYTHING,
    NOUNS,
    is_allowed,
    is_scope,
    scope_needed,
    scope_of_procedure,
)
from artificer_provider.engine.trpc.dialect import procedures
from artificer_provider.engine.trpc.paths import ROUTERS
from artificer_provider.engine.trpc.procedures import Kind

if TYPE_CHECKING:
    from artificer_provider.engine.trpc.procedures import Rooms

OPEN = {"getHealth", "greet"}
#: What is a POST or a mutation, and changes nothing.
LOOKING_POSTS = {"checkPdfNeedsOcr", "selectModel", "searchDocuments", "searchProject"}
SCOPE = re.compile(rf"({'|'.join(NOUNS)}):(read|write)")


def test_every_operation_of_the_document_has_a_scope() -> None:
    seen: set[str] = set()
    for path, operations in openapi.make()["paths"].items():
        for method, operation in operations.items():
            name, needed = operation["operationId"], scope_needed(method.upper(), path)
            seen.add(name)
            if name in OPEN:
                assert needed is None
                continue
            assert needed is not None, name
            assert SCOPE.fullmatch(needed), f"{method} {path} needs {needed}: give it a noun in scopes.py"
            looks = method == "get" or name in LOOKING_POSTS
            assert needed.endswith("read") is looks, name
    assert {"createBatchJob", "whoami", *OPEN} <= seen


def test_every_procedure_has_a_scope() -> None:
    for name, procedure in procedures(cast("Rooms", _Nothing())).items():
        needed = scope_of_procedure(name, is_query=procedure.kind is Kind.QUERY)
        assert SCOPE.fullmatch(needed), f"{name} needs {needed}: give it a noun in scopes.py"
        looks = procedure.kind is Kind.QUERY or name == "search.searchDocuments"
        assert needed.endswith("read") is looks, name


class _Nothing:
    """Stands for the parts of an engine, which no procedure asks before it is called."""

    def __getattr__(self, name: str) -> _Nothing:
        return self


def test_every_router_has_a_noun() -> None:
    assert {scope_of_procedure(f"{router}.x", is_query=True).partition(":")[0] for router in ROUTERS} == set(
        NOUNS
    )


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/api/batch", "batch:read"),
        ("HEAD", "/api/batch/j", "batch:read"),
        ("POST", "/api/batch/j/start", "batch:write"),
        ("DELETE", "/api/batch/j", "batch:write"),
        ("POST", "/api/images/check-pdf-needs-ocr", "images:read"),
        ("POST", "/api/images/extract-text", "images:write"),
        ("POST", "/api/chat/send", "chat:write"),
        ("POST", "/api/stream/chat", "chat:write"),
        ("POST", "/api/stream/orchestration", "orchestration:write"),
        ("GET", "/api/conversations/c/messages", "messages:read"),
        ("POST", "/api/conversations/c/messages", "messages:write"),
        ("PATCH", "/api/messages/m", "messages:write"),
        ("POST", "/api/conversations/c/title", "conversations:write"),
        ("GET", "/api/projects/p/documents", "projects:read"),
        ("GET", "/api/documents/d", "projects:read"),
        ("DELETE", "/api/documents/d", "projects:write"),
        ("POST", "/api/projects/p/search", "projects:read"),
        ("POST", "/api/search/documents", "search:read"),
        ("POST", "/api/search/reindex", "search:write"),
        ("GET", "/api/export/conversations", "export:read"),
        ("POST", "/api/models/select", "models:read"),
        ("POST", "/api/models/refresh", "models:write"),
        ("POST", "/api/monitoring/check", "monitoring:write"),
        ("GET", "/api/auth/whoami", "auth:read"),
        ("GET", "/api/auth/public", None),
        ("GET", "/health", None),
        ("GET", "/api/health", None),
        ("GET", "/docs/show.js", None),
        ("GET", "/openapi.json", None),
        ("GET", "/metrics", EVERYTHING),
        ("GET", "/api", EVERYTHING),
        ("GET", "/api/forgotten", EVERYTHING),
        ("GET", "/x/api/batch", EVERYTHING),
        ("GET", "/health/x", EVERYTHING),
        ("GET", "//api/batch", EVERYTHING),
    ],
)
def test_a_path_needs_the_scope_of_its_noun(method: str, path: str, needed: str | None) -> None:
    assert scope_needed(method, path) == needed


@pytest.mark.parametrize(
    ("needed", "held", "allowed"),
    [
        ("batch:read", ["batch:read"], True),
        ("batch:read", ["batch"], True),
        ("batch:write", ["batch"], True),
        ("batch:write", ["images", "*"], True),
        ("batch:write", ["batch:read"], False),
        ("batch:read", ["batch:write"], False),
        ("batch:read", [], False),
        ("images:read", ["batch", "chat"], False),
        ("auth:read", [], True),
        (EVERYTHING, list(NOUNS), False),
        (EVERYTHING, ["*"], True),
    ],
)
def test_scopes_allow_what_they_name_and_no_more(needed: str, held: list[str], allowed: bool) -> None:  # noqa: FBT001 - a table
    assert is_allowed(needed, held) is allowed


def test_a_word_that_is_no_scope_is_found_before_a_key_is_made_with_it() -> None:
    assert all(map(is_scope, ["*", "batch", "batch:read", "projects:write"]))
    assert not any(
        map(is_scope, ["", "jobs", "batch:", "batch:all", "batch:read:x", "*:read", "BATCH", "documents"])
    )
