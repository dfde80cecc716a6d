"""What the engine's process keeps of the memory that its threads have used."""

from __future__ import annotations

import platform
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from artificer_provider.engine.memory import ARENAS

if TYPE_CHECKING:
    from support.engine import Engine

#: What glibc reserves for each arena but the first, at a multiple of it (arena.c: HEAP_MAX_SIZE).
HEAP = 64 * 2**20
MAPPED = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ 0 *$", re.MULTILINE)


class Mapping(NamedTuple):
    begin: int
    end: int
    access: str


def heaps(pid: int) -> int:
    """Count the reservations of which the first part is in use and the rest is not."""
    found = MAPPED.findall(Path(f"/proc/{pid}/maps").read_text())
    mapped = [Mapping(int(begin, 16), int(end, 16), access) for begin, end, access in found]
    return sum(
        used.begin % HEAP == 0 and used.end == rest.begin and rest.access == "---p" and rest.end % HEAP == 0
        for used, rest in pairwise(mapped)
    )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no arenas")
def test_many_threads_share_a_few_arenas(llm_engine: Engine) -> None:
    items = [{"input": f"text {n}"} for n in range(200)]
    body = {"name": "n", "items": items, "phases": [{"name": "one"}], "options": {"concurrency": 20}}
    llm_engine.wait_for(llm_engine.create(body)["id"], "COMPLETED")
    threads = len(list(Path(f"/proc/{llm_engine.process.pid}/task").iterdir()))
    assert threads > ARENAS + 1
    assert 1 <= heaps(llm_engine.process.pid) < ARENAS
