"""Tasks that read documents, what they land, and a process of its own to kill one in."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artificer_provider.client import pdf as local_pdf
from artificer_provider.operators.image import ArtificerAnalyzeImageOperator, ArtificerExtractTextOperator
from artificer_provider.operators.pdf import ArtificerCheckPdfOperator, ArtificerProcessPdfOperator
from support import pdfs
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.chain import FileStore

if TYPE_CHECKING:
    import pytest
    from airflow.providers.common.compat.sdk import Context

    from artificer_provider.operators._documents import DocumentOperator

#: More than a stamp has, so that no OCR is needed.
LONG = "The quick brown fox jumps over the lazy dog, and the dog lets it pass: it has seen foxes jump before."
KINDS: dict[str, type[DocumentOperator]] = {
    "process": ArtificerProcessPdfOperator,
    "check": ArtificerCheckPdfOperator,
    "extract": ArtificerExtractTextOperator,
    "analyze": ArtificerAnalyzeImageOperator,
}


class Reading:
    """One run over the files of a folder, with the store of its tries."""

    def __init__(self, folder: Path, name: str, kind: str = "process") -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        self.output = folder / "rows"
        self.kind = kind
        self.name = name
        self.store = StoreDouble()

    @property
    def context(self) -> Context:
        return context(self.store, replace(TaskInstanceDouble(), run_id=self.name))

    def put(self, **documents: bytes) -> None:
        """Put files into the inbox: ``a_pdf=…`` is ``a.pdf``."""
        for name, document in documents.items():
            (self.inbox / ".".join(name.rsplit("_", 1))).write_bytes(document)

    def task(self, **changes: Any) -> Any:
        arguments = {"task_id": "read", "files": str(self.inbox), "output": str(self.output), **changes}
        return KINDS[self.kind](**arguments)

    def execute(self, **changes: Any) -> dict[str, Any]:
        told: dict[str, Any] = self.task(**changes).execute(self.context)
        return told

    @property
    def rows(self) -> list[dict[str, Any]]:
        return landed(self.output)

    @property
    def by_name(self) -> dict[str, dict[str, Any]]:
        return {Path(row["file"]).name: row for row in self.rows}

    @property
    def statuses(self) -> dict[str, str]:
        return {name: row["status"] for name, row in self.by_name.items()}

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.output / "manifest.json").read_text())
        return found


def landed(output: Path) -> list[dict[str, Any]]:
    """All rows that are landed, with a manifest or without."""
    files = sorted(output.glob("rows-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def times_written(output: Path) -> Counter[str]:
    """How often tries wrote a row down for each file; half a line is none."""
    files = (output / ".parts").glob("*.jsonl")
    lines = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
    return Counter(Path(json.loads(line)["file"]).name for line in lines if line.endswith(b"\n"))


def text_pdf(text: str, pages: int = 1) -> bytes:
    """A PDF with enough text on each page."""
    return pdfs.text_pdf(*(f"{text} {number}\n{LONG}" for number in range(1, pages + 1)))


def counted_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the PDFs that are read here from now on, each time they are."""
    names: list[str] = []
    read_pdf = local_pdf.read_pdf

    def counted(source: Any, **more: Any) -> Any:
        names.append(source.name)
        return read_pdf(source, **more)

    monkeypatch.setattr(local_pdf, "read_pdf", counted)
    return names


def execute(folder: Path, kind: str, run_id: str, changes: dict[str, Any]) -> None:
    """Try once, with a store that outlives this process."""
    store = FileStore(folder / "store.json")
    arguments = {"task_id": "read", "files": str(folder / "inbox"), "output": str(folder / "rows"), **changes}
    KINDS[kind](**arguments).execute(context(store, replace(TaskInstanceDouble(), run_id=run_id)))


if __name__ == "__main__":
    execute(Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4]))
