"""
What the engine holds in memory with all that it can load: run this file, and it prints a table.

Memory that two of the engine's processes have is counted once, and that they have in common with processes
of others in full. The small model's weights are fetched first.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_engine import EXTRACTIVE, TEXT, Figure, body
from support import pages, processes
from support.conversing import converse, send
from support.documents import REST, Reader
from support.engine import ENGINE, clean_environment, running_engine
from support.projects import Projects

from artificer_provider.engine.llm.weights import MODEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.engine import Engine

GOAL = 450
#: What is said in a conversation, turn by turn: nearly all that the small model has room for.
TURNS, WORDS = 4, 250
#: Seconds to wait for a reply: on a busy machine the small model is slow.
PATIENCE = 300
PARTS = {
    "the reader of documents": "engine.documents.worker",
    "the small language model": "engine.llm.server",
}


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        environment = {"XDG_DATA_HOME": str(home)}
        fetch = [*ENGINE, "--fetch-model"]
        subprocess.run(fetch, env=clean_environment(environment), check=True, capture_output=True)
        with running_engine(home / "data", environment) as engine:
            engine.http.timeout = PATIENCE
            recognise(engine)
            chat(engine)
            figures = held(engine, "OCR and LLM loaded and used", GOAL)
            find(engine)
            figures += held(engine, "MiniLM too, in jobs and search", None)
    print(f"{'what':58} {'value':>9}       goal of goal", *figures, sep="\n")
    return int(any(one.is_missed for one in figures))


def recognise(engine: Engine) -> None:
    """Have scanned pages read: one clean, one noisy, of some 400 words each."""
    scans = pages.pictures(pages.printed([pages.prose(400, seed) for seed in (1, 2)]))
    reader = Reader(engine.http, REST)
    reader.process(pages.scanned([scans[0], pages.noisy(scans[1])]))


def chat(engine: Engine) -> None:
    """Say something long to the small model."""
    conversation = converse(engine, model=MODEL, maxTokens=32)
    for turn in range(TURNS):
        reply = send(engine, conversation, f"{pages.prose(WORDS, turn)} What was that about?")
        reply.raise_for_status()


def find(engine: Engine) -> None:
    """Have documents indexed and found, and a job done by the extractive model."""
    projects = Projects(engine)
    project_id = projects.make()
    projects.add(project_id, " ".join(pages.prose(100, seed) for seed in range(100)))
    projects.wait_until_indexed(project_id)
    assert projects.search(project_id, "Is the bridge open?")
    texts = [{"input": pages.prose(1_000, seed) + TEXT} for seed in range(20)]
    job = engine.create({**body(1, EXTRACTIVE, 5), "items": texts})
    engine.wait_for(job["id"], "COMPLETED")


def held(engine: Engine, when: str, goal: float | None) -> list[Figure]:
    """Give what the engine and its children hold now, each and together."""
    found = {"the engine itself": mapped(engine.process.pid)}
    for name, words in PARTS.items():
        (child,) = processes.children(engine.process.pid, words)
        found[name] = mapped(child)
    return [
        *(Figure(f"{when}: {name}", mebibytes([one]), None, "MB") for name, one in found.items()),
        Figure(f"{when}: together", mebibytes(list(found.values())), goal, "MB"),
    ]


class Mapped(NamedTuple):
    """
    What a process holds, in KiB.

    :param own: what no file holds.
    :param files: of each piece of a file, how much is in memory.
    """

    own: int
    files: dict[str, int]


def mapped(pid: int) -> Mapped:
    """Read what a process holds."""
    own, files = 0, defaultdict[str, int](int)
    piece = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):
            piece = " ".join(rest[1:4])  # where in which file; the address is each process's own
        elif name == "Rss:":
            files[piece] += int(rest[0])
        elif name == "Anonymous:":
            files[piece] -= int(rest[0])
            own += int(rest[0])
    return Mapped(own, files)


def mebibytes(found: Sequence[Mapped]) -> float:
    """Add up what processes hold, what they have of a file once: the most that one of them has."""
    pieces = {piece for one in found for piece in one.files}
    shared = sum(max(one.files.get(piece, 0) for one in found) for piece in pieces)
    return (shared + sum(one.own for one in found)) / 1024


if __name__ == "__main__":
    sys.exit(main())
