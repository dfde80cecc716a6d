"""What the C library is told of memory, where it is one that listens (glibc)."""

from __future__ import annotations

import ctypes
from contextlib import suppress

#: So many arenas serve all threads of the engine.
ARENAS = 2
#: Its name for the C library (malloc.h).
_M_ARENA_MAX = -8


def share_arenas() -> None:
    """
    Have threads allocate from a few arenas together; takes effect for threads that begin after it.

    By itself each thread gets one of its own, up to eight a processor, and each keeps what is free in it: an
    engine that works for a day grows until the last of them has seen its largest job. Python's threads take
    turns, so that they hardly ever wait for an arena.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return to the system what is free: for once, after something large that is not done again."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
