"""
The command ``artificer``, forked from a process that has imported it already.

To import it takes most of a second, and tests start it hundreds of times. What is forked is a process like
any other: with an environment, a directory and streams of its own, killed and waited for as any other.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

COMMAND = [sys.executable, "-m", "artificer_provider.cli"]


class Streams(NamedTuple):
    """The files that a process has for its own."""

    stdin: int
    stdout: int
    stderr: int


class Forked:
    """A process of the forge, with what tests use of :class:`subprocess.Popen`."""

    def __init__(self, words: Sequence[str], status: int) -> None:
        self.args = words
        self.returncode: int | None = None
        self._over = threading.Event()
        self._status = os.fdopen(status)
        self.pid = int(self._status.readline())
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with self._status:
            # The forge says nothing more where it was ended itself.
            self.returncode = int(self._status.readline() or -signal.SIGKILL)
        self._over.set()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if not self._over.wait(timeout):
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # it has ended, and the forge is yet to say so
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Forge:
    """
    Has processes forked by one of its own, which begins with the first of them.

    :param program: the module whose ``main`` they run, which that process has imported; the command, unless
        another is named.
    """

    def __init__(self, program: str = "") -> None:
        self._arguments = f", {program!r}, [{program!r}]" if program else ""
        self._control: socket.socket | None = None
        self._one_at_a_time = threading.Lock()

    def start(
        self, words: Sequence[str], environment: Mapping[str, str], cwd: Path, streams: Streams
    ) -> Forked:
        asked = json.dumps([list(words), dict(environment), str(cwd)]).encode()
        status, theirs = os.pipe()
        try:
            with self._one_at_a_time:
                control = self._control = self._control or self._begun()
                socket.send_fds(control, [len(asked).to_bytes(4)], [*streams, theirs])
                control.sendall(asked)
        finally:
            os.close(theirs)
        return Forked(words, status)

    def _begun(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    f"from support.forging import forge; forge({theirs.fileno()}{self._arguments})",
                ],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        return ours

    def close(self) -> None:
        if self._control is not None:
            self._control.close()
            self._process.wait()


_running: list[Forge] = []


@contextmanager
def running_forge() -> Iterator[None]:
    """Start commands out of a process that has imported them; it ends with this one, whatever happens."""
    with closing(Forge()) as forge:
        _running.append(forge)
        try:
            yield
        finally:
            _running.pop()


def start_command(
    words: Sequence[str], environment: Mapping[str, str], cwd: Path, streams: Streams
) -> Forked | subprocess.Popen[bytes]:
    """
    Start the command: out of the forge where one runs (the tests), else by itself (the benchmarks).

    :param words: what stands after it.
    :param environment: a Python with other settings than ours begins by itself too, to read them.
    """
    if _running and _of_python(environment) == _of_python(os.environ):
        return _running[-1].start(words, environment, cwd, streams)
    return subprocess.Popen(
        [*COMMAND, *words],
        env=environment,
        cwd=cwd,
        stdin=streams.stdin,
        stdout=streams.stdout,
        stderr=streams.stderr,
    )


def _of_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LANG", "LC_"))}
