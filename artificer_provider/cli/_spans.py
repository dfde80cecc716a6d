"""How long, and until when, as people type it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,6})([smhdw])")


def read_span(text: str) -> timedelta:
    """
    Read a span of time: ``90d``, ``12h``, ``30m``, ``45s``, ``2w``; ``0`` is none.

    :raises ValueError: when it is none.
    """
    if text.strip() == "0":
        return timedelta(0)
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"{text!r} is no span of time: write a whole number and s, m, h, d or w, such as 90d"
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def read_end(text: str, now: datetime) -> datetime:
    """
    Read until when: a span from now on, or a date, which ends as it begins (00:00 UTC unless it says more).

    :raises ValueError: when it is neither, or over already.
    """
    try:
        end = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            end = now + read_span(text)
        except (ValueError, OverflowError):
            raise ValueError(
                f"{text!r} is neither a span of time such as 90d nor a date such as 2027-01-31"
            ) from None
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    if end <= now:
        raise ValueError(f"{text!r} is over already")
    return end.astimezone(UTC)
