"""Spans of OpenTelemetry, in a process that traces. The client neither needs it nor imports it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span as OpenSpan

_NAME = "artificer_provider.client"


class Span(Protocol):
    """One try of a call, from when it is sent until the headers of its reply are there."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What joins the engine's own spans and log to it: ``traceparent``."""
        ...

    def heard(self, status: int, request_id: str | None) -> None:
        """End it with a reply."""
        ...

    def lost(self, reason: str) -> None:
        """End it without one."""
        ...


class _NoSpan:
    headers: Mapping[str, str] = {}

    def heard(self, status: int, request_id: str | None) -> None:
        """Do nothing: nobody traces."""

    def lost(self, reason: str) -> None:
        """Do nothing: nobody traces."""


NO_SPAN: Span = _NoSpan()


class _Traced:
    def __init__(self, span: OpenSpan) -> None:
        from opentelemetry.propagate import inject
        from opentelemetry.trace import set_span_in_context

        self._span = span
        self.headers: dict[str, str] = {}
        # Not made the current span: a generator that goes on elsewhere could not put back what was.
        inject(self.headers, set_span_in_context(span))

    def heard(self, status: int, request_id: str | None) -> None:
        """End it with a reply."""
        self._span.set_attribute("http.response.status_code", status)
        if request_id is not None:
            self._span.set_attribute("artificer.request_id", request_id)
        self._end(f"HTTP {status}" if status >= 400 else None)  # noqa: PLR2004 - where refusals begin

    def lost(self, reason: str) -> None:
        """End it without one, unless its headers were there before."""
        if self._span.is_recording():
            self._end(reason)

    def _end(self, failure: str | None) -> None:
        from opentelemetry.trace import StatusCode

        if failure is not None:
            self._span.set_status(StatusCode.ERROR, failure)
        self._span.end()


def begin(doing: str, method: str, root: str, job_id: str | None) -> Span:
    """
    Begin the span of one try of a call, where there is one under way that it is a part of.

    :param doing: what the call is for, as errors say it.
    :param root: the address of the engine.
    """
    if "opentelemetry.trace" not in sys.modules:
        return NO_SPAN
    from opentelemetry import trace

    if not trace.get_current_span().get_span_context().is_valid:
        return NO_SPAN
    about = {"http.request.method": method, "server.address": root}
    if job_id is not None:
        about["artificer.job_id"] = job_id
    span = trace.get_tracer(_NAME).start_span(doing, kind=trace.SpanKind.CLIENT, attributes=about)
    return _Traced(span)
