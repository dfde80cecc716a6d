"""
Server-sent events, put together from the pieces of a reply, which can be cut anywhere.

What the lines of an event say is read by httpx-sse. Its ``EventSource``, which also finds the lines, is not
used: it comes back only with a whole event, so that a stream of comments outlasts every deadline and an event
without an end fills the memory; and it holds back an event that ends in a lone CR until more arrives.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpx_sse import ServerSentEvent

    #: Takes the lines of events, and gives an event for the empty line that ends it.
    LineReader = Callable[[str], ServerSentEvent | None]

#: The only line breaks there are: str.splitlines() would break at U+2028 too, which an answer may hold.
_BREAK = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class Events:
    """
    Takes pieces and gives the events that end in them.

    :param read: what reads their lines.
    """

    def __init__(self, read: LineReader) -> None:
        self._read = read
        self._line = bytearray()
        self._lines_size = 0
        self._is_first = True
        self._after_cr = False

    @property
    def pending(self) -> int:
        """How many bytes wait for the end of their event."""
        return self._lines_size + len(self._line)

    def feed(self, piece: bytes) -> Iterator[ServerSentEvent]:
        """Take the next piece, and give the events that end in it."""
        # A CR ends its line at once; an LF that comes after it, perhaps in the next piece, belongs to it.
        rest = piece.removeprefix(b"\n") if self._after_cr else piece
        self._after_cr = piece.endswith(b"\r") or (self._after_cr and not piece)
        *ended, begun = _BREAK.split(rest)
        for line in ended:
            event = self._end_line(line)
            if event is not None:
                yield event
        self._line += begun

    def finish(self) -> Iterator[ServerSentEvent]:
        """Give the event that only the end of the reply ends, though a strict reader would drop it."""
        for event in (self._end_line(), self._end_line()):
            if event is not None:
                yield event

    def _end_line(self, ending: bytes = b"") -> ServerSentEvent | None:
        line = ending
        if self._line:
            line = bytes(self._line) + ending
            self._line.clear()
        if self._is_first:
            line = line.removeprefix(_BOM)
            self._is_first = False
        if not line:
            self._lines_size = 0
        elif not line.startswith(b":"):
            self._lines_size += len(line)
        # No character of UTF-8 has a line break in it, so that a line can be decoded on its own.
        return self._read(line.decode(errors="replace"))
