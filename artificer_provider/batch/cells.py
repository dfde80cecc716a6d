"""Text in a CSV file, which a spreadsheet must not take for a formula."""

from __future__ import annotations

import re

# The signs of OWASP's list; the last four are the full-width ones, which some take for the others.
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def as_cell(value: object) -> object:
    """
    Write a value so that no spreadsheet computes it: a text that begins like a formula gets an apostrophe.

    A formula can send a table elsewhere or start a program. A number stays one, also as text: ``-5``. What
    has its apostrophe already gets no other, so that writing a table again changes nothing.
    """
    if not isinstance(value, str) or _FORMULA.match(value) is None or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"
