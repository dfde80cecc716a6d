"""What processes hold while they have nothing to do."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Upkeep:
    """
    What some processes hold together.

    :param memory: the proportional set size, in kB: what several share is counted once.
    :param files: open ones of every kind, connections included.
    :param connections: sockets.
    """

    processes: int
    memory: int
    files: int
    connections: int
    threads: int

    def grown_since(self, earlier: Upkeep, share: float) -> list[str]:
        """Name what there is more of than that share more than there was."""
        names = ("processes", "memory", "files", "connections", "threads")
        pairs = [(name, getattr(earlier, name), getattr(self, name)) for name in names]
        return [f"{name}: {then} -> {now}" for name, then, now in pairs if now > then * (1 + share)]


def least(looks: Iterable[Upkeep]) -> Upkeep:
    """Of each kind, take the look at which there was least."""
    return Upkeep(*map(min, zip(*map(astuple, looks), strict=True)))


def upkeep_of(pids: Iterable[int]) -> Upkeep:
    """Look at some processes; one that ends meanwhile is left out."""
    found: list[tuple[int, ...]] = []
    for pid in pids:
        with suppress(OSError):
            found.append(_of_one(Path(f"/proc/{pid}")))
    return Upkeep(len(found), *(sum(column) for column in zip(*found, strict=True)))


def _of_one(process: Path) -> tuple[int, int, int, int]:
    memory = re.search(r"^Pss:\s+(\d+) kB", (process / "smaps_rollup").read_text(), re.MULTILINE)
    assert memory is not None
    targets = [_target(file) for file in (process / "fd").iterdir()]
    sockets = sum(target.startswith("socket:") for target in targets)
    return int(memory[1]), len(targets), sockets, len(list((process / "task").iterdir()))


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:
        return ""  # closed meanwhile
