"""What a browser or a stranger is shown by an engine, whatever is asked, has neither of its keys in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.engine import running_engine
from support.keys import give_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from support.engine import Engine

KEY = "sk_Zq7vXw9K" + "0f3d" * 14
#: The key of the server whose models the engine asks.
KEY_OF_THE_MODELS = "sk_models_" + "9b1c" * 8

PAGES = ("/", "/docs", "/docs/show.js", "/openapi.json", "/health", "/favicon.ico", "/redoc", "/metrics")
#: Each ends with a refusal, or an error.
WRONG: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("GET", "/no/such/page", {}),
    ("GET", "/docs/../../etc/passwd", {}),
    ("PATCH", "/api/batch", {}),
    ("POST", "/api/batch", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
    ("POST", "/api/batch", {"json": {"name": KEY, "items": KEY}}),
    ("POST", "/api/batch", {"content": b"<a/>", "headers": {"Content-Type": "application/xml"}}),
    ("GET", f"/api/batch/{KEY}", {}),
    ("GET", "/api/batch", {"params": {"limit": "many", "api_key": "nobody's"}}),
    ("GET", "/api/trpc/batch.listJobs?input=%7B", {}),
    ("POST", "/api/trpc/no.such", {"json": {}}),
    ("GET", "/batch.getJob?input=" + "%22" * 9_000, {}),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    settings = {
        "ARTIFICER_ENGINE_API_KEY": KEY,
        "ARTIFICER_ENGINE_LLM_URL": "http://127.0.0.1:9/v1",
        "ARTIFICER_ENGINE_LLM_MODEL": "small",
        "ARTIFICER_ENGINE_LLM_KEY": KEY_OF_THE_MODELS,
    }
    with running_engine(tmp_path_factory.mktemp("pages") / "data", settings) as engine:
        yield engine


def shows_none(reply: httpx.Response, *keys: str) -> bool:
    said = reply.text + str(reply.headers)
    return not any(key in said for key in keys)


@pytest.mark.parametrize("with_key", [True, False])
def test_no_page_and_no_refusal_shows_a_key(engine: Engine, *, with_key: bool) -> None:
    http = engine.client(**({"Authorization": f"Bearer {KEY}"} if with_key else {}))
    told = [(path, http.get(path)) for path in PAGES]
    told += [(f"{method} {path[:60]}", http.request(method, path, **more)) for method, path, more in WRONG]  # type: ignore[arg-type] # each is of its type
    assert {200, 404, 422} <= {reply.status_code for _, reply in told} or not with_key
    for where, reply in told:
        assert shows_none(reply, KEY, KEY_OF_THE_MODELS), where
        if "html" in reply.headers.get("content-type", ""):
            assert "default-src" in reply.headers["content-security-policy"], where
            assert reply.headers["x-content-type-options"] == "nosniff", where
    assert not any(key in engine.log.read_text() for key in (KEY, KEY_OF_THE_MODELS))


def test_what_is_told_of_models_and_keys_shows_none(engine: Engine) -> None:
    http = engine.client(Authorization=f"Bearer {KEY}")
    other = give_key(engine, owner="other")
    job = http.post(
        "/api/batch",
        json={"name": "n", "items": [{"input": "x"}], "phases": [{"name": "p", "taskType": "summarize"}]},
    ).raise_for_status()
    paths = ["/api/models", "/api/monitoring/health", "/api/auth", "/api/auth/protected", "/api/usage"]
    paths += [f"/api/batch/{job.json()['id']}", f"/api/batch/{job.json()['id']}/results"]
    for path in paths:
        for who in (http, other.http):
            assert shows_none(who.get(path), KEY, KEY_OF_THE_MODELS, other.secret), path


def test_a_page_with_a_script_in_its_address_is_no_page_with_that_script(engine: Engine) -> None:
    script = "<script>alert(1)</script>"
    for path in (f"/{script}", f"/docs/{script}", f"/api/batch/{script}", f"/docs?x={script}"):
        reply = engine.client().get(path)
        is_page = "html" in reply.headers.get("content-type", "")
        assert not is_page or script not in reply.text, path
