"""
A process that ends others when the tests are over, however they ended: killed with SIGKILL too.

It reads from its standard input what it has to look after, and acts once nobody holds the other end any more.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from processes import session_members


class Warden:
    """Start the process, and tell it what would be left behind."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.warden"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def look_after(self, session: int) -> None:
        """Have a session's processes killed in the end."""
        self._tell(f"session {session}")

    def remove(self, folder: Path) -> None:
        """Have a folder removed in the end."""
        self._tell(f"folder {folder}")

    def unmount(self, folder: Path) -> None:
        """Have a disk taken away from a folder in the end."""
        self._tell(f"mount {folder}")

    def _tell(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        self._process.stdin.flush()

    def close(self) -> None:
        """Have it act now, and wait for its end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    # What ends the tests may be sent to all that they started.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    told = [line.rstrip("\n").partition(" ") for line in sys.stdin]
    for kind, _, what in told:
        if kind == "session":
            for pid in session_members(int(what)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    for kind, _, what in told:
        if kind == "mount" and Path(what).is_mount():
            subprocess.call(["umount", "--lazy", what])  # noqa: S607 - where it lies differs between systems
        if kind == "folder":
            shutil.rmtree(Path(what), ignore_errors=True)


if __name__ == "__main__":
    main()
