"""What every request passes: host, method, path; and the page that shows the contract."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.engine import Engine


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:3001", "127.0.0.1:9", "127.8.8.8", "[::1]", "[::1]:3001"]
)
def test_an_engine_without_a_key_answers_to_the_names_of_this_machine(engine: Engine, host: str) -> None:
    assert engine.http.get("/api/batch", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:3001", "localhost.evil.example", "127.0.0.1.evil.example"),
        *("10.0.0.1", "[::2]", "[::1]evil", "localhost:80:80", "x@localhost", ""),
    ],
)
def test_an_engine_without_a_key_answers_to_no_other_name(engine: Engine, host: str) -> None:
    for path in ("/health", "/api/batch", "/docs", "/nowhere"):
        reply = engine.http.get(path, headers={"Host": host})
        assert reply.status_code == 403
        error = reply.json()["error"]
        assert error["code"] == "forbidden_host"
        assert repr(host) in error["message"]
        assert "ARTIFICER_ENGINE_API_KEY" in error["message"]


def test_a_wrong_method_is_answered_with_the_right_ones(engine: Engine) -> None:
    for path, allowed in (
        ("/api/batch", "GET, HEAD, POST"),
        ("/api/batch/x", "DELETE, GET, HEAD"),
        ("/api/batch/cleanup", "POST"),
        ("/api/images/check-pdf-needs-ocr", "GET, HEAD, POST"),
        ("/health", "GET, HEAD"),
    ):
        reply = engine.http.put(path)
        assert (reply.status_code, reply.headers["Allow"]) == (405, allowed)
        assert reply.json()["error"]["code"] == "method_not_allowed"
        assert allowed in reply.json()["error"]["message"]


def test_an_unknown_path_is_told_where_the_known_ones_stand(engine: Engine) -> None:
    for path in ("/", "/api", "/api/batch/", "/api/nothing", "/docs/../engine", "/docs/nothing.js"):
        reply = engine.http.get(path)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
        assert "/openapi.json" in reply.json()["error"]["message"]


def test_head_says_what_get_would_without_the_body(engine: Engine) -> None:
    for path in ("/health", "/api/batch", "/api/batch/nobody"):
        got, head = engine.http.get(path), engine.http.head(path)
        assert head.status_code == got.status_code
        assert head.content == b""
        for name in ("Content-Type", "X-Total-Count", "X-Next-Cursor"):
            assert head.headers.get(name) == got.headers.get(name)


def test_the_page_of_the_contract_needs_nothing_from_elsewhere(engine: Engine) -> None:
    page = engine.http.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in page.text
    parts = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(parts) == 3
    for part in parts:
        reply = engine.http.get(part).raise_for_status()
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.text
    assert '"/openapi.json"' in engine.http.get("/docs/show.js").text


def test_the_page_can_show_openapi_3_1(engine: Engine) -> None:
    # Swagger UI before 5.0 refuses such a document, and does so in the browser only.
    assert engine.http.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert "isOAS31" in engine.http.get("/docs/swagger-ui-bundle.js").text
