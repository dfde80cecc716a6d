"""PDFs of a few hundred bytes, written by hand: with text, with images only, locked, broken."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

GREY_LEVEL = 128  # what the JPEG below shows

_LOCK = b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (b"6f" * 32, b"75" * 32)


@dataclass(frozen=True)
class Image:
    """A picture on a page: the entries of its dictionary, and its stream."""

    entries: bytes
    data: bytes


def jpeg() -> bytes:
    """The smallest grey baseline JPEG: 8 by 8 pixels, one block whose only coefficient is zero."""
    quantization = b"\xff\xdb" + (67).to_bytes(2) + b"\x00" + b"\x01" * 64
    frame = b"\xff\xc0" + (11).to_bytes(2) + b"\x08" + (8).to_bytes(2) * 2 + b"\x01\x01\x11\x00"
    codes = b"".join(
        b"\xff\xc4" + (20).to_bytes(2) + table + b"\x01" + b"\x00" * 15 + b"\x00"
        for table in (b"\x00", b"\x10")
    )
    scan = b"\xff\xda" + (8).to_bytes(2) + b"\x01\x01\x00\x00\x3f\x00" + b"\x3f"
    return b"\xff\xd8" + quantization + frame + codes + scan + b"\xff\xd9"


def jpeg_image() -> Image:
    return Image(b"/Width 8 /Height 8 /BitsPerComponent 8 /ColorSpace /DeviceGray /Filter /DCTDecode", jpeg())


def flate_image(width: int, height: int, samples: bytes, colors: bytes = b"/DeviceRGB") -> Image:
    entries = b"/Width %d /Height %d /BitsPerComponent 8 /ColorSpace %s /Filter /FlateDecode"
    return Image(entries % (width, height, colors), zlib.compress(samples))


def text_pdf(*pages: str, **properties: str) -> bytes:
    """
    A PDF of text; a line break in it is one on the page.

    :param properties: what its information dictionary says, such as ``Title``.
    """
    return _document([(_shown(text), ()) for text in pages], properties)


def image_pdf(*pages: tuple[Image, ...], text: str = "") -> bytes:
    """A PDF as a scanner makes it: pictures, and no text but this on each page."""
    drawn, shown = b"q 200 0 0 200 50 50 cm /I%d Do Q\n", _shown(text) if text else b""
    return _document(
        [(b"".join(drawn % number for number in range(len(page))) + shown, page) for page in pages], {}
    )


def locked_pdf() -> bytes:
    """A PDF that asks for a password that nobody knows."""
    return _document([(_shown("secret"), ())], {}, _LOCK)


def _shown(text: str) -> bytes:
    lines = b"".join(b"(%s) Tj T*\n" % _escaped(line) for line in text.split("\n"))
    return b"BT /F1 12 Tf 14 TL 20 800 Td\n%sET" % lines


def _escaped(text: str) -> bytes:
    return text.encode("latin-1").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data)


def _document(
    pages: list[tuple[bytes, tuple[Image, ...]]], properties: dict[str, str], lock: bytes = b""
) -> bytes:
    objects: list[bytes] = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    kids: list[int] = []
    for content, images in pages:
        numbers = [
            add(_stream(b"/Type /XObject /Subtype /Image " + each.entries, each.data)) for each in images
        ]
        named = b"".join(b"/I%d %d 0 R " % pair for pair in enumerate(numbers))
        resources = b"<< /Font << /F1 3 0 R >> /XObject << %s >> >>" % named
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources %s >>"
        kids.append(add(page % (add(_stream(b"", content)), resources)))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (
        b" ".join(b"%d 0 R" % n for n in kids),
        len(kids),
    )
    trailer = b"/Root 1 0 R /ID [<00> <00>]"
    if properties:
        entries = b" ".join(b"/%s (%s)" % (k.encode(), _escaped(v)) for k, v in properties.items())
        trailer += b" /Info %d 0 R" % add(b"<< %s >>" % entries)
    if lock:
        trailer += b" /Encrypt %d 0 R" % add(lock)
    return assembled(objects, trailer)


def assembled(objects: list[bytes], trailer: bytes) -> bytes:
    """A PDF of objects, the first of which has the number 1."""
    file = bytearray(b"%PDF-1.4\n")
    offsets: list[int] = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n"
    return bytes(file) + end % (size, table, size, trailer, len(file))
