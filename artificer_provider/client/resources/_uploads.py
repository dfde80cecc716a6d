"""A document on its way into a project: its name, its kind, and its bytes on either wire."""

from __future__ import annotations

import mimetypes
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from artificer_provider.client import limits
from artificer_provider.client._core import Repeat, Request, Rest, mutation
from artificer_provider.client.bodies import Base64Source, check_size, first_bytes
from artificer_provider.client.models.projects import Document, UploadDocument
from artificer_provider.client.resources import _deployed
from artificer_provider.client.resources._checked import checked, refused

if TYPE_CHECKING:
    from artificer_provider.client.bodies import Source

#: The text of a PDF is read, page by page, before an upload is answered.
UPLOAD_TIMEOUT = 300.0
#: A deployed engine never comes back from cutting up a shorter text (WIRE §5).
SHORTEST_TEXT = 200
#: How much of a name an error tells.
TOLD_NAME_CHARS = 60
_MOST_BYTES_OF_A_CHARACTER = 4
#: What an engine takes out of a name, or refuses: a retry would not find the document by its own name.
_UNFIT = re.compile(r"[/\\\x00-\x1f\x7f]|\.\.")


def upload(
    documents: str, project_id: str, content: Source, filename: str | None, content_type: str | None
) -> Request[Document]:
    name = filename if filename is not None else _name_of(content)
    doing = f"uploading {name[:TOLD_NAME_CHARS]!r} into project {project_id}"
    kind = content_type if content_type is not None else _kind_of(name)
    source = Base64Source(content)
    check_size(source, limits.MAX_DOCUMENT_BYTES, "the document")
    # The content is read while it is sent, and not here.
    checked(UploadDocument, doing, filename=name, content_type=kind, content=b"")
    if _UNFIT.search(name):
        wrong = "has '/', '\\', '..' or a control character in it, which an engine would take out"
        raise refused(doing, [("filename", wrong)])
    body = {"filename": name, "content": source, "contentType": kind}
    padded = Base64Source(content, padded_to=source.size + _missing_characters(content))
    return Request(
        doing,
        Document,
        rest=Rest("POST", documents, body=body),
        trpc=mutation(
            "projects.uploadDocument",
            {"projectId": project_id, **body, "content": padded},
            read=_deployed.part("document"),
        ),
        repeat=Repeat.UNSENT,
        timeout=UPLOAD_TIMEOUT,
    )


def _name_of(content: Source) -> str:
    """
    Name a document as its file is.

    :raises ConfigurationError: when it has no file.
    """
    if isinstance(content, str | os.PathLike):
        return Path(content).name
    name = getattr(content, "name", None)
    if not isinstance(name, str):
        what = [("filename", f"give one: {type(content).__name__} has no name")]
        raise refused("uploading a document", what)
    return Path(name).name


def _kind_of(filename: str) -> str:
    return mimetypes.guess_type(filename)[0] or "text/plain"


def _missing_characters(content: Source) -> int:
    """Count how many more characters a deployed engine needs, one of which can be several bytes."""
    first = first_bytes(content, SHORTEST_TEXT * _MOST_BYTES_OF_A_CHARACTER)
    return max(0, SHORTEST_TEXT - len(first.decode(errors="ignore")))
