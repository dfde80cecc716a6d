"""
A reader: reads documents it is told of over a pipe, until the pipe ends.

Native libraries read what strangers send: here they can take no more than a process of their own with them.
It is run as ``python -m``, and imports what reads a document when the first one comes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

from artificer_provider.engine.documents import frames
from artificer_provider.engine.documents.reading import (
    MEMORY,
    DocumentError,
    Head,
    Kind,
    Ocr,
    Options,
    Page,
    too_large,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Said = dict[str, Any]

#: Seconds after which others get their turn; a page is read to its end.
TURN_SECONDS = 1.0
#: Seconds of CPU for one turn, should nobody be left to end it.
TURN_CPU_SECONDS = 120


def main() -> None:
    """Read what is asked for, one turn after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the engine, which ends this by its pipe
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a native library prints must not get between the frames
    _limit_memory()
    asked: SimpleQueue[Said] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    while True:
        for said in _turn(asked.get()):
            replies.write(frames.pack(said))
            replies.flush()


def _listen(pipe: BinaryIO, asked: SimpleQueue[Said]) -> None:
    """Take in what is asked; the end of the pipe is the end of the engine, also in the middle of a page."""
    while head := pipe.read(frames.LENGTH.size):
        asked.put(frames.unpack(pipe.read(frames.length_of(head))))
    os._exit(0)


def _turn(asked: Said) -> Iterator[Said]:
    """Take a turn at a document, and say how it ended."""
    _limit_cpu()
    try:
        yield from _pages(asked)
    except DocumentError as refused:
        yield _refused(refused)
    except MemoryError:
        mebibytes = MEMORY // 1024**2
        yield _refused(too_large(f"The document takes more memory than it is given here ({mebibytes} MiB)."))
    except Exception:  # noqa: BLE001 - whatever it was, the engine's log shall have it
        yield {"failed": traceback.format_exc()}


def _pages(asked: Said) -> Iterator[Said]:
    """Read pages until the turn is over, and say with which to go on: None after the last."""
    until = time.monotonic() + TURN_SECONDS
    following, pages = int(asked["first"]), 0
    for found in _found(asked):
        if isinstance(found, Head):
            yield {"head": asdict(found)}
            pages = found.pages
            continue
        yield {"page": asdict(found)}
        following += 1
        if time.monotonic() > until:
            break
    yield {"next": following if following < pages else None}


def _found(asked: Said) -> Iterator[Head | Page]:
    path, said = Path(asked["path"]), asked["options"]
    if not path.stat().st_size:
        raise unreadable("The document is empty.")
    options = Options(**{**said, "ocr": Ocr(said["ocr"])})
    if Kind(asked["kind"]) is Kind.PDF:
        from artificer_provider.engine.documents.pdf import read_pdf

        return read_pdf(path, options, asked["first"])
    from artificer_provider.engine.documents.imaging import read_image

    return read_image(path, options, asked["first"])


def _refused(error: DocumentError) -> Said:
    return {"refused": [error.status, error.code, error.message]}


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # not every platform knows or keeps such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the document
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _limit_cpu() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + TURN_CPU_SECONDS, most))


if __name__ == "__main__":
    main()
