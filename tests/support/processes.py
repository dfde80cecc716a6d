"""Processes beside the tests': which there are, and what memory they took."""

from __future__ import annotations

import os
import re
from pathlib import Path


def children(pid: int, words: str = "") -> list[int]:
    """
    Name the children of a process, whichever of its threads made them.

    :param words: what their commands hold: the tests' own process has engines for children too.
    """
    tasks = Path(f"/proc/{pid}/task").iterdir()
    found = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [child for child in found if words in _command(child)]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Tell whether a process is there, and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_stopped(pid: int) -> bool:
    """Tell whether a process is held by SIGSTOP."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def most_memory(pid: int) -> int:
    """Give the most memory that a process ever held, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


def has_proc() -> bool:
    """Tell whether this platform says so much of its processes."""
    return Path(f"/proc/{os.getpid()}/task").is_dir()
