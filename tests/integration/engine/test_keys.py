"""Keys at the gate: who is let in, for what, from where and how often, on every dialect."""

from __future__ import annotations

import base64
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from support.engine import running_engine
from support.keys import give_key, used
from support.trpc import Trpc, error_of
from support.waiting import wait_until

from artificer_provider.engine import keys
from artificer_provider.engine.serve import CannotServeError, read_settings
from artificer_provider.engine.store import DATABASE, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine

NO_KEY = 'API key required. Include "Authorization: Bearer <key>" header.'
JOB = {
    "name": "n",
    "items": [{"input": "A text."}],
    "phases": [{"name": "p", "taskType": "summarize"}],
    "options": {"autoStart": False},
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with a key in its database, and a proxy that it believes."""
    options = ["--trusted-proxy", "127.0.0.2", "--trusted-proxy", "10.0.0.0/8"]
    with running_engine(tmp_path_factory.mktemp("guarded") / "data", arguments=options) as engine:
        give_key(engine)
        yield engine


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_a_running_engine_asks_for_keys_as_soon_as_there_is_one(tmp_path: Path) -> None:
    with running_engine(tmp_path / "data") as engine:
        engine.create(JOB)
        assert engine.http.get("/api/batch", headers={"Host": "engine.example"}).status_code == 403
        holder = give_key(engine)
        assert code(engine.http.get("/api/batch")) == (401, "unauthorized")
        assert error_of(Trpc(engine.http).get("batch.listJobs", {}))["message"] == NO_KEY
        assert engine.http.get("/health").status_code == 200
        # What was made without a key belongs to 'local', as this key does; and a key keeps web pages out.
        listed = holder.http.get("/api/batch", headers={"Host": "engine.example"})
        assert [job["name"] for job in listed.json()] == ["n"]
        assert len(holder.trpc.query("batch.listJobs", {})["jobs"]) == 1


def test_a_key_that_is_over_says_so_to_who_holds_it(guarded: Engine) -> None:
    holder = give_key(guarded, expires_at=datetime.now(UTC) + timedelta(days=1))
    assert holder.http.get("/api/batch").status_code == 200
    with closing(connect(guarded.data / DATABASE)) as database:
        database.execute(
            "UPDATE api_keys SET expires_at = '2026-01-02T03:04:05.000+00:00' WHERE id = ?", (holder.key_id,)
        )
        over = holder.http.get("/api/batch")
        assert code(over) == (401, "expired_key")
        assert "expired at 2026-01-02 03:04 UTC" in over.json()["error"]["message"]
        assert over.headers["WWW-Authenticate"] == "Bearer"
        key = keys.by_id(database, holder.key_id)
        assert key is not None
        keys.revoke(database, key, datetime.now(UTC))
    gone = holder.http.get("/api/batch")
    assert code(gone) == (401, "revoked_key")
    assert holder.key_id in gone.json()["error"]["message"]
    assert holder.secret not in gone.text
    error = error_of(holder.trpc.get("batch.listJobs", {}))
    assert error["data"]["code"] == "UNAUTHORIZED"
    assert error["message"].startswith(NO_KEY)
    assert "revoked" in error["message"]


def test_an_engine_that_misbehaves_asks_for_keys_all_the_same(tmp_path: Path) -> None:
    with running_engine(tmp_path / "data", arguments=["--quirks", "zero_costs"]) as engine:
        holder, reader = give_key(engine), give_key(engine, scopes=("projects:read",))
        assert error_of(Trpc(engine.http).get("batch.listJobs", {}))["message"] == NO_KEY
        assert error_of(reader.trpc.post("batch.createJob", JOB))["data"]["code"] == "FORBIDDEN"
        assert reader.trpc.get("batch.listJobs", {}).status_code == 403
        assert holder.trpc.query("batch.listJobs", {})["jobs"] == []
        assert holder.trpc.status(holder.trpc.create(JOB))["status"] == "PENDING"


def test_nothing_but_the_whole_key_as_a_bearer_lets_anybody_in(guarded: Engine) -> None:
    secret = give_key(guarded).secret
    pair = base64.b64encode(f"user:{secret}".encode()).decode()
    stranger = guarded.client()
    stranger.headers.encoding = "latin-1"
    for authorization in (
        *(f"Bearer {secret[:-1]}", f"Bearer {secret}0", f"Bearer {secret.upper()}", f"Bearer {secret} x"),
        *("Bearer", secret, f"Basic {pair}", f"Token {secret}", "Bearer ' OR 1=1 --", "Bearer é"),
    ):
        stranger.headers["Authorization"] = authorization
        assert code(stranger.get("/api/batch")) == (401, "unauthorized"), authorization
        assert error_of(Trpc(stranger).get("batch.listJobs", {}))["message"] == NO_KEY
    other = guarded.client(**{"X-API-Key": secret}, Cookie=f"key={secret}")
    assert code(other.get("/api/batch")) == (401, "unauthorized")
    assert guarded.client(Authorization=f"bearer   {secret}").get("/api/batch").status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/batch", "/health", "/nowhere", "/batch.listJobs", "/api/trpc/auth.public"]
)
@pytest.mark.parametrize(
    "written",
    ["?api_key={}", "?key={}", "?token=Bearer%20{}", "?a=1&x[]={}", "/{}", "?{}", "?k=%73k%5F{cut}"],
)
def test_a_key_in_a_url_is_refused_and_written_down_nowhere(guarded: Engine, path: str, written: str) -> None:
    holder = give_key(guarded)
    reply = holder.http.get(path + written.format(holder.secret, cut=holder.secret[3:]))
    assert reply.status_code == 400
    message = reply.json()["error"]["json" if "." in path else "message"]
    message = message["message"] if isinstance(message, dict) else message
    assert "logs" in message
    assert "artificer keys rotate" in message
    assert holder.secret[3:] not in reply.text
    assert holder.secret[3:] not in guarded.log.read_text()


def test_a_key_as_user_and_password_of_a_url_lets_nobody_in(guarded: Engine) -> None:
    secret = give_key(guarded).secret
    for user in (f"{secret}:", f"me:{secret}"):
        reply = httpx.get(guarded.url.replace("://", f"://{user}@") + "/api/batch", trust_env=False)
        assert code(reply) == (401, "unauthorized")


def test_a_key_as_the_id_of_a_request_is_not_passed_on(guarded: Engine) -> None:
    holder = give_key(guarded)
    reply = holder.http.get("/api/batch", headers={"X-Request-Id": holder.secret})
    assert reply.headers["X-Request-Id"].startswith("req_")


def test_a_key_is_good_from_its_addresses_alone(guarded: Engine) -> None:
    foreign = give_key(guarded, addresses=("192.0.2.0/24", "2001:db8::/32"))
    near = give_key(guarded, addresses=("127.0.0.0/8",))
    assert near.http.get("/api/batch").status_code == 200
    reply = foreign.http.get("/api/batch")
    assert code(reply) == (403, "forbidden_address")
    assert "from 127.0.0.1" in reply.json()["error"]["message"]
    error = error_of(foreign.trpc.get("batch.listJobs", {}))
    assert (error["data"]["code"], error["code"]) == ("FORBIDDEN", -32003)
    assert "127.0.0.1" in error["message"]
    # Whoever calls is no proxy of ours: what he says of himself counts for nothing.
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"):
        assert foreign.http.get("/api/batch", headers={header: "192.0.2.7"}).status_code == 403


def test_what_a_proxy_of_ours_has_seen_counts(guarded: Engine) -> None:
    holder = give_key(guarded, addresses=("192.0.2.0/24", "2001:db8::/32"))
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    headers = {"Authorization": f"Bearer {holder.secret}"}
    with httpx.Client(base_url=guarded.url, headers=headers, transport=transport) as proxy:

        def come(*hops: str) -> httpx.Response:
            return proxy.get("/api/auth/protected", headers=[("X-Forwarded-For", hop) for hop in hops])

        behind = ["192.0.2.7", "[2001:db8::7]:443", "1.1.1.1, 192.0.2.7, 10.1.1.1"]
        for hops in (*([one] for one in behind), ["9.9.9.9", "192.0.2.7"]):
            reply = come(*hops)
            assert reply.status_code == 200, hops
            assert reply.json()["clientIp"] in ("192.0.2.7", "2001:db8::7")
        for hops, seen in (
            (["192.0.2.7, 9.9.9.9"], "9.9.9.9"),
            (["192.0.2.7, ?"], "unknown"),
            ([], "127.0.0.2"),
        ):
            refused = come(*hops)
            assert code(refused) == (403, "forbidden_address")
            assert seen in refused.json()["error"]["message"]
        job = give_key(guarded).http.post("/api/batch", json={**JOB, "items": [{"input": "a"}] * 3}).json()
        page = f"/api/batch/{job['id']}/results?limit=1"
        forwarded = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
        assert proxy.get(page, headers=forwarded).headers["Link"].startswith("<https://")
    assert holder.http.get("/health", headers={"X-Forwarded-Proto": "gopher"}).status_code == 200
    direct = give_key(guarded).http.get(page, headers={"X-Forwarded-Proto": "https"})
    assert direct.headers["Link"].startswith("<http://")


def test_a_key_does_what_its_scopes_allow_and_no_more(guarded: Engine) -> None:
    reader = give_key(guarded, scopes=("batch:read", "images"))
    assert reader.http.get("/api/batch").status_code == 200
    assert reader.http.head("/api/batch").status_code == 200
    refused = reader.http.post("/api/batch", json=JOB)
    assert code(refused) == (403, "missing_scope")
    assert "batch:write" in refused.json()["error"]["message"]
    assert "batch:read, images" in refused.json()["error"]["message"]
    assert code(reader.http.get("/api/orchestration/analytics")) == (403, "missing_scope")
    assert code(reader.http.get("/nowhere")) == (403, "missing_scope")
    assert reader.http.get("/api/auth/whoami").status_code == 200
    assert reader.trpc.query("batch.listJobs", {})["success"]
    error = error_of(reader.trpc.post("batch.createJob", JOB))
    assert error["data"]["code"] == "FORBIDDEN"
    assert "batch:write" in error["message"]
    assert reader.trpc.get("auth.whoami").status_code == 200
    writer = give_key(guarded, scopes=("batch:write",))
    assert writer.http.post("/api/batch", json=JOB).status_code == 200
    assert code(writer.http.get("/api/batch")) == (403, "missing_scope")
    mixed = writer.http.get("/auth.public,batch.listJobs?batch=1")
    assert mixed.status_code == 207
    assert ["error" in one for one in mixed.json()] == [False, True]


def test_a_key_that_is_used_too_often_is_told_when_to_come_again(guarded: Engine) -> None:
    holder = give_key(guarded, calls_a_minute=4, scopes=("batch",))
    first = holder.http.get("/api/batch")
    assert (first.status_code, first.headers["X-RateLimit-Limit"]) == (200, "4")
    assert first.headers["X-RateLimit-Remaining"] == "3"
    resets = datetime.fromisoformat(first.headers["X-RateLimit-Reset"])
    assert timedelta(seconds=50) < resets - datetime.now(UTC) <= timedelta(seconds=60)
    # A batch of calls is as many calls; what is refused for another reason was a call too.
    four = holder.http.get("/batch.listJobs,images.checkPdfNeedsOCR,batch.listJobs,batch.listJobs?batch=1")
    statuses = [one["error"]["json"]["data"]["httpStatus"] for one in four.json()]
    assert statuses == [400, 403, 400, 429]
    assert 55 <= int(four.headers["Retry-After"]) <= 60
    assert four.headers["X-RateLimit-Remaining"] == "0"
    over = holder.http.get("/api/batch")
    assert code(over) == (429, "rate_limited")
    assert 1 <= int(over.headers["Retry-After"]) <= 60
    assert over.headers["X-RateLimit-Remaining"] == "0"
    assert datetime.fromisoformat(over.headers["X-RateLimit-Reset"]) <= resets + timedelta(seconds=1)
    assert holder.http.get("/health").status_code == 200
    assert not {"x-ratelimit-limit", "retry-after"} & give_key(guarded).http.get("/api/batch").headers.keys()


def test_calls_are_counted_by_the_key_and_kept_while_the_engine_runs_and_when_it_ends(tmp_path: Path) -> None:
    with running_engine(tmp_path / "data") as engine:
        holder, quiet = give_key(engine, scopes=("batch",)), give_key(engine)
        for _ in range(3):
            holder.http.get("/api/batch")
        holder.http.get("/api/orchestration/analytics")
        holder.http.get("/batch.listJobs,batch.listJobs?batch=1")
        wait_until(lambda: used(engine.data, holder.key_id) == (6, 1), "the counts are kept")
        holder.http.get("/api/batch")
        engine.end()
        assert used(engine.data, holder.key_id) == (7, 1)
        assert used(engine.data, quiet.key_id) == (0, 0)
        assert "WARNING" not in engine.log.read_text()
        assert holder.secret not in engine.log.read_text()


def test_the_key_of_the_environment_goes_on_beside_those_of_the_database(tmp_path: Path) -> None:
    with running_engine(tmp_path / "data", {"ARTIFICER_ENGINE_API_KEY": "s3cret"}) as engine:
        job = engine.create(JOB)
        local, lab = give_key(engine), give_key(engine, owner="lab")
        assert engine.job(job["id"]) == local.http.get(f"/api/batch/{job['id']}").json()
        assert lab.http.get(f"/api/batch/{job['id']}").status_code == 404
        me = engine.http.get("/api/auth/whoami").json()
        assert me == {"user": {"id": "local"}, "scopes": ["*"]}


def test_a_caller_is_told_who_he_is(guarded: Engine) -> None:
    holder = give_key(guarded, owner="lab", scopes=("batch", "auth"))
    assert holder.http.get("/api/auth/whoami").json() == {
        "user": {"id": "lab"},
        "keyId": holder.key_id,
        "scopes": ["batch", "auth"],
    }
    told = holder.http.get("/api/auth/protected").json()
    assert (told["userId"], told["keyId"], told["clientIp"]) == ("lab", holder.key_id, "127.0.0.1")
    assert datetime.fromisoformat(told["timestamp"]) > datetime.now(UTC) - timedelta(minutes=1)
    shown = holder.trpc.query("auth.whoami")
    assert (shown["user"]["id"], shown["keyId"], shown["scopes"]) == ("lab", holder.key_id, ["batch", "auth"])
    assert holder.trpc.query("auth.protected")["clientIp"] == "127.0.0.1"
    stranger = guarded.client()
    assert stranger.get("/api/auth/public").json()["message"]
    for path in ("/api/auth/protected", "/api/auth/whoami"):
        assert stranger.get(path).status_code == 401


def test_an_engine_without_a_key_takes_everybody_here_for_its_owner(engine: Engine) -> None:
    assert engine.http.get("/api/auth/whoami").json() == {"user": {"id": "local"}, "scopes": []}
    assert engine.http.get("/api/auth/protected").json()["clientIp"] == "127.0.0.1"


def test_other_machines_are_let_near_only_when_there_is_a_key(guarded: Engine, tmp_path: Path) -> None:
    anywhere = "0.0.0.0"  # noqa: S104 - nothing listens in this test
    assert read_settings(anywhere, 0, guarded.data, None, {}).host == anywhere
    with pytest.raises(CannotServeError, match="artificer keys create"):
        read_settings(anywhere, 0, tmp_path / "new", None, {})
    assert not (tmp_path / "new").exists()


def test_a_proxy_that_is_no_network_is_named() -> None:
    for options in ({"proxies": ["proxy.example"]}, {}):
        environment = {} if options else {"ARTIFICER_ENGINE_TRUSTED_PROXIES": "10.0.0.0/8, proxy.example"}
        with pytest.raises(CannotServeError, match="proxy"):
            read_settings("127.0.0.1", 0, None, None, environment, **options)  # type: ignore[arg-type]  # never reached
