"""How an engine says no."""

from __future__ import annotations

from artificer_provider.client.models._base import Reply


class ErrorDetail(Reply):
    """One thing that is wrong, and where."""

    path: str | None = None
    message: str


class EngineError(Reply):
    """What went wrong, in a word for programs and a sentence for people."""

    code: str | None = None
    message: str
    details: list[ErrorDetail] | None = None
    request_id: str | None = None


class ErrorReply(Reply):
    """The contract's one shape for errors."""

    error: EngineError
