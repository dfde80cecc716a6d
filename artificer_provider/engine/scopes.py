"""What a key has to allow for a call: one table for both dialects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

EVERYTHING: Final = "*"
NOUNS: Final = (
    "auth",
    "batch",
    "chat",
    "conversations",
    "export",
    "images",
    "messages",
    "models",
    "monitoring",
    "orchestration",
    "projects",
    "search",
    "usage",
)
#: Every key has it: who holds one may know what it is.
WHO_AM_I: Final = "auth:read"
#: What is open to all: how the engine is, its contract, which stands in the repository, and the greeting.
_OPEN = re.compile(r"(/api)?/health|/openapi\.json|/docs(/.*)?|/api/auth/public")
#: Whose noun another first step of a path, or another router, is.
_OTHER_NAMES: Final = {"documents": "projects", "modelAdmin": "models"}
#: A conversation's messages are messages. Streams name their noun as the second step.
_MESSAGES = re.compile(r"/api/conversations/[^/]+/messages")
_STREAMS = "stream"
_LOOKS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: What is sent as a body only because it does not fit into an address.
_LOOKING_POSTS = re.compile(
    r"/api/(images/check-pdf-needs-ocr|models/select|search/documents|projects/[^/]+/search)"
)
_LOOKING_MUTATIONS: Final = frozenset({"search.searchDocuments"})


def scope_needed(method: str, path: str) -> str | None:
    """
    Say which scope a REST call needs; None when it is open to all.

    :param path: without the query. What the table does not know needs every scope, so that a path is not open
        because somebody forgot it.
    """
    if _OPEN.fullmatch(path):
        return None
    if _MESSAGES.fullmatch(path):
        noun = "messages"
    else:
        root, api, *steps = [*path.split("/"), "", ""]
        named = steps[1] if steps[0] == _STREAMS else steps[0]
        noun = _OTHER_NAMES.get(named, named) if (root, api) == ("", "api") else ""
    looks = method in _LOOKS or (method == "POST" and _LOOKING_POSTS.fullmatch(path) is not None)
    return _scope(noun, looks=looks)


def scope_of_procedure(name: str, *, is_query: bool) -> str:
    """Say which scope a procedure needs of a caller whom it asks for a key."""
    router = name.partition(".")[0]
    return _scope(_OTHER_NAMES.get(router, router), looks=is_query or name in _LOOKING_MUTATIONS)


def is_allowed(needed: str, held: Iterable[str]) -> bool:
    """Tell whether scopes allow what needs one: the noun alone is both to read and to write."""
    enough = {EVERYTHING, needed}
    if needed != EVERYTHING:
        enough.add(needed.partition(":")[0])
    return needed == WHO_AM_I or not enough.isdisjoint(held)


def is_scope(word: str) -> bool:
    """Tell whether a word is a scope of this engine."""
    noun, colon, kind = word.partition(":")
    return word == EVERYTHING or (noun in NOUNS and (not colon or kind in ("read", "write")))


def _scope(noun: str, *, looks: bool) -> str:
    return f"{noun}:{'read' if looks else 'write'}" if noun in NOUNS else EVERYTHING
