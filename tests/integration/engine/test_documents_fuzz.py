"""Documents and envelopes broken at random: none hangs, and none takes the engine down."""

from __future__ import annotations

import asyncio
import json
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import pages, pdfs
from support.documents import tiff

from artificer_provider.engine.documents.pool import Documents
from artificer_provider.engine.documents.reading import Kind, Ocr, Options
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
MOST_SECONDS = 30
REFUSALS = {
    "unreadable_document",
    "document_too_large",
    "locked_document",
    "document_timeout",
}
WORDS = (
    b"/Length",
    b"/Filter",
    b"/FlateDecode",
    b"/Kids",
    b"/Count",
    b"obj",
    b"endobj",
    b"stream",
    b"<<",
    b">>",
)


@cache
def seeds() -> dict[Kind, list[bytes]]:
    [picture] = pages.pictures(pages.printed([pages.prose(12)]), dpi=72)
    small = picture.crop((40, 40, 400, 120))
    image = pdfs.flate_image(4, 4, bytes(48))
    return {
        Kind.PDF: [
            pages.printed([pages.prose(30)] * 2),
            pages.scanned([small]),
            pdfs.text_pdf("one", "two", Title="t", CreationDate="D:2024"),
            pdfs.image_pdf((image, pdfs.jpeg_image())),
            pdfs.locked_pdf(),
        ],
        Kind.IMAGE: [
            *(pages.saved(small, form) for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP")),
            tiff(small, small),
        ],
    }


@st.composite
def broken(draw: st.DrawFn, kind: Kind) -> bytes:
    """A good document with bytes changed, cut out, put in twice, or put together with another."""
    document = bytearray(draw(st.sampled_from(seeds()[kind])))
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, len(document)))
        length = draw(st.integers(0, 60))
        match draw(st.integers(0, 4)):
            case 0:
                document[place : place + length] = draw(st.binary(min_size=length, max_size=length))
            case 1:
                del document[place : place + length]
            case 2:
                document[place:place] = document[place : place + 20 * length]
            case 3:
                document[place : place + 4] = draw(st.sampled_from(WORDS))
            case _:
                number = draw(st.sampled_from([b"0", b"-1", b"99999999999", b"4294967295", b"1e99"]))
                document[place : place + 2] = number
    return bytes(document[: 10**6])


class Readers:
    """Documents, and a loop to read them in."""

    def __init__(self, scratch: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.documents = Documents(scratch)
        self.documents.open()

    def read(self, document: bytes, kind: Kind, ocr: Ocr) -> str:
        """Give how reading ended."""
        options = Options(ocr=ocr, dpi=72)
        try:
            found = self.loop.run_until_complete(self.documents.read(document, kind, options))
        except EngineError as refused:
            return refused.code
        json.dumps(found.text, ensure_ascii=False).encode()  # whatever it is, it is text
        return found.method

    def close(self) -> None:
        self.loop.run_until_complete(self.documents.close())
        self.loop.close()


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    started = Readers(tmp_path_factory.mktemp("fuzz") / "reading")
    yield started
    started.close()


def read_broken(readers: Readers, kind: Kind, document: bytes, ocr: Ocr) -> None:
    begun = time.monotonic()
    assert readers.read(document, kind, ocr) in {*REFUSALS, "direct", "ocr", "hybrid"}
    assert time.monotonic() - begun < MOST_SECONDS


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(document=broken(Kind.PDF), ocr=st.sampled_from(Ocr))
def test_a_broken_pdf_is_read_or_refused(readers: Readers, document: bytes, ocr: Ocr) -> None:
    read_broken(readers, Kind.PDF, document, ocr)


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(document=broken(Kind.IMAGE), ocr=st.sampled_from(Ocr))
def test_a_broken_image_is_read_or_refused(readers: Readers, document: bytes, ocr: Ocr) -> None:
    read_broken(readers, Kind.IMAGE, document, ocr)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(document=st.binary(max_size=2000), kind=st.sampled_from(Kind))
def test_bytes_at_random_are_refused(readers: Readers, document: bytes, kind: Kind) -> None:
    assert readers.read(document, kind, Ocr.NEEDED) in REFUSALS


PROCEDURES = (
    "images.processPdf",
    "images.extractTextFromImage",
    "batch.createJob",
    "batch.listJobs",
    "orchestration.processText",
    "images.checkPdfNeedsOCR",
    "no.such",
)
NAMES = st.sampled_from(
    [
        "json",
        "meta",
        "values",
        "v",
        "pdfData",
        "options",
        "imageData",
        "contentType",
        "items",
        "name",
        "phases",
        "0",
        "1",
    ]
)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["undefined", "QUJD"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
ENVELOPE = st.fixed_dictionaries(
    {"json": VALUE},
    optional={
        "meta": st.fixed_dictionaries(
            {"values": st.dictionaries(st.text(max_size=12) | NAMES, VALUE, max_size=4) | VALUE}
        )
    },
)


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(st.sampled_from(PROCEDURES), min_size=1, max_size=3),
    envelope=ENVELOPE | st.dictionaries(NAMES, ENVELOPE, max_size=3) | VALUE,
    method=st.sampled_from(["GET", "POST"]),
    is_batch=st.booleans(),
    cut=st.integers(0, 40) | st.none(),
)
def test_any_envelope_is_answered_and_none_breaks_the_engine(
    engine: Engine, names: list[str], envelope: Any, method: str, *, is_batch: bool, cut: int | None
) -> None:
    body = json.dumps(envelope)[:cut]
    path = f"/{','.join(names)}"
    asked: dict[str, str] = {"batch": "1"} if is_batch else {}
    begun = time.monotonic()
    if method == "GET":
        reply = engine.http.get(path, params={**asked, "input": body})
    else:
        reply = engine.http.post(
            path, params=asked, content=body.encode(), headers={"Content-Type": "application/json"}
        )
    assert time.monotonic() - begun < MOST_SECONDS
    assert reply.status_code < 500, reply.text
    reply.json()
