"""Replies that no engine sends, arguments that no wire carries: an error of ours each, and nothing else."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.scripted_server import Reply, ScriptedServer
from support.wire import JOB, job

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    ConfigurationError,
    ReplyError,
    StatusError,
)
from artificer_provider.client.resources.health import health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEEP = b"[" * 100_000
HTML = b"<html><body>Welcome</body></html>"
BODIES = {
    "html": HTML,
    "empty": b"",
    "cut": b'{"id": "j1", "na',
    "deep list": DEEP,
    "deep object": b'{"a":' * 100_000,
    "deep answer": b'{"result":{"data":{"json":' + DEEP,
    "deep meta": b'{"result":{"data":{"json":{},"meta":{"values":' + b'{"a":' * 500 + b"1" + b"}" * 504,
    "no utf-8": b'{"id": "\xff\xfe"}',
    "half a character": b'{"id": "\\ud800", "name": "n", "status": "RUNNING", "totalItems": 1}',
    "a number without end": b'{"totalItems": ' + b"9" * 10_000 + b"}",
    "another type": b'{"id": ["j1"], "name": {}, "status": 7, "totalItems": "many"}',
    "a list": b"[1, 2, 3]",
    "null": b"null",
    "nan": b"NaN",
    "an answer of another type": b'{"result":{"data":{"json":[1]}}}',
    "no data": b'{"result":{"data":7}}',
    "a list for a result": b'{"result":[]}',
    "no status": b'{"result":{"data":{"json":{"success":true}}}}',
    "a progress of another type": b'{"result":{"data":{"json":{"status":{"progress":[1],"analytics":"x"}}}}}',
    "times out of the calendar": json.dumps(
        {**JOB, "createdAt": "9999-12-31T23:59:59.999999-23:59", "startedAt": "0001-01-01T00:00:00+23:59"}
    ).encode()[:-1],
}
CALLS: dict[str, Callable[[Artificer], object]] = {
    "get": lambda client: client.batch.get("j1"),
    "list": lambda client: client.batch.list(),
    "results": lambda client: client.batch.get_results("j1"),
    "rows": lambda client: list(client.batch.iter_results("j1")),
    "analytics": lambda client: client.batch.get_analytics("j1"),
    "pdf": lambda client: client.images.process_pdf(b"%PDF-", local="never"),
    "check": lambda client: client.images.check_pdf_needs_ocr(b"%" * 20_000),
    "answers": lambda client: client.orchestration.process_text("t", [{"name": "p"}]),
    "health": lambda client: client.health(),
}


@pytest.fixture(scope="module")
def hostile() -> Iterator[ScriptedServer]:
    script = ScriptedServer()
    yield script
    script.close()


@pytest.fixture(scope="module", params=["rest", "trpc"])
def victim(hostile: ScriptedServer, request: pytest.FixtureRequest) -> Iterator[Artificer]:
    with Artificer("k", hostile.url, dialect=request.param, retries=0, rate_budget=1_000_000) as client:
        yield client


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_reply_that_is_none_of_the_api_is_our_error(
    hostile: ScriptedServer, victim: Artificer, body: bytes
) -> None:
    hostile.forget()
    for status, (name, call) in product((200, 404, 500), CALLS.items()):
        hostile.will_answer(Reply(status, raw=body))
        error = outcome(partial(call, victim))
        if error is None:
            assert status == 200, name
            continue
        assert isinstance(error, StatusError if status != 200 else ReplyError), name
        assert len(str(error)) < 5000
        assert error.__cause__ is None


def outcome(call: Callable[[], object]) -> ArtificerError | None:
    try:
        call()
    except ArtificerError as error:
        return error
    return None


NAMES = (
    "result data json meta values status results jobs error message id items progress createdAt metadata "
    "input details code text pages summary decisions chainResults analytics"
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.datetimes().map(str)
)
ANY_JSON = st.recursive(
    LEAVES,
    lambda value: (
        st.lists(value, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), value, max_size=5)
    ),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_json_whatsoever_brings_an_error_that_is_not_ours(
    hostile: ScriptedServer, victim: Artificer, data: st.DataObject
) -> None:
    said = data.draw(ANY_JSON)
    answer, error = {"result": {"data": {"json": said}}}, {"error": {"json": said}}
    hostile.forget()
    status, body = data.draw(st.sampled_from([200, 400, 429, 500])), st.sampled_from([said, answer, error])
    hostile.will_answer(Reply(status, data.draw(body)))
    call = data.draw(st.sampled_from(list(CALLS.values())))
    found = outcome(lambda: call(victim))
    assert found is not None or status == 200


@pytest.mark.parametrize(
    "bare",
    [
        b"",
        b"\x00\x01\x02 no http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 999999 NO\r\n\r\n",
    ],
    ids=["nothing", "garbage", "cut", "chunks", "two lengths", "long header", "status"],
)
def test_what_is_no_http_is_a_connection_error(
    hostile: ScriptedServer, victim: Artificer, bare: bytes
) -> None:
    hostile.forget()
    hostile.will_answer(Reply(bare=bare))
    with pytest.raises(ArtificerConnectionError, match="looking up job j1: the engine at http") as caught:
        victim.batch.get("j1")
    assert caught.value.sent
    assert caught.value.job_id == "j1"


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip", "compress"])
def test_a_coding_that_was_not_asked_for_is_not_unpacked(
    hostile: ScriptedServer, victim: Artificer, coding: str
) -> None:
    hostile.forget()
    hostile.will_answer(Reply(raw=zlib.compress(b"{}"), headers={"Content-Encoding": coding}))
    with pytest.raises(ReplyError, match="encoded in a way that was not asked for"):
        victim.batch.get("j1")
    assert hostile.asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "identity"])
def test_what_was_asked_for_is_unpacked(server: ScriptedServer, client: Artificer, coding: str) -> None:
    plain = json.dumps({**JOB, "status": "RUNNING"}).encode()
    packed = plain if coding == "identity" else gzip.compress(plain)
    server.will_answer(Reply(raw=packed, headers={"Content-Encoding": coding}))
    assert client.batch.get("j1").status == "RUNNING"


def test_a_gzip_that_is_none_is_our_error(hostile: ScriptedServer, victim: Artificer) -> None:
    hostile.forget()
    hostile.will_answer(Reply(raw=b"no gzip at all", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(ReplyError, match="not the gzip that it says it is"):
        victim.batch.get("j1")


async def test_a_reply_that_is_too_large_is_cut_off_by_either_client(
    server: ScriptedServer, client: Artificer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client._transport.MAX_REPLY_BYTES", 2**20)
    server.otherwise = lambda _: Reply(pieces=[b" " * 2**19] * 3)
    with pytest.raises(ReplyError, match="over 1 MiB and was cut off"):
        client.batch.get("j1")
    async with AsyncArtificer(base_url=server.url, dialect="rest") as other:
        with pytest.raises(ReplyError, match="over 1 MiB and was cut off"):
            await other.batch.get("j1")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_does_not_follow_a_redirect(server: ScriptedServer, client: Artificer, status: int) -> None:
    elsewhere = ScriptedServer()
    try:
        server.otherwise = lambda _: Reply(status, headers={"Location": f"{elsewhere.url}/api/batch/j1"})
        for call in (client.batch.get, client.batch.cancel):
            with pytest.raises(StatusError, match=f"HTTP {status}"):
                call("j1")
        with pytest.raises(StatusError, match=f"HTTP {status}"):
            list(client.batch.iter_results("j1"))
        assert elsewhere.asked == []
        assert len(server.asked) == 3
    finally:
        elsewhere.close()


def test_a_redirect_of_the_own_http_client_is_not_followed_either(server: ScriptedServer) -> None:
    import httpx

    server.otherwise = lambda _: Reply(302, headers={"Location": server.url + "/elsewhere"})
    with (
        httpx.Client(follow_redirects=True) as own,
        Artificer("k", server.url, dialect="rest", http_client=own) as client,
        pytest.raises(StatusError, match="HTTP 302"),
    ):
        client.batch.get("j1")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("job_id", "path"),
    [
        ("../../x", "/api/batch/..%2F..%2Fx"),
        ("a/b?c#d", "/api/batch/a%2Fb%3Fc%23d"),
        ("%2e%2e", "/api/batch/%252e%252e"),
        ("...", "/api/batch/..."),
        ("a\r\nX-Evil: 1", "/api/batch/a%0D%0AX-Evil%3A%201"),
        ("a\0b", "/api/batch/a%00b"),
        ("ü", "/api/batch/%C3%BC"),
        ("http://evil/", "/api/batch/http%3A%2F%2Fevil%2F"),
        (" ", "/api/batch/%20"),
    ],
)
def test_a_job_id_stays_in_its_place(
    server: ScriptedServer, client: Artificer, job_id: str, path: str
) -> None:
    server.will_answer(job("RUNNING"), Reply(body=[]), Reply(204, raw=b""))
    client.batch.get(job_id)
    assert list(client.batch.iter_results(job_id)) == []
    client.batch.delete(job_id)
    assert server.paths == [path, f"{path}/results?offset=0", path]


@pytest.mark.parametrize("job_id", ["", ".", "..", "\ud800", "a\udfff"])
def test_what_is_no_job_id_is_refused(hostile: ScriptedServer, victim: Artificer, job_id: str) -> None:
    hostile.forget()
    batch = victim.batch
    for call in (batch.get, batch.start, batch.pause, batch.delete, batch.get_results, batch.get_analytics):
        with pytest.raises(ConfigurationError, match="is no id"):
            call(job_id)
    with pytest.raises(ConfigurationError, match="is no id"):
        batch.wait(job_id, timeout=1)
    assert hostile.asked == []


HALF = "half \ud800 a character"
REFUSED: dict[str, Callable[[Artificer], object]] = {
    "name": lambda c: c.batch.create(HALF, [{"input": "x"}], [{"name": "p"}]),
    "input": lambda c: c.batch.create("n", [{"input": HALF}], [{"name": "p"}]),
    "metadata": lambda c: c.batch.create("n", [{"input": "x", "metadata": {"k": [HALF]}}], [{"name": "p"}]),
    "metadata key": lambda c: c.batch.create("n", [{"input": "x", "metadata": {HALF: 1}}], [{"name": "p"}]),
    "project": lambda c: c.batch.list(project_id=HALF),
    "text": lambda c: c.orchestration.process_text(HALF, [{"name": "p"}]),
    "prompt": lambda c: c.images.analyze_image(b"\xff\xd8\xff", prompt=HALF),
    "conversation": lambda c: c.orchestration.get_analytics(conversation_id=HALF),
    "nan": lambda c: c.batch.create("n", [{"input": "x", "metadata": {"k": math.nan}}], [{"name": "p"}]),
    "inf": lambda c: c.batch.create("n", [{"input": "x", "metadata": {"k": [-math.inf]}}], [{"name": "p"}]),
    "temperature": lambda c: c.orchestration.process_text("t", [{"name": "p", "temperature": math.nan}]),
    "score": lambda c: c.batch.create(
        "n", [{"input": "x"}], [{"name": "p", "validation": {"enabled": True, "min_score": math.nan}}]
    ),
    "threshold": lambda c: c.images.process_pdf(b"%PDF-", {"min_text_threshold": math.inf}, local="never"),
    "check": lambda c: c.images.check_pdf_needs_ocr(b"%PDF-", math.nan),
    "deep": lambda c: c.batch.create("n", [{"input": "x", "metadata": nested(5000)}], [{"name": "p"}]),
    "endless": lambda c: c.batch.create("n", [{"input": "x", "metadata": endless()}], [{"name": "p"}]),
    "bytes": lambda c: c.batch.create("n", [{"input": "x", "metadata": {"k": b"x"}}], [{"name": "p"}]),
    "long url": lambda c: c.batch.list(project_id="p" * 70_000),
    "no items": lambda c: c.batch.create("n", [], [{"name": "p"}]),
    "no image": lambda c: c.images.extract_text_from_image(b""),
    "no file": lambda c: c.images.process_pdf("/nowhere/at/all.pdf", local="never"),
}


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


def endless() -> dict[str, Any]:
    found: dict[str, Any] = {}
    found["a"] = found
    return found


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED.keys())
def test_what_no_wire_carries_is_refused_before_it_is_sent(
    hostile: ScriptedServer, victim: Artificer, call: Callable[[Artificer], object]
) -> None:
    hostile.forget()
    with pytest.raises(ConfigurationError):
        call(victim)
    assert hostile.asked == []


@pytest.mark.parametrize("key", ["a\r\nX-Evil: 1", "a\nb", "a\0", "ü", "", " ", "\x7f", "\ud800"])
def test_an_idempotency_key_that_no_header_carries_is_refused(
    server: ScriptedServer, client: Artificer, key: str
) -> None:
    with pytest.raises(ConfigurationError, match="idempotency_key"):
        client.batch.create("n", [{"input": "x"}], [{"name": "p"}], idempotency_key=key)
    assert server.asked == []


@pytest.mark.parametrize("key", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "schlüssel", "\ud800"])
def test_an_api_key_that_no_header_carries_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="API key") as caught:
        Artificer(key)
    assert key not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=20), st.text(max_size=20).map(lambda text: f"http://{text}")))
def test_no_base_url_whatsoever_brings_an_error_that_is_not_ours(url: str) -> None:
    try:
        client = Artificer(base_url=url or "http://", dialect="rest", retries=0)
    except ConfigurationError:
        return

    def send() -> None:
        dialect = client._line.dialect
        assert dialect is not None
        client._call(health(), dialect.encode(health()), client._begin()).arguments()

    assert isinstance(outcome(send), ConfigurationError | None)


async def test_the_async_client_says_the_same(server: ScriptedServer) -> None:
    async with AsyncArtificer("k", server.url, dialect="rest", retries=0) as client:
        for reply, kind in (
            (Reply(raw=HTML), ReplyError),
            (Reply(raw=b"{}", headers={"Content-Encoding": "br"}), ReplyError),
            (Reply(bare=b"garbage\r\n\r\n"), ArtificerConnectionError),
            (Reply(302, headers={"Location": "http://127.0.0.1:9/"}), StatusError),
            (Reply(404, raw=DEEP), StatusError),
        ):
            server.will_answer(reply)
            with pytest.raises(kind):
                await client.batch.get("j1")
        with pytest.raises(ConfigurationError):
            await client.batch.list(project_id="p" * 70_000)
        with pytest.raises(ConfigurationError):
            await client.batch.get("..")
