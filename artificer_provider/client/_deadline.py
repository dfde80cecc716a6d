"""How a read ends at its deadline though nothing comes: from outside, for what waits cannot look."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def hung_up_after(seconds: float | None, line: socket.socket | None) -> Generator[None]:
    """
    Hang up when what is done inside takes longer than it may.

    :param seconds: how long it may take; None for as long as it likes.
    :param line: where it reads from.
    """
    if seconds is None or line is None:
        yield
        return
    timer = threading.Timer(seconds, _hang_up, [line])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        line.shutdown(socket.SHUT_RDWR)
