"""Documents that are put into projects, over either wire."""

from __future__ import annotations

import io
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Asked, Reply
from support.wire import answer
from support.wires import REST, Wire

from artificer_provider.client import limits
from artificer_provider.client.bodies import PIECE_BYTES
from artificer_provider.client.errors import (
    ConfigurationError,
    InvalidRequestError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.scripted_server import ScriptedServer

    from artificer_provider.client import Artificer

DOCUMENT = {"id": "d1", "filename": "a.txt", "size": 5, "contentType": "text/plain"}
LONG = b"A text of more than two hundred characters. " * 5


def failure(why: str) -> Reply:
    """A failure of a deployed engine, which says 200 all the same."""
    return answer({"success": False, "error": why, "timestamp": "2026-11-22T14:41:15.204Z"})


def uploaded(wire: Wire, asked: Asked) -> dict[str, Any]:
    said: Any = asked.json
    return dict(said["json"] if wire.is_trpc else said)


@pytest.mark.parametrize("size", [200, 4096, 3 * PIECE_BYTES + 1])
def test_a_document_arrives_as_it_is_whatever_it_is_given_as(
    server: ScriptedServer, either: Artificer, wire: Wire, tmp_path: Path, size: int
) -> None:
    content = bytes(b"abc\n"[place % 4] for place in range(size))
    path = tmp_path / "notes.md"
    path.write_bytes(content)
    server.otherwise = lambda _: wire.reply(DOCUMENT, "document")
    with path.open("rb") as file:
        for source in (path, str(path), file):
            assert either.projects.upload_document("p1", source).id == "d1"
        assert not file.closed
    either.projects.upload_document("p1", content, "notes.md")
    either.projects.upload_document("p1", io.BytesIO(content), filename="notes.md")
    for asked in server.asked:
        said = uploaded(wire, asked)
        assert b64decode(said.pop("content")) == content
        assert (said.pop("filename"), said.pop("contentType")) == ("notes.md", "text/markdown")
        assert said == ({"projectId": "p1"} if wire.is_trpc else {})


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"short text",
        b"y" * 199,
        "é".encode() * 199,  # 398 bytes, and one character short
        "😀".encode() * 150,  # 600 bytes
        b"%PDF-1.4 x",
        b"\xff\xfe\x00 no text" * 20,
    ],
    ids=len,
)
def test_a_text_that_would_hang_a_deployed_engine_is_padded_for_it_alone(
    server: ScriptedServer, either: Artificer, wire: Wire, content: bytes
) -> None:
    server.will_answer(wire.reply(DOCUMENT, "document"))
    either.projects.upload_document("p1", content, "a.txt")
    arrived = b64decode(uploaded(wire, server.asked[0])["content"])
    if wire.is_trpc:
        assert arrived.startswith(content)
        assert arrived[len(content) :].strip(b"\n") == b""
        assert len(arrived.decode(errors="ignore")) == 200
    else:
        assert arrived == content


@pytest.mark.parametrize("content", [b"z" * 200, "é".encode() * 200, "😀".encode() * 200, LONG])
def test_a_text_that_is_long_enough_is_not_padded(
    server: ScriptedServer, either: Artificer, wire: Wire, content: bytes
) -> None:
    server.will_answer(wire.reply(DOCUMENT, "document"))
    either.projects.upload_document("p1", content, "a.txt")
    assert b64decode(uploaded(wire, server.asked[0])["content"]) == content


@pytest.mark.parametrize(
    ("filename", "kind"),
    [
        ("a.md", "text/markdown"),
        ("a.pdf", "application/pdf"),
        ("a.json", "application/json"),
        ("notes", "text/plain"),
        ("a.no-such-thing", "text/plain"),
    ],
)
def test_what_a_document_is_is_told_from_its_name(
    server: ScriptedServer, client: Artificer, filename: str, kind: str
) -> None:
    server.otherwise = lambda _: Reply(body=DOCUMENT)
    client.projects.upload_document("p1", LONG, filename)
    client.projects.upload_document("p1", LONG, filename, "text/x-own")
    assert [uploaded(REST, asked)["contentType"] for asked in server.asked] == [kind, "text/x-own"]


@pytest.mark.parametrize("name", ["../a.txt", "a/b.txt", "a\\b.txt", "a..txt", "/etc/passwd", ".."])
def test_a_name_that_an_engine_would_change_is_refused(
    server: ScriptedServer, either: Artificer, name: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing was sent\. filename: has '/'") as caught:
        either.projects.upload_document("p1", LONG, name)
    assert [where for where, _ in caught.value.problems] == ["filename"]
    assert server.asked == []


def test_a_name_that_the_file_has_is_refused_as_well(
    server: ScriptedServer, client: Artificer, tmp_path: Path
) -> None:
    path = tmp_path / "a..b.txt"
    path.write_bytes(LONG)
    with pytest.raises(ConfigurationError, match="filename"):
        client.projects.upload_document("p1", path)
    assert server.asked == []


@pytest.mark.parametrize(
    ("upload", "problem"),
    [
        (lambda c: c.projects.upload_document("p1", b"", "a.txt"), "the document is empty; nothing was sent"),
        (lambda c: c.projects.upload_document("p1", LONG), "filename: give one: bytes has no name"),
        (
            lambda c: c.projects.upload_document("p1", io.BytesIO(LONG)),
            "filename: give one: BytesIO",
        ),
        (lambda c: c.projects.upload_document("p1", LONG, ""), "filename: String should have at least"),
        (
            lambda c: c.projects.upload_document("p1", LONG, "x" * 256),
            "filename: String should have at most 255",
        ),
        (
            lambda c: c.projects.upload_document("p1", LONG, "a", ""),
            "content_type: String should have at least",
        ),
        (lambda c: c.projects.upload_document("p1", "no such file"), "cannot read 'no such file'"),
        (lambda c: c.projects.upload_document("p1", io.StringIO("x"), "a.txt"), "open it in binary mode"),
        (lambda c: c.projects.upload_document("", LONG, "a.txt"), "is no id"),
    ],
)
def test_what_cannot_be_uploaded_is_not_sent(
    server: ScriptedServer, either: Artificer, upload: Callable[[Artificer], object], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        upload(either)
    assert server.asked == []


def test_a_document_that_is_too_large_is_not_read(
    server: ScriptedServer, either: Artificer, tmp_path: Path
) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(limits.MAX_DOCUMENT_BYTES + 1)  # a hole: nothing is written
    with pytest.raises(ConfigurationError, match=r"the document has 50\.0 MB.*takes 50 MB at most"):
        either.projects.upload_document("p1", large)
    assert server.asked == []


def test_a_document_that_a_deployed_engine_cannot_read_is_an_error_of_its_own(
    server: ScriptedServer, deployed: Artificer
) -> None:
    server.will_answer(failure("Failed to extract text"))
    with pytest.raises(
        ServerError, match=r"uploading 'a\.pdf' into project p1: Failed to extract text"
    ) as caught:
        deployed.projects.upload_document("p1", b"%PDF-1.4 x", "a.pdf")
    assert (caught.value.status_code, caught.value.retryable) == (200, False)


def test_a_document_that_does_not_fit_a_gateway_is_not_sent_again(
    server: ScriptedServer, deployed: Artificer
) -> None:
    server.will_answer(Reply(413, raw=b"Body exceeded 1mb limit", headers={"Content-Type": "text/plain"}))
    with pytest.raises(InvalidRequestError, match="Body exceeded 1mb limit"):
        deployed.projects.upload_document("p1", LONG, "a.txt")
    assert len(server.asked) == 1
