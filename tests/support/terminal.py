"""A process on a terminal of its own, and what it shows there."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

ROWS, COLUMNS = 50, 160


class Terminal:
    """
    What stands on the terminal, and the keys that are typed.

    :param piped: what stdout is, where that is no terminal.
    """

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], cwd: Path, piped: int | None = None
    ) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            words,
            stdin=theirs,
            stdout=theirs if piped is None else piped,
            stderr=theirs,
            env={**environment, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)},
            cwd=cwd,
            start_new_session=True,
        )
        os.close(theirs)
        self._ours = ours
        self._seen = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._ours, 65536)
            except OSError:  # nobody has the other end open any more
                return
            if not piece:
                return
            self._seen += piece

    @property
    def shown(self) -> str:
        """All that was written, with what the terminal was told to do."""
        return self._seen.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        wait_until(
            lambda: text in self.shown or self.process.poll() is not None, f"{text!r} shown: {self.shown}"
        )
        assert text in self.shown, self.shown

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def ended(self, seconds: float = 30.0) -> int:
        """Wait for the end, and give the exit code; all that was written is there then."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._ours)


@contextmanager
def on_terminal(
    words: Sequence[str], environment: Mapping[str, str], cwd: Path, piped: int | None = None
) -> Iterator[Terminal]:
    """Run a process on a terminal, and end it whatever happens."""
    terminal = Terminal(words, environment, cwd, piped)
    try:
        yield terminal
    finally:
        terminal.close()
