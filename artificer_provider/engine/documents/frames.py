"""How the engine and a reader talk over a pipe: JSON objects, each with its length before it."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LENGTH = struct.Struct(">I")


def pack(said: Mapping[str, object]) -> bytes:
    """Write one frame."""
    content = json.dumps(said).encode()
    return LENGTH.pack(len(content)) + content


def length_of(head: bytes) -> int:
    """Read how many bytes follow a head."""
    length: int = LENGTH.unpack(head)[0]
    return length


def unpack(content: bytes) -> dict[str, Any]:
    """Read what follows a head."""
    said: dict[str, Any] = json.loads(content)
    return said
