"""Documents that are sent to an engine, on either dialect, and documents that mean no good."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support import pdfs
from support.trpc import error_of, value_of

if TYPE_CHECKING:
    import httpx
    from PIL import Image

REST, TRPC = DIALECTS = ("rest", "trpc")
_PATHS = {
    "process": ("/api/images/process-pdf", "/images.processPdf"),
    "check": ("/api/images/check-pdf-needs-ocr", "/images.checkPdfNeedsOCR"),
    "extract": ("/api/images/extract-text", "/images.extractTextFromImage"),
    "analyze": ("/api/images/analyze", "/images.analyzeImage"),
}


@dataclass(frozen=True)
class Refusal:
    """
    :param status: as the dialect has it: what REST tells apart as 413 and 422 is 400 on tRPC.
    """

    status: int
    code: str
    message: str


@dataclass(frozen=True)
class Reader:
    """Sends documents to one engine, on one dialect."""

    http: httpx.Client
    dialect: str

    def send(self, call: str, body: dict[str, Any]) -> httpx.Response:
        path = _PATHS[call][DIALECTS.index(self.dialect)]
        if self.dialect == REST:
            return self.http.post(path, json=body)
        if call == "check":
            return self.http.get(path, params={"input": json.dumps({"json": body})})
        return self.http.post(path, json={"json": body})

    def process(self, pdf: bytes, **options: Any) -> Any:
        return self._value(self.send("process", {"pdfData": encoded(pdf), "options": options}))

    def check(self, pdf: bytes, **more: Any) -> Any:
        return self._value(self.send("check", {"pdfData": encoded(pdf), **more}))

    def extract(self, image: bytes, content_type: str = "image/png") -> Any:
        return self._value(self.send("extract", {"imageData": encoded(image), "contentType": content_type}))

    def analyze(self, image: bytes, content_type: str = "image/png", **more: Any) -> Any:
        body = {"imageData": encoded(image), "contentType": content_type, **more}
        return self._value(self.send("analyze", body))

    def refusal(self, call: str, body: dict[str, Any]) -> Refusal:
        """Give what a call is refused with."""
        reply = self.send(call, body)
        if self.dialect == REST:
            error = reply.json()["error"]
            return Refusal(reply.status_code, error["code"], error["message"])
        error = error_of(reply)
        return Refusal(reply.status_code, error["data"]["code"], error["message"])

    def refused_pdf(self, pdf: bytes, **options: Any) -> Refusal:
        return self.refusal("process", {"pdfData": encoded(pdf), "options": options})

    def refused_image(self, image: bytes, content_type: str = "image/png") -> Refusal:
        return self.refusal("extract", {"imageData": encoded(image), "contentType": content_type})

    def _value(self, reply: httpx.Response) -> Any:
        if self.dialect == TRPC:
            return value_of(reply)
        assert reply.status_code == 200, reply.text
        return reply.json()


def encoded(document: bytes) -> str:
    return base64.b64encode(document).decode()


def many_pages(count: int) -> bytes:
    """A PDF that names one page over and over."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"
    tree = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"3 0 R " * count, count)
    return _pdf(tree, page)


def page_bomb(size: int) -> bytes:
    """A PDF of a few kilobytes, whose page's content is this many bytes when it is unpacked."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    once = b"\x78\xda" + block * (size // 2**20) + b"\x03\0"
    twice = zlib.compress(once, 9)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>"
    content = b"<< /Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n%b\nendstream"
    return _pdf(b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, content % (len(twice), twice))


def vast_page(points: int) -> bytes:
    """A PDF with a square page of this width, and a line across it."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R >>"
    content = b"0 0 m %d %d l S" % (points, points)
    stream = b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content)
    return _pdf(b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page % (points, points), stream)


def vast_png(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it is this large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def tiff(*frames: Image.Image) -> bytes:
    """A TIFF of several frames."""
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:], compression="tiff_deflate")
    return file.getvalue()


def _pdf(tree: bytes, *objects: bytes) -> bytes:
    return pdfs.assembled([b"<< /Type /Catalog /Pages 2 0 R >>", tree, *objects], b"/Root 1 0 R")
