"""A deadline is for the whole call: tries, pauses, and a body that only drips."""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Reply
from support.wire import job, refusal

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ArtificerError,
    ArtificerTimeoutError,
    ConfigurationError,
    RateLimitError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer


@contextmanager
def in_less_than(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


def dripping() -> Reply:
    return Reply(pieces=itertools.repeat(b" "), drip=0.05)


def test_a_reply_that_only_drips_is_over_at_the_deadline(server: ScriptedServer) -> None:
    server.will_answer(dripping())
    with Artificer(base_url=server.url, dialect="rest", timeout=5) as client:
        hurried = client.with_options(deadline=0.3)
        with in_less_than(4), pytest.raises(ArtificerTimeoutError, match="deadline was over") as caught:
            hurried.batch.get("j1")
    assert (caught.value.sent, caught.value.job_id) == (True, "j1")
    assert server.hung_up.wait(5)


async def test_an_async_reply_that_only_drips_is_over_at_the_deadline(server: ScriptedServer) -> None:
    server.will_answer(dripping())
    async with AsyncArtificer(base_url=server.url, dialect="rest", timeout=5, deadline=0.3) as client:
        with in_less_than(4), pytest.raises(ArtificerTimeoutError, match="deadline was over"):
            await client.batch.get("j1")


def test_silence_is_over_at_the_deadline(server: ScriptedServer) -> None:
    server.otherwise = lambda _: Reply(delay=9)
    with (
        Artificer(base_url=server.url, dialect="rest", timeout=9, deadline=0.3) as client,
        in_less_than(4),
        pytest.raises(ArtificerTimeoutError),
    ):
        client.batch.get("j1")


def test_a_pause_that_goes_beyond_the_deadline_is_not_begun(server: ScriptedServer) -> None:
    server.will_answer(Reply(503, headers={"Retry-After": "60"}))
    with (
        Artificer(base_url=server.url, dialect="rest", retries=5, deadline=10) as client,
        in_less_than(4),
        pytest.raises(ServerError, match="HTTP 503") as caught,
    ):
        client.batch.get("j1")
    assert caught.value.retry_after == 60
    assert len(server.asked) == 1


def test_retries_end_at_the_deadline_with_what_went_wrong(server: ScriptedServer) -> None:
    server.otherwise = lambda _: Reply(503, headers={"Retry-After-Ms": "100"})
    with (
        Artificer(base_url=server.url, dialect="rest", retries=1000, deadline=1) as client,
        in_less_than(10),
        pytest.raises(ArtificerError),
    ):
        client.batch.get("j1")
    assert 2 <= len(server.asked) <= 10


def test_without_a_deadline_a_slow_reply_is_waited_for(server: ScriptedServer) -> None:
    body = b'{"id":"j1","name":"n","status":"RUNNING","totalItems":1}'
    server.will_answer(Reply(pieces=[bytes([byte]) for byte in body], drip=0.005))
    with Artificer(base_url=server.url, dialect="rest", timeout=1) as client:
        assert client.batch.get("j1").status == "RUNNING"


def test_an_upload_is_over_at_the_deadline(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artificer_provider.client.bodies.PIECE_BYTES", 30)
    read = []

    class Slow:
        """A file that is read slowly."""

        place = 0

        def seek(self, offset: int, whence: int = 0) -> int:
            self.place = 30_000 if whence == 2 else offset
            return self.place

        def tell(self) -> int:
            return self.place

        def read(self, size: int) -> bytes:
            time.sleep(0.05)
            size = max(0, min(size, 30_000 - self.place))
            self.place += size
            read.append(size)
            return b"%" * size

    with (
        Artificer(base_url=server.url, dialect="rest", deadline=0.3) as client,
        in_less_than(10),
        pytest.raises(ArtificerTimeoutError),
    ):
        client.images.process_pdf(Slow(), local="never")  # type: ignore[arg-type]  # all that is needed of a file
    assert sum(read) < 30_000


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After-Ms": "250"}, 0.25),
        ({"Retry-After-Ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "nan"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 -0000"}, None),
        ({}, None),
    ],
)
def test_what_an_engine_asks_us_to_wait_is_read(
    server: ScriptedServer, client: Artificer, headers: dict[str, str], seconds: float | None
) -> None:
    server.will_answer(Reply(429, headers=headers))
    with pytest.raises(RateLimitError) as caught:
        client.batch.get("j1")
    assert caught.value.retry_after == seconds


def test_a_date_to_wait_for_is_read_as_seconds(server: ScriptedServer, client: Artificer) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    server.will_answer(Reply(429, headers={"Retry-After": later}))
    with pytest.raises(RateLimitError) as caught:
        client.batch.get("j1")
    assert caught.value.retry_after == pytest.approx(40, abs=2)


@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_the_words_say_how_long_to_wait_where_no_header_does(server: ScriptedServer, dialect: str) -> None:
    server.will_answer(refusal(429, "Rate limit exceeded. Try again in 0.2 seconds."), job("RUNNING"))
    with (
        Artificer(base_url=server.url, dialect=dialect, retries=0) as client,
        pytest.raises(RateLimitError) as caught,
    ):
        client.batch.get("j1")
    assert caught.value.retry_after == 0.2


def test_the_pause_is_as_long_as_the_engine_asked_for(server: ScriptedServer) -> None:
    server.will_answer(Reply(429, headers={"Retry-After": "0.4"}), job("RUNNING"))
    with Artificer(base_url=server.url, dialect="rest", retries=1) as client:
        begun = time.monotonic()
        client.batch.get("j1")
    assert 0.4 <= time.monotonic() - begun < 5


def test_durations_may_be_timedeltas(server: ScriptedServer) -> None:
    server.otherwise = lambda _: Reply(delay=9)
    with Artificer(
        base_url=server.url, dialect="rest", retries=0, timeout=timedelta(milliseconds=100)
    ) as client:
        with in_less_than(5), pytest.raises(ArtificerTimeoutError):
            client.batch.get("j1")
        with in_less_than(5), pytest.raises(ArtificerTimeoutError):
            client.with_options(timeout=9, deadline=timedelta(milliseconds=100)).batch.get("j1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout is 0 s"),
        ({"timeout": -1}, "timeout is -1 s"),
        ({"timeout": float("nan")}, "timeout is nan s"),
        ({"timeout": float("inf")}, "timeout is inf s"),
        ({"deadline": timedelta(0)}, "deadline is 0 s"),
        ({"retries": -1}, "retries is -1"),
    ],
)
def test_a_duration_that_is_none_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Artificer(**options)  # type: ignore[arg-type]  # each a number where one goes
    with Artificer() as client, pytest.raises(ConfigurationError, match=message):
        client.with_options(**options)  # type: ignore[arg-type]  # the same
