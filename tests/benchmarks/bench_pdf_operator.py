"""The PDF operator beside a bare pypdfium2 loop over the same files: pages a second, and memory."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from measure import Goals, in_its_own_process, interleaved, main, measured

PDFS = int(os.environ.get("ARTIFICER_BENCH_PDFS", "1000"))
RUNS = int(os.environ.get("ARTIFICER_BENCH_RUNS", "3"))
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


def operator(folder: str) -> dict[str, float]:
    """Run the operator over them, and land their rows."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support import pdfs
    from support.airflow import StoreDouble, context

    from artificer_provider.operators.pdf import ArtificerProcessPdfOperator

    # No engine is there: what holds text is read without one.
    os.environ["AIRFLOW_CONN_ARTIFICER_DEFAULT"] = json.dumps(
        {"conn_type": "artificer", "host": "http://127.0.0.1:9", "extra": {"dialect": "rest"}}
    )

    def read(files: str, output: Path) -> int:
        task = ArtificerProcessPdfOperator(task_id="read", files=files, output=str(output))
        told = task.execute(context(StoreDouble()))
        counts = told["counts"]
        assert isinstance(counts, dict)
        succeeded = counts["succeeded"]
        assert isinstance(succeeded, int)
        return succeeded

    with tempfile.TemporaryDirectory() as work:
        warm = Path(work) / "warm.pdf"
        warm.write_bytes(pdfs.text_pdf("what is loaded once is not what a page costs. " * 4))
        read(str(warm), Path(work) / "warm")
        with measured() as took:
            assert read(folder, Path(work) / "rows") == PDFS
    return {"seconds": took.seconds, "growth": took.growth}


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
    return goals.missed


if __name__ == "__main__":
    main({"bare": bare, "operator": operator}, report)
