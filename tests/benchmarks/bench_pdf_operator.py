"""The PDF operator beside a bare pypdfium2 loop over the same files, and how busy it keeps an engine."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Goals, in_its_own_process, interleaved, main, measured

if TYPE_CHECKING:
    from collections.abc import Mapping

PDFS = int(os.environ.get("ARTIFICER_BENCH_PDFS", "1000"))
RUNS = int(os.environ.get("ARTIFICER_BENCH_RUNS", "3"))
SCANS = int(os.environ.get("ARTIFICER_BENCH_SCANS", "20"))
PAGES = 10
WORDS = 400
#: How many are different: to print a thousand takes longer than to read them.
PRINTED = 20


def write_pdfs(folder: Path) -> None:
    """Write PDFs of full text pages."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support import pages

    for number in range(min(PRINTED, PDFS)):
        texts = [pages.prose(WORDS, number * PAGES + page) for page in range(PAGES)]
        (folder / f"{number:04}.pdf").write_bytes(pages.printed(texts))
    for number in range(PRINTED, PDFS):
        (folder / f"{number:04}.pdf").write_bytes((folder / f"{number % PRINTED:04}.pdf").read_bytes())


def bare(folder: str) -> dict[str, float]:
    """Read the text of all pages, one after the other, and do nothing with it."""
    import pypdfium2

    read = 0
    with measured() as took:
        for file in sorted(Path(folder).iterdir()):
            document = pypdfium2.PdfDocument(file)
            for page in document:
                text_page = page.get_textpage()
                read += bool(text_page.get_text_bounded())
                text_page.close()
                page.close()
            document.close()
    assert read == PDFS * PAGES
    return {"seconds": took.seconds, "growth": took.growth}


def connect(url: str) -> None:
    os.environ["AIRFLOW_CONN_ARTIFICER_DEFAULT"] = json.dumps(
        {"conn_type": "artificer", "host": url, "extra": {"dialect": "rest"}}
    )


def read(files: Path, output: Path) -> None:
    """Run the operator over files, and land their rows."""
    from support.airflow import StoreDouble, context

    from artificer_provider.operators.pdf import ArtificerProcessPdfOperator

    task = ArtificerProcessPdfOperator(task_id="read", files=str(files), output=str(output))
    told: Mapping[str, object] = task.execute(context(StoreDouble()))
    assert told["outcome"] == "succeeded", told


def operator(folder: str) -> dict[str, float]:
    """Read the text that is there."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support import pdfs

    connect("http://127.0.0.1:9")  # no engine is there: what holds text is read without one
    with tempfile.TemporaryDirectory() as work:
        warm = Path(work) / "warm.pdf"
        warm.write_bytes(pdfs.text_pdf("what is loaded once is not what a page costs. " * 4))
        read(warm, Path(work) / "warm")
        with measured() as took:
            read(Path(folder), Path(work) / "rows")
        [rows] = (Path(work) / "rows").glob("rows-*.jsonl")
        with rows.open() as lines:
            assert sum(1 for _ in lines) == PDFS
    return {"seconds": took.seconds, "growth": took.growth}


def recognised(folder: str) -> dict[str, float]:
    """Have scans recognised by an embedded engine, and look how often none of its readers runs."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support import pages
    from support.engine import running_engine
    from support.forge import running_forge

    scans, looks, ended = Path(folder) / "scans", list[bool](), threading.Event()
    scans.mkdir()
    for number in range(SCANS):
        pictures = pages.pictures(pages.printed([pages.prose(WORDS, number)]))
        (scans / f"{number:04}.pdf").write_bytes(pages.scanned(pictures))
    with running_forge(), running_engine(Path(folder) / "engine") as engine:
        connect(engine.url)
        read(scans / "0000.pdf", Path(folder) / "warm")

        def look_on() -> None:
            while not ended.wait(0.02):
                looks.append(any(map(_runs, _descendants(engine.process.pid))))

        watching = threading.Thread(target=look_on)
        watching.start()
        with measured() as took:
            read(scans, Path(folder) / "rows")
        ended.set()
        watching.join()
    return {"seconds": took.seconds, "idle": 100 * looks.count(False) / len(looks)}


def _descendants(pid: int) -> list[int]:
    from support.processes import children

    found: list[int] = []
    for child in children(pid):
        found += [child, *_descendants(child)]
    return found


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False


def report() -> int:
    goals = Goals(f"Text of {PDFS:,} PDFs of {PAGES} pages with {WORDS} words each")
    with tempfile.TemporaryDirectory() as folder:
        write_pdfs(Path(folder))
        ours, theirs = interleaved(
            RUNS,
            lambda: in_its_own_process(__file__, "operator", folder),
            lambda: in_its_own_process(__file__, "bare", folder),
        )
    rate, bare_rate = (PDFS * PAGES / one["seconds"] for one in (ours, theirs))
    goals.at_most(
        "a page",
        ours["seconds"] / theirs["seconds"],
        1 / 0.7,
        "x bare",
        f"({rate:.0f} pages/s, bare pypdfium2 {bare_rate:.0f}; {rate / bare_rate:.2f} of it)",
    )
    goals.at_most("growth", ours["growth"], 64, "MiB", f"(bare pypdfium2 {theirs['growth']:.0f})")
    with tempfile.TemporaryDirectory() as folder:
        found = in_its_own_process(__file__, "recognised", folder)
    detail = f"({SCANS} scanned pages in {found['seconds']:.0f} s)"
    goals.at_most("the engine's OCR idle", found["idle"], 10, "%", detail)
    return goals.missed


if __name__ == "__main__":
    main({"bare": bare, "operator": operator, "recognised": recognised}, report)
