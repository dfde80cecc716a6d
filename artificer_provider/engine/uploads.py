"""What a file that is sent to a project has to be, and the text in it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from artificer_provider.client import limits
from artificer_provider.engine.documents.bodies import DocumentField
from artificer_provider.engine.documents.reading import Kind, Options
from artificer_provider.engine.errors import EngineError, Problem, invalid
from artificer_provider.engine.library import NewDocument

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue

    from artificer_provider.engine.documents.bodies import Upload
    from artificer_provider.engine.documents.pool import Documents
    from artificer_provider.engine.documents.reading import Document

_TEXTS = re.compile(
    r"text/.+|application/(json|xml|yaml|x-yaml|toml|x-ndjson|ndjson|markdown|javascript|sql)|application/.+\+(json|xml|yaml)"
)
# UTF-8 writes no character in more.
_MOST_BYTES_EACH = 4
_UNFIT = re.compile(r"\.\.|[/\\\x00-\x1f\x7f]")


def media_type(content_type: str) -> str:
    """Say what a file is, without what is said beside it (``text/plain; charset=utf-8``)."""
    return content_type.partition(";")[0].strip().lower()


def is_text(content_type: str) -> bool:
    """Tell whether a file of that type is its text."""
    return _TEXTS.fullmatch(content_type) is not None


def check_filename(filename: str) -> None:
    """
    Make sure that a name is one, and no path.

    :raises EngineError: 422 when it is not.
    """
    if found := _UNFIT.search(filename):
        raise invalid(
            [Problem("filename", f"holds {found[0]!r}: send the file's own name, without its folder.")]
        )


def stripped_filename(filename: str) -> str:
    """Take out of a name what makes it a path, as deployed engines do (WIRE §5)."""
    while (stripped := _UNFIT.sub("", filename)) != filename:
        filename = stripped
    return filename


def decoded(content: bytes) -> str:
    """
    Read a file that is its text.

    :raises EngineError: 422 when it is not UTF-8, which names the first byte that is not.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong = error.object[error.start]
        # The mark at the beginning is not counted by the codec that takes it away.
        place = error.start + (len(content) - len(error.object))
        raise invalid(
            [
                Problem(
                    "content",
                    f"is not UTF-8: byte {place} is 0x{wrong:02x}; save it as UTF-8 and send it again.",
                )
            ]
        ) from error


def kept_text(text: str) -> str:
    """
    Make sure that a text can be kept and found.

    :raises EngineError: 422 when it is blank, too long or holds what no database keeps.
    """
    if len(text) > limits.MAX_DOCUMENT_CHARS:
        raise _too_long(f"{len(text):,} characters")
    if (place := text.find("\0")) >= 0:
        raise invalid([Problem("content", f"holds a NUL at character {place}: it is no text.")])
    if not text or text.isspace():
        raise invalid([Problem("content", "holds no text, so nothing could ever be found in it.")])
    return text


def _too_long(how: str) -> EngineError:
    most = f"{limits.MAX_DOCUMENT_CHARS:,} characters"
    return invalid([Problem("content", f"holds {how}; {most} are taken at most: send it in parts.")])


def not_read(content_type: str) -> EngineError:
    """Say that files of a type are not read."""
    return invalid(
        [
            Problem(
                "contentType",
                f"{content_type!r} is not read here; text/*, image/*, application/pdf, json, xml and yaml "
                "are.",
            )
        ]
    )


def document_field(documents: Documents) -> DocumentField:
    """Describe where a file stands in a body."""
    return DocumentField("content", "Document", limits.MAX_DOCUMENT_BYTES, documents.new_path)


async def read(filename: str, content_type: str, upload: Upload, documents: Documents) -> NewDocument:
    """
    Read the text of a file.

    :raises EngineError: 413 when it is too large, 422 when it has no text that can be read here, 503 where it
        takes OCR and none is installed, 504 when it takes too long.
    """
    kind, path = media_type(content_type), upload.taken()
    if is_text(kind):
        text = await asyncio.to_thread(_text_of, path, upload.size)
        return NewDocument(filename, kind, upload.size, text, {})
    if kind == "application/pdf":
        done = await documents.read(path, Kind.PDF)
    elif kind.startswith("image/"):
        done = await documents.read(path, Kind.IMAGE, Options(content_type=kind))
    else:
        raise not_read(kind)
    # What PDFs call a character need not be one.
    text = kept_text(done.text.replace("\0", ""))
    return NewDocument(filename, kind, upload.size, text, _metadata(done))


def _text_of(path: Path, size: int) -> str:
    if size > _MOST_BYTES_EACH * limits.MAX_DOCUMENT_CHARS:
        raise _too_long(f"{size:,} bytes")
    return kept_text(decoded(path.read_bytes()))


def _metadata(done: Document) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = {
        "method": done.method.value,
        "pages": done.head.pages,
        "ocrConfidence": done.confidence,
        "title": done.head.title,
        "author": done.head.author,
    }
    return {name: value for name, value in said.items() if value is not None}
