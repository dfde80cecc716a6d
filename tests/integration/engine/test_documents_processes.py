"""Readers are processes: they end with their engine, with who asked, and when they take too long."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from support import documents, pages, pdfs, processes
from support.documents import Reader, encoded
from support.engine import running_engine
from support.waiting import wait_until

from artificer_provider.engine.documents import pool
from artificer_provider.engine.documents.pool import Documents
from artificer_provider.engine.documents.reading import Kind, Ocr, Options
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from support.engine import Engine

pytestmark = pytest.mark.skipif(not processes.has_proc(), reason="reads /proc")
READER = "engine.documents.worker"
RECOGNISE = Options(ocr=Ocr.ALWAYS)
TEXT = pdfs.text_pdf("The quick brown fox.")


@pytest.fixture
async def reading(tmp_path: Path) -> AsyncIterator[Documents]:
    readers = Documents(tmp_path / "reading")
    readers.open()
    yield readers
    await readers.close()
    assert processes.children(os.getpid(), READER) == []


@pytest.fixture(scope="module")
def slow() -> bytes:
    """A PDF of one page that takes seconds to recognise: it is very large, and full of noise."""
    noise = random.Random(0).randbytes(1500 * 1500)  # noqa: S311 - the same every time
    image = pdfs.Image(b"/Width 1500 /Height 1500 /BitsPerComponent 8 /ColorSpace /DeviceGray", noise)
    return pdfs.image_pdf((image,))


async def the_reader() -> int:
    """Wait for the one reader of this process to be there, and name it."""
    while not (found := processes.children(os.getpid(), READER)):
        await asyncio.sleep(0.01)
    return found[0]


async def test_a_page_that_takes_too_long_is_ended_and_named(
    reading: Documents, slow: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reading.read(TEXT, Kind.PDF)
    monkeypatch.setattr(pool, "PAGE_SECONDS", 0.02)
    with pytest.raises(EngineError, match="longer than 0 s, and was ended on page 1") as caught:
        await reading.read(slow, Kind.PDF, RECOGNISE)
    assert (caught.value.status, caught.value.code) == (504, "document_timeout")
    monkeypatch.undo()
    assert (await reading.read(TEXT, Kind.PDF)).text == "The quick brown fox."


async def test_a_document_that_takes_too_long_in_all_is_ended(
    reading: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reading.read(TEXT, Kind.PDF)
    monkeypatch.setattr(pool, "DOCUMENT_SECONDS", 3.0)
    book = pages.printed([pages.prose(150)] * 60)
    with pytest.raises(EngineError, match=r"longer than 3 s, and was ended on page \d+;") as caught:
        await reading.read(book, Kind.PDF, RECOGNISE)
    assert caught.value.status == 504


async def test_a_reader_that_breaks_fails_one_document(reading: Documents, slow: bytes) -> None:
    broken = asyncio.create_task(reading.read(slow, Kind.PDF, RECOGNISE))
    pid = await the_reader()
    os.kill(pid, signal.SIGSTOP)  # however quick it is, it is not done before it breaks
    waiting = asyncio.create_task(reading.read(TEXT, Kind.PDF))
    await asyncio.sleep(0.1)
    for signalled in (signal.SIGSEGV, signal.SIGCONT):
        os.kill(pid, signalled)
    with pytest.raises(EngineError, match=r"broke its reader .*\(SIGSEGV\)") as caught:
        await broken
    assert caught.value.status == 422
    assert (await waiting).text == "The quick brown fox."
    assert await the_reader() != pid


async def test_a_document_that_nobody_waits_for_is_not_read_on(reading: Documents, slow: bytes) -> None:
    given_up = asyncio.create_task(reading.read(slow, Kind.PDF, RECOGNISE))
    pid = await the_reader()
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert not processes.is_alive(pid)
    assert list(reading.scratch.iterdir()) == []
    assert (await reading.read(TEXT, Kind.PDF)).text == "The quick brown fox."


async def test_a_letter_does_not_wait_for_a_book(reading: Documents) -> None:
    book = asyncio.create_task(reading.read(pages.printed([pages.prose(100)] * 40), Kind.PDF, RECOGNISE))
    await the_reader()
    assert (await reading.read(TEXT, Kind.PDF)).text == "The quick brown fox."
    assert not book.done()
    book.cancel()
    with pytest.raises(asyncio.CancelledError):
        await book


async def test_pages_come_in_their_order_over_many_turns(reading: Documents) -> None:
    texts = [pages.prose(40, seed) for seed in range(3)]
    found = await reading.read(pages.printed(texts), Kind.PDF, RECOGNISE)
    assert [page.text.split()[:5] for page in found.pages] == [text.split()[:5] for text in texts]


async def test_readers_know_none_of_the_engines_secrets(
    reading: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ARTIFICER_ENGINE_API_KEY", "A_MODEL_SERVERS_KEY"):
        monkeypatch.setenv(name, "sk-3141592653589")
    await reading.read(TEXT, Kind.PDF)
    with open(f"/proc/{await the_reader()}/environ", "rb") as environment:  # noqa: ASYNC230, PTH123 - no file
        assert b"sk-3141592653589" not in environment.read()


@pytest.fixture
def own_engine(tmp_path: Path) -> Iterator[Engine]:
    with running_engine(tmp_path / "data") as started:
        yield started


def in_the_middle_of(engine: Engine, pdf: bytes) -> tuple[httpx.Client, threading.Thread, int]:
    """Have a PDF recognised on a connection of its own, and wait until its reader is at work."""
    http = httpx.Client(base_url=engine.url, timeout=60, trust_env=False)
    body = {"pdfData": encoded(pdf), "options": {"forceOCR": True}}

    def ask() -> None:
        with suppress(httpx.HTTPError):
            http.post("/api/images/process-pdf", json=body)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: bool(processes.children(engine.process.pid)), "a reader is there")
    [reader] = processes.children(engine.process.pid)
    wait_until(lambda: processes.most_memory(reader) > 60, "it has loaded what recognises")
    return http, asking, reader


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_reader_outlives_its_engine(own_engine: Engine, slow: bytes, how: signal.Signals) -> None:
    http, asking, reader = in_the_middle_of(own_engine, slow)
    with suppress(httpx.HTTPError):
        own_engine.end(how)
    wait_until(lambda: not processes.is_alive(reader), "the reader is gone")
    asking.join()
    http.close()
    own_engine.start()
    assert list((own_engine.data / "reading").iterdir()) == []


def test_a_reader_with_nothing_to_do_ends_with_its_engine_too(own_engine: Engine) -> None:
    own_engine.http.post("/api/images/process-pdf", json={"pdfData": encoded(TEXT)}).raise_for_status()
    [reader] = processes.children(own_engine.process.pid)
    own_engine.end(signal.SIGKILL)
    wait_until(lambda: not processes.is_alive(reader), "the reader is gone", 5)


def test_a_caller_that_hangs_up_ends_the_work(own_engine: Engine, slow: bytes) -> None:
    with httpx.Client(base_url=own_engine.url, timeout=1.0, trust_env=False) as http:
        body = {"pdfData": encoded(pages.printed([pages.prose(200)] * 60)), "options": {"forceOCR": True}}
        with pytest.raises(httpx.ReadTimeout):
            http.post("/api/images/process-pdf", json=body)
    [reader] = processes.children(own_engine.process.pid) or [0]
    wait_until(lambda: not processes.is_alive(reader), "the reader is gone")
    wait_until(lambda: not list((own_engine.data / "reading").iterdir()), "the document is gone")
    found = own_engine.http.post("/api/images/process-pdf", json={"pdfData": encoded(TEXT)})
    assert found.json()["text"] == "The quick brown fox."


def test_others_are_answered_while_a_page_is_recognised(own_engine: Engine, slow: bytes) -> None:
    http, asking, _ = in_the_middle_of(own_engine, slow)
    for _ in range(5):
        assert own_engine.http.get("/health").json()["status"] == "ok"
    assert asking.is_alive()
    own_engine.end(signal.SIGKILL)
    asking.join()
    http.close()
    own_engine.start()


@pytest.mark.parametrize("dialect", documents.DIALECTS)
@pytest.mark.parametrize("mebibytes", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_a_large_pdf_takes_little_memory(own_engine: Engine, dialect: str, mebibytes: int) -> None:
    own_engine.http.timeout = 120
    reader = Reader(own_engine.http, dialect)
    before = processes.most_memory(own_engine.process.pid)
    pdf = heavy(mebibytes * 1024 * 1024)
    assert reader.process(pdf)["metadata"]["method"] == "direct"
    after = processes.most_memory(own_engine.process.pid)
    [child] = processes.children(own_engine.process.pid)
    growth = after - before + processes.most_memory(child)
    assert growth <= 150, f"{growth} MiB for a PDF of {mebibytes}"


def heavy(size: int) -> bytes:
    """A PDF that is nearly this large: pictures that cannot be packed, with text on them."""
    side = 1900
    chance = random.Random(0)  # noqa: S311 - the same every time
    images = [
        pdfs.Image(
            b"/Width %d /Height %d /BitsPerComponent 8 /ColorSpace /DeviceGray" % (side, side),
            chance.randbytes(side * side),
        )
        for _ in range(size // side**2)
    ]
    return pdfs.image_pdf(*((image,) for image in images), text="The quick brown fox. " * 6)
