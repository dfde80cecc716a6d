"""Replies that their readers leave open: they end before the interpreter does."""

from __future__ import annotations

import atexit
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    import httpx

#: Every reply of a synchronous client, from its headers on.
replies: WeakSet[httpx.Response] = WeakSet()


@atexit.register
def close_replies() -> None:
    """Close what is open: httpx would do so too late, and crash Python 3.13 (python/cpython#132413)."""
    for reply in [*replies]:
        with suppress(Exception):  # nobody is left to be told, and the next one is to be closed too
            reply.close()
