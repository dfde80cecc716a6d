"""When a stream lets go of its connection: at its end, when it is closed or dropped, and at its deadline."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from support.scripted_server import Reply
from support.sse import CONNECTED, EVENT_STREAM, KEEP_ALIVE, chunk, contents, streamed, told, without_end
from support.waiting import wait_until
from support.wire import job, row

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import ArtificerTimeoutError, ConfigurationError, StreamCutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer

SOON = 10.0  # seconds in which a server sees that its client hung up


def endless() -> Reply:
    return without_end(CONNECTED, chunk("first"))


def silent(after: bytes, *, of: threading.Event, first: float = 0.0) -> Reply:
    """A stream that says something after some seconds, and then nothing until it is told to go on."""

    def pieces() -> Iterator[bytes]:
        yield CONNECTED
        of.wait(first)
        yield after
        of.wait(10)

    return Reply(headers=EVENT_STREAM, pieces=pieces())


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[Artificer]:
    with Artificer(base_url=server.url, dialect="rest", retries=3) as opened:
        yield opened


def test_a_stream_that_is_closed_hangs_up(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(endless())
    answer = client.chat.stream("c1", "hello")
    assert next(answer).content == "first"
    answer.close()
    assert server.hung_up.wait(SOON)
    assert list(answer) == []
    assert answer.text == "first"
    answer.close()


def test_a_with_block_that_is_left_hangs_up(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(endless())
    with client.chat.stream("c1", "hello") as answer:
        assert next(answer).content == "first"
    assert server.hung_up.wait(SOON)


def test_a_loop_that_is_left_hangs_up(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(endless())
    for one in client.chat.stream("c1", "hello"):
        assert one.content == "first"
        break
    assert server.hung_up.wait(SOON)


def test_a_stream_that_is_dropped_in_a_circle_hangs_up_when_that_is_collected(
    server: ScriptedServer, client: Artificer
) -> None:
    server.will_answer(endless())
    circle: list[object] = [client.chat.stream("c1", "hello")]
    circle.append(circle)
    assert next(circle[0]).content == "first"  # type: ignore[call-overload] # a stream, as the line above says
    circle = []
    gc.collect()
    assert server.hung_up.wait(SOON)


def test_a_stream_that_was_never_read_sends_nothing(server: ScriptedServer, client: Artificer) -> None:
    client.chat.stream("c1", "hello").close()
    with client.chat.stream("c1", "hello"):
        pass
    client.chat.stream("c1", "hello")
    gc.collect()
    assert server.asked == []


async def test_an_async_stream_that_is_closed_hangs_up(server: ScriptedServer) -> None:
    server.otherwise = lambda _: endless()
    async with AsyncArtificer(base_url=server.url, dialect="rest") as client:
        answer = client.chat.stream("c1", "hello")
        assert (await anext(answer)).content == "first"
        await answer.aclose()
        assert await asyncio.to_thread(server.hung_up.wait, SOON)
        assert [one async for one in answer] == []
        await answer.aclose()
        server.hung_up.clear()
        async with client.chat.stream("c1", "hello") as answer:
            assert (await anext(answer)).content == "first"
        assert await asyncio.to_thread(server.hung_up.wait, SOON)


async def test_an_async_loop_that_is_left_hangs_up(server: ScriptedServer) -> None:
    server.will_answer(endless())
    async with AsyncArtificer(base_url=server.url, dialect="rest") as client:
        async for one in client.chat.stream("c1", "hello"):
            assert one.content == "first"
            break
        assert await asyncio.to_thread(server.hung_up.wait, SOON)


async def test_a_task_that_is_cancelled_hangs_up(server: ScriptedServer) -> None:
    server.will_answer(without_end(CONNECTED))
    async with AsyncArtificer(base_url=server.url, dialect="rest") as client:
        waiting = asyncio.create_task(anext(client.chat.stream("c1", "hello")))
        while not server.asked:
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.to_thread(server.hung_up.wait, SOON)


SYNC_CODE = """
def main():
    with Artificer(base_url=URL, dialect="rest") as client:
        answer = client.chat.stream("c1", "hello")
        print(next(answer).content)
        {leave}
main()
"""
ROWS_CODE = """
def main():
    with Artificer(base_url=URL, dialect="rest") as client:
        answer = client.batch.iter_results("j1")
        print(next(answer).output)
        {leave}
main()
"""
ASYNC_CODE = """
async def main():
    async with AsyncArtificer(base_url=URL, dialect="rest") as client:
        answer = client.chat.stream("c1", "hello")
        print((await anext(answer)).content)
        {leave}
asyncio.run(main(), debug=False)
"""
LEAVES = {
    "dropped": "del answer",
    "kept": "KEPT.append(answer)",
    "in a circle": "one = [answer]; one.append(one); del one, answer",
}


@pytest.mark.parametrize("leave", LEAVES.values(), ids=LEAVES)
@pytest.mark.parametrize("code", [SYNC_CODE, ROWS_CODE, ASYNC_CODE], ids=["sync", "rows", "async"])
def test_an_abandoned_stream_warns_of_nothing(server: ScriptedServer, code: str, leave: str) -> None:
    """In an interpreter of its own, which warns of all it can, to its very end."""
    begun = json.dumps([{**row(0), "output": "first"}, row(1)]).encode().rstrip(b"]")
    server.otherwise = lambda asked: without_end(begun, then=b" ") if "results" in asked.path else endless()
    begin = f"""
import asyncio
from artificer_provider.client import Artificer, AsyncArtificer
URL, KEPT = {server.url!r}, []
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", begin + code.format(leave=leave)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "first\n", "")
    assert server.hung_up.wait(SOON)


@pytest.mark.parametrize("fault", [chunk("", error="gone"), b"data: {\n\n"])
def test_a_stream_that_breaks_off_hangs_up(server: ScriptedServer, client: Artificer, fault: bytes) -> None:
    server.will_answer(without_end(CONNECTED, b"event: chunk\n" + fault))
    answer = client.chat.stream("c1", "hello")
    with pytest.raises(Exception, match="c1") as caught:
        list(answer)
    assert server.hung_up.wait(SOON), caught.value


def test_the_end_gives_the_connection_back(server: ScriptedServer) -> None:
    server.otherwise = lambda _: streamed(*told("x"))
    limits = httpx.Limits(max_connections=1)
    with (
        httpx.Client(limits=limits, trust_env=False) as http,
        Artificer(base_url=server.url, dialect="rest", http_client=http, deadline=10) as client,
    ):
        streams = [client.chat.stream("c1", "hello") for _ in range(3)]
        for answer in streams:
            assert [one.content for one in answer] == ["x", ""]
    assert len(server.asked) == 3


async def test_open_streams_take_no_turn_from_calls(server: ScriptedServer) -> None:
    """The reader of a stream makes calls: were the streams counted, they would all wait for each other."""
    server.otherwise = lambda asked: job("RUNNING") if "batch" in asked.path else endless()
    async with AsyncArtificer(base_url=server.url, dialect="rest") as client:
        answers = [client.chat.stream("c1", "hello") for _ in range(110)]
        for answer in answers:
            await anext(answer)
        async with asyncio.timeout(10):
            assert (await client.batch.get("j1")).id == "j1"
            assert (await anext(client.chat.stream("c1", "hello"))).content == "first"
        for answer in answers:
            await answer.aclose()


def test_a_stream_that_only_drips_is_over_at_the_deadline(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(without_end(CONNECTED, chunk("so far"), then=KEEP_ALIVE))
    over(client, server, 0.4, "so far")
    assert server.hung_up.wait(SOON)


def test_a_stream_that_falls_silent_is_over_at_the_deadline(
    server: ScriptedServer, client: Artificer, released: threading.Event
) -> None:
    """Not as late as the silence that was allowed when it began."""
    server.will_answer(silent(chunk("so far"), of=released, first=1.0))
    over(client, server, 1.5, "so far", by=2.4)


def test_a_stream_that_chats_on_is_over_at_the_deadline(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(without_end(CONNECTED, then=chunk("x")))
    over(client, server, 0.4, "x")


def over(client: Artificer, server: ScriptedServer, deadline: float, text: str, by: float = 5.0) -> None:
    begun = time.monotonic()
    with pytest.raises(StreamCutError, match="the deadline was over") as caught:
        contents(client.with_options(deadline=deadline))
    assert deadline <= time.monotonic() - begun < by
    assert caught.value.text.startswith(text)
    assert isinstance(caught.value.__cause__, ArtificerTimeoutError)
    assert len(server.asked) == 1


@pytest.mark.parametrize("how", ["drips", "falls silent", "does not even begin"])
async def test_an_async_stream_is_over_at_the_deadline(
    server: ScriptedServer, released: threading.Event, how: str
) -> None:
    server.will_answer(
        {
            "drips": without_end(CONNECTED, chunk("so far")),
            "falls silent": silent(chunk("so far"), of=released),
            "does not even begin": Reply(delay=9),
        }[how]
    )
    async with AsyncArtificer(base_url=server.url, dialect="rest", deadline=0.4, retries=3) as client:
        answer = client.chat.stream("c1", "hello")
        begun = time.monotonic()
        with pytest.raises(StreamCutError) as caught:
            async for _ in answer:
                pass
        assert 0.4 <= time.monotonic() - begun < 5
    assert caught.value.begun == (how != "does not even begin")
    assert caught.value.text == answer.text == ("so far" if caught.value.begun else "")
    assert len(server.asked) == 1


def test_a_deadline_that_was_kept_leaves_nothing_behind(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(streamed(*told("x")))
    before = threading.active_count()
    assert contents(client.with_options(deadline=60)) == ["x", ""]
    wait_until(lambda: threading.active_count() <= before, "the timer is gone")


def test_a_client_of_ones_own_may_have_no_sockets() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=EVENT_STREAM, content=b"".join(told("x")))

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        Artificer(dialect="rest", http_client=http, deadline=60) as client,
    ):
        assert contents(client) == ["x", ""]


def test_a_stream_reads_no_further_once_its_client_is_closed(server: ScriptedServer) -> None:
    server.will_answer(endless())
    with Artificer(base_url=server.url, dialect="rest") as client:
        answer = client.chat.stream("c1", "hello")
        next(answer)
    assert server.hung_up.wait(SOON)
    with pytest.raises(StreamCutError) as caught:
        list(answer)
    assert caught.value.text == "first"


def test_the_library_that_reads_events_is_loaded_for_the_first_stream() -> None:
    code = (
        "import sys; from artificer_provider.client import Artificer, AsyncArtificer;"
        "client = Artificer(); AsyncArtificer(); client.batch; client.chat.stream('c', 'x'); client.close();"
        "sys.exit('httpx_sse' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_deadline_is_none_that_makes_no_sense(client: Artificer) -> None:
    with pytest.raises(ConfigurationError, match="deadline"):
        client.with_options(deadline=0)
