"""The command ``artificer`` as a real process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from support.engine import clean_environment
from support.forge import COMMAND, Streams, start_command
from support.terminal import on_terminal

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.terminal import Terminal

SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The documents on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Command:
    """
    The command in a directory, with an environment.

    :param settings: environment variables, such as the engine's address.
    """

    cwd: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**clean_environment(self.settings), "PYTHONPATH": ":".join(sys.path)}

    def __call__(self, *words: str | Path, stdin: str | bytes = "") -> Ended:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        with TemporaryFile() as read, TemporaryFile() as out, TemporaryFile() as err:
            read.write(given)
            read.seek(0)
            streams = Streams(read.fileno(), out.fileno(), err.fileno())
            running = start_command([*map(str, words)], clean_environment(self.settings), self.cwd, streams)
            try:
                code = running.wait(SECONDS)
            finally:
                running.kill()
            out.seek(0)
            err.seek(0)
            return Ended(code, out.read().decode(), err.read().decode())

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Begin it, for a test that stops it."""
        return subprocess.Popen(
            [*COMMAND, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=self.cwd,
        )

    def on_terminal(self, *words: str | Path, piped: int | None = None) -> AbstractContextManager[Terminal]:
        return on_terminal([*COMMAND, *map(str, words)], self.environment, self.cwd, piped)

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a file beside which the command runs."""
        path = self.cwd / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
