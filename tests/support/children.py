"""The processes that a process has started."""

from __future__ import annotations

import subprocess
from typing import NamedTuple


class Child(NamedTuple):
    pid: int
    command: str


def running() -> dict[int, tuple[int, str]]:
    """Give the parent and the command of each process that has not ended."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,args="],  # noqa: S607 - it is elsewhere on each system
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    return {int(row[0]): (int(row[1]), row[-1]) for row in rows if not row[2].startswith("Z")}


def child_of(pid: int, words: str) -> Child | None:
    """Find the child whose command has these words in it."""
    for child, (parent, command) in running().items():
        if parent == pid and words in command:
            return Child(child, command)
    return None
