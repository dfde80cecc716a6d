"""The environment of processes that the engine starts: what they take to run, and none of its keys."""

from __future__ import annotations

import os
import re

_NEEDED = re.compile(r"PATH|HOME|LANG|LC_\w+|PYTHON\w+|VIRTUAL_ENV|(LD|DYLD)_LIBRARY_PATH|TMPDIR|SYSTEMROOT")


def without_keys() -> dict[str, str]:
    """Give the variables that a Python of this machine needs."""
    return {name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)}
