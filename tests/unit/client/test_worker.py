"""A worker that is asked for images and PDFs before the engine is."""

from __future__ import annotations

import logging
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Reply, ScriptedServer
from support.wire import answer
from support.wires import KINDS, REST, TRPC, open_client, worker_of

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client._core import Request, Rest
from artificer_provider.client._settings import Address
from artificer_provider.client._worker import PAUSE, WARN_EVERY, Breaker, Worker
from artificer_provider.client.dialects.rest import RestDialect
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerTimeoutError,
    ConfigurationError,
    InvalidRequestError,
    RateLimitError,
    ReplyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n0000"
READING = Request("reading an image", str, Rest("GET", "/"), Rest("GET", "/"), for_worker=True)
CHECKED = {"needsOCR": False, "hasTextContent": True, "pages": 1, "textLength": 4}
READ_BY_WORKER = {"text": "worker", "confidence": 0.9}
READ_BY_ENGINE = {"text": "engine", "confidence": 0.5}


@pytest.fixture
def worker() -> Iterator[ScriptedServer]:
    script = ScriptedServer()
    script.otherwise = lambda _: Reply(body=READ_BY_WORKER)
    yield script
    script.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def both(kind: str, server: ScriptedServer, worker: ScriptedServer) -> Iterator[Artificer]:
    """A client of an engine that answers, and of the worker beside it."""
    server.otherwise = lambda _: Reply(body=READ_BY_ENGINE)
    with open_client(kind, server.url, REST, python_worker_url=worker.url, retries=2) as client:
        yield client


@pytest.fixture
def nobody() -> Iterator[str]:
    """Where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def read(client: Artificer) -> str:
    return client.images.extract_text_from_image(PNG).text


def test_images_and_pdfs_go_to_the_worker_and_all_else_to_the_engine(
    both: Artificer, server: ScriptedServer, worker: ScriptedServer
) -> None:
    metadata = {"pages": 1, "method": "direct", "ocrUsed": False, "hasTextContent": True}
    worker.will_answer(
        Reply(body=READ_BY_WORKER),
        Reply(body={"description": "d", "details": {}}),
        Reply(body={"text": "t", "metadata": metadata}),
        Reply(body=CHECKED),
    )
    assert read(both) == "worker"
    assert both.images.analyze_image(PNG).description == "d"
    assert both.images.process_pdf(b"%PDF-", local="never").text == "t"
    assert both.images.check_pdf_needs_ocr(b"%PDF-").pages == 1
    server.will_answer(Reply(body={"response": "42"}))
    assert both.orchestration.execute("Why?").response == "42"
    paths = ("extract-text", "analyze", "process-pdf", "check-pdf-needs-ocr")
    assert worker.paths == [f"/api/images/{path}" for path in paths]
    assert server.paths == ["/api/orchestration/execute"]
    assert (worker_of(both).calls, worker_of(both).fallbacks, worker_of(both).is_away) == (4, 0, False)


def test_a_worker_speaks_rest_whatever_the_engine_speaks(
    kind: str, server: ScriptedServer, worker: ScriptedServer
) -> None:
    with open_client(kind, server.url, TRPC, python_worker_url=worker.url) as client:
        assert read(client) == "worker"
        worker.otherwise = lambda _: Reply(503)
        server.will_answer(answer(READ_BY_ENGINE))
        assert read(client) == "engine"
    assert worker.paths == ["/api/images/extract-text"] * 2
    assert server.paths == ["/images.extractTextFromImage"]


@pytest.mark.parametrize("status", [404, 405, 501, 502, 503, 504])
def test_the_engine_is_asked_once_when_the_worker_is_away(
    both: Artificer, server: ScriptedServer, worker: ScriptedServer, status: int
) -> None:
    worker.otherwise = lambda _: Reply(status, headers={"Retry-After": "60"})
    assert read(both) == "engine"
    assert (len(worker.asked), len(server.asked)) == (1, 1)
    assert (worker_of(both).calls, worker_of(both).fallbacks, worker_of(both).is_away) == (1, 1, True)


def test_a_call_that_may_be_sent_again_is_not_sent_again_to_a_worker_that_is_away(
    both: Artificer, server: ScriptedServer, worker: ScriptedServer
) -> None:
    worker.otherwise = lambda _: Reply(503)
    server.will_answer(Reply(body=CHECKED))
    assert both.images.check_pdf_needs_ocr(b"%PDF-").pages == 1
    assert (len(worker.asked), len(server.asked)) == (1, 1)


def test_a_worker_that_cannot_be_reached_is_not_asked_again_for_a_while(
    kind: str, server: ScriptedServer, nobody: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "artificer_provider.client")
    server.otherwise = lambda _: Reply(body=READ_BY_ENGINE)
    with open_client(kind, server.url, REST, python_worker_url=nobody, retries=2) as client:
        assert [read(client) for _ in range(3)] == ["engine"] * 3
        found = worker_of(client)
        assert (found.url, found.calls, found.fallbacks) == (nobody, 1, 3)
        assert worker_of(client.with_options(retries=0)).fallbacks == 3
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert f"the worker at {nobody} is away" in warnings[0]


def test_a_worker_that_lets_nobody_in_is_not_waited_for_long(
    kind: str, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client._worker.CONNECT_WITHIN", 0.2)
    server.otherwise = lambda _: Reply(body=READ_BY_ENGINE)
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # nobody accepts them, and no more are let into the queue
            knocking = waiting.enter_context(socket.socket())
            knocking.settimeout(0)
            knocking.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with open_client(kind, server.url, REST, python_worker_url=url, timeout=20) as client:
            began = time.monotonic()
            assert read(client) == "engine"
            assert time.monotonic() - began < 10
            assert worker_of(client).is_away


def test_a_worker_that_took_a_call_and_gave_no_answer_may_have_billed_it(
    both: Artificer, server: ScriptedServer, worker: ScriptedServer
) -> None:
    worker.will_answer(Reply(cut=True), Reply(delay=1.0))
    with pytest.raises(ArtificerConnectionError, match=worker.url) as caught:
        read(both)
    assert caught.value.sent
    assert f"It was the worker at {worker.url} that was asked, not the engine." in caught.value.__notes__
    with pytest.raises(ArtificerTimeoutError):
        read(both.with_options(deadline=0.2))
    assert (len(worker.asked), server.asked) == (2, [])
    assert read(both) == "worker"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(400, {"error": {"code": "invalid", "message": "no image"}}), InvalidRequestError),
        (Reply(raw=b"<html>"), ReplyError),
    ],
)
def test_what_the_worker_refuses_is_not_asked_of_the_engine(
    both: Artificer, server: ScriptedServer, worker: ScriptedServer, reply: Reply, error: type[Exception]
) -> None:
    worker.will_answer(reply)
    with pytest.raises(error):
        read(both)
    assert server.asked == []
    assert not worker_of(both).is_away


def test_a_busy_worker_is_asked_again_as_an_engine_is(
    both: Artificer, server: ScriptedServer, worker: ScriptedServer
) -> None:
    busy = Reply(429, headers={"Retry-After": "0"})
    worker.will_answer(busy)
    assert read(both) == "worker"
    worker.will_answer(busy, busy, busy)
    with pytest.raises(RateLimitError):
        read(both)
    assert (len(worker.asked), server.asked) == (5, [])


def test_the_key_goes_to_the_worker_only_at_the_origin_of_the_engine(
    kind: str, server: ScriptedServer, worker: ScriptedServer
) -> None:
    worker.will_answer(Reply(body=READ_BY_WORKER))
    with open_client(kind, server.url, REST, python_worker_url=worker.url) as client:
        read(client)
    assert "authorization" not in worker.asked[0].headers
    assert "artificer" in worker.asked[0].headers["user-agent"]
    server.will_answer(Reply(body=READ_BY_WORKER))
    with open_client(kind, server.url, REST, python_worker_url=f"{server.url}/ocr/", api_key="k") as client:
        read(client)
    assert server.paths == ["/ocr/api/images/extract-text"]
    assert server.asked[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("engine", "url", "goes"),
    [
        ("https://a.example", "https://a.example:443/worker", True),
        ("http://a.example:80", "http://A.example", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://a.example", "https://b.a.example", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(engine: str, url: str, *, goes: bool) -> None:
    client = Artificer("k", engine, python_worker_url=url)
    assert ("Authorization" in worker_of(client).line.where.headers) is goes


def test_one_deadline_is_for_both(both: Artificer, server: ScriptedServer, worker: ScriptedServer) -> None:
    worker.will_answer(Reply(503, delay=0.3))
    server.otherwise = lambda _: Reply(body=READ_BY_ENGINE, delay=5.0)
    with pytest.raises(ArtificerTimeoutError, match=server.url):
        read(both.with_options(deadline=0.6))
    assert (len(worker.asked), len(server.asked)) == (1, 1)


def test_the_worker_may_be_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, worker: ScriptedServer
) -> None:
    monkeypatch.setenv("ARTIFICER_PYTHON_WORKER_URL", worker.url)
    assert worker_of(Artificer()).url == worker.url
    assert worker_of(Artificer(python_worker_url="http://other:1")).url == "http://other:1"
    monkeypatch.setenv("ARTIFICER_PYTHON_WORKER_URL", "")
    assert Artificer().worker is None
    assert AsyncArtificer().worker is None


def test_the_engine_has_two_names_of_which_one_is_given(server: ScriptedServer) -> None:
    server.will_answer(Reply(body=[]))
    with Artificer(typescript_api_url=server.url, dialect="rest") as client:
        assert client.batch.list() == []
    with pytest.raises(ConfigurationError, match="base_url and typescript_api_url"):
        Artificer(base_url="http://a", typescript_api_url="http://a")
    with pytest.raises(ConfigurationError, match=r"The worker URL 'localhost:8000' is not one"):
        AsyncArtificer(python_worker_url="localhost:8000")


def test_threads_share_the_counts() -> None:
    worker = Worker(Address("http://worker", RestDialect(), {}))

    def use(place: int) -> None:
        if worker.takes(READING):
            with worker.tried(READING):
                if place == 50:
                    raise ArtificerConnectionError("nobody there", sent=False)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(400)))
    # What was asked and away is counted on both sides.
    assert worker.calls + worker.fallbacks == 401


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_lets_one_call_find_out_whether_the_worker_is_back() -> None:
    clock = Clock()
    breaker = Breaker(30, clock)
    assert breaker.lets_through()
    breaker.open()
    clock.now += 29.9
    assert not breaker.lets_through()
    clock.now += 0.2
    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]
    breaker.close()
    assert breaker.lets_through()
    assert not breaker.is_open


def test_a_worker_that_refuses_a_call_is_back() -> None:
    worker = Worker(Address("http://worker", RestDialect(), {}), clock := Clock())
    with worker.tried(READING):
        raise ArtificerConnectionError("nobody there", sent=False)
    assert not worker.takes(READING)
    clock.now += PAUSE
    assert worker.takes(READING)
    with pytest.raises(InvalidRequestError), worker.tried(READING):
        raise InvalidRequestError("no image", status_code=400)
    assert not worker.is_away
    assert worker.takes(READING)


def test_a_worker_that_stays_away_is_warned_of_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "artificer_provider.client")
    clock = Clock()
    worker = Worker(Address("http://worker", RestDialect(), {}), clock)
    levels: list[int] = []
    for _ in range(4):
        caplog.clear()
        with worker.tried(READING):
            raise ArtificerConnectionError("nobody there", sent=False)
        levels.append(caplog.records[0].levelno)
        clock.now += PAUSE
    assert WARN_EVERY == 2 * PAUSE
    assert levels == [logging.WARNING, logging.DEBUG] * 2
    assert worker.fallbacks == 4
