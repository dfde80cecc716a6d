"""OpenAI's chat completions, as they come: whole, or piece by piece as server-sent events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, JsonValue, ValidationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVENTS = "text/event-stream"
#: A server that never ends its line would fill the memory.
MAX_LINE_BYTES = 1024 * 1024
_DONE = b"[DONE]"


class NoCompletionError(Exception):
    """What came is no chat completion, or the server broke off; the sentence says which."""


class Usage(BaseModel):
    """What a call used, as far as the server says."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class Message(BaseModel):
    """An answer."""

    content: str | None = None


class Choice(BaseModel):
    """One of the answers; there is one."""

    message: Message


class Completion(BaseModel):
    """A whole reply."""

    model: str | None = None
    choices: list[Choice]
    usage: Usage | None = None


class _Piece(BaseModel):
    delta: Message = Field(default_factory=Message)
    finish_reason: str | None = None


class _Chunk(BaseModel):
    model: str | None = None
    choices: list[_Piece] = Field(default_factory=list[_Piece])
    usage: Usage | None = None
    error: JsonValue = None


@dataclass
class Heard:
    """
    What has come of an answer so far.

    :param is_done: whether the server said that this was all.
    """

    model: str | None = None
    usage: Usage | None = None
    is_done: bool = False
    pieces: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """The answer, as far as it came."""
        return "".join(self.pieces)

    def take(self, data: bytes) -> str:
        """
        Take in one event, and give the text that it brings, which may be none.

        :raises NoCompletionError: when it is no piece of a completion, or says that there will be no more.
        """
        if data == _DONE:
            self.is_done = True
            return ""
        try:
            chunk = _Chunk.model_validate_json(data)
        except ValidationError as error:
            raise NoCompletionError("sent something that is no piece of a chat completion") from error
        if chunk.error is not None:
            said = chunk.error.get("message") if isinstance(chunk.error, dict) else chunk.error
            raise NoCompletionError(f"broke off: {said}")
        self.model = chunk.model or self.model
        self.usage = chunk.usage or self.usage
        piece = "".join(choice.delta.content or "" for choice in chunk.choices)
        self.is_done = self.is_done or any(choice.finish_reason for choice in chunk.choices)
        if piece:
            self.pieces.append(piece)
        return piece


async def event_data(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """
    Cut server-sent events out of bytes that come as they please, and give what each says.

    :raises NoCompletionError: when a line does not end.
    """
    data: list[bytes] = []
    async for line in _lines(pieces):
        if line.startswith(b"data:"):
            data.append(line.removeprefix(b"data:").lstrip(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:  # the last event, of a server that leaves the empty line after it out
        yield b"\n".join(data)


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise NoCompletionError(f"sent a line of more than {MAX_LINE_BYTES // 1024} KiB")
        for line in lines:
            yield line.rstrip(b"\r")
    yield rest.rstrip(b"\r")
