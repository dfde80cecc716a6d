"""PDFs in a DAG: their text, a row for each, and what it would cost to recognise them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.operators._documents import DocumentOperator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.providers.common.compat.sdk import Context

    from artificer_provider.batch.plan import Json
    from artificer_provider.operators._document_rows import DocumentRow
    from artificer_provider.operators._readings import PdfNeeds, PdfText

#: Documents of a check that go to XCom at most.
_SHOWN = 10


class ArtificerProcessPdfOperator(DocumentOperator):
    """
    Read the text of PDFs, some at once, and land a row for each.

    A PDF that holds text is read on the worker, without a call and for nothing; the engine gets only what
    has to be recognised (OCR). Each row is written down as soon as it is made: a document that fails does not
    lose the others, and a try that dies is followed by one that reads, and pays for, only what has no row
    yet. A short form of the manifest goes to XCom, and a batch takes the landed folder for its ``items``. The
    task fails when more documents than allowed have no text, with all rows landed; clear it, and only those
    are done over.

    The task holds its worker until it is done.

    :param files: a PDF, a folder or a pattern such as ``s3://inbox/*.pdf``, or a list of these.
    :param output: the folder for rows and manifest, a path or URL on any object storage Airflow knows. One
        folder a run: put ``{{ run_id }}`` into it.
    :param output_format: ``jsonl``, ``jsonl.gz``, ``csv`` or ``parquet``. A batch takes ``jsonl``.
    :param local: ``auto`` reads a PDF on the worker first, where the extra ``pdf`` is installed, and calls
        the engine only when OCR is needed; ``never`` always calls; ``always`` never does.
    :param force_ocr: recognise every page as a picture, though it may hold text.
    :param min_text_threshold: characters a page below which OCR is needed (100 unless given).
    :param dpi: how large a page is drawn to be recognised, in dots an inch, 72 to 400; only ``rest`` carries
        it.
    :param max_pages: a PDF of more pages is refused; only ``rest`` carries it to the engine.
    :param concurrency: documents under way at once, 1 to 50.
    :param max_failed: how many documents may have no text: a count, or a share from 0.0 to 1.0.
    :param max_cost: US dollars; when it is passed no further document is begun, and the task fails.
    :param on_unknown_cost: what a run with ``max_cost`` does on an engine that does not say what it costs:
        ``fail``, or ``ignore`` and spend without a limit.
    :param retry_failed: how often the documents that failed are done over.
    :param timeout: how long the run may take from its first document on; then no further one is begun, and
        the task fails. A day, or what ``[artificer] timeout`` says.
    :param allow_empty: whether no file at all is no failure.
    :param artificer_conn_id: the connection to the engine.
    """

    def __init__(
        self,
        *,
        output: str,
        local: str = "auto",
        force_ocr: bool = False,
        min_text_threshold: float | None = None,
        dpi: int | None = None,
        max_pages: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - DocumentOperator's
    ) -> None:
        super().__init__(output=output, **kwargs)
        self.local = local
        self.force_ocr = force_ocr
        self.min_text_threshold = min_text_threshold
        self.dpi = dpi
        self.max_pages = max_pages
        from artificer_provider.operators._arguments import check_pdf

        check_pdf(local, min_text_threshold, dpi, max_pages, force_ocr=force_ocr)

    def reading(self) -> PdfText:
        """Say how a PDF is read."""
        from artificer_provider.operators._readings import PdfText, read_local

        return PdfText(
            read_local(self.local), self.force_ocr, self.min_text_threshold, self.dpi, self.max_pages
        )


class ArtificerCheckPdfOperator(DocumentOperator):
    """
    Tell which PDFs have to be recognised (OCR), and what that would cost; nothing is billed.

    Counts, the pages, the estimate and the first documents go to XCom; rows are landed where ``output`` says.

    :param files: a PDF, a folder or a pattern such as ``s3://inbox/*.pdf``, or a list of these.
    :param output: the folder for rows and manifest; none are kept unless given.
    :param output_format: ``jsonl``, ``jsonl.gz``, ``csv`` or ``parquet``.
    :param min_text_threshold: characters a page below which OCR is needed.
    :param local: ``auto`` reads a PDF on the worker first, where the extra ``pdf`` is installed, and asks the
        engine only what OCR would cost where it is needed; ``never`` always asks; ``always`` never does, and
        tells no cost.
    :param concurrency: documents under way at once, 1 to 50.
    :param max_failed: how many documents may be unreadable: a count, or a share from 0.0 to 1.0.
    :param retry_failed: how often the documents that failed are done over.
    :param timeout: how long the run may take from its first document on; then no further one is begun, and
        the task fails. A day, or what ``[artificer] timeout`` says.
    :param allow_empty: whether no file at all is no failure.
    :param artificer_conn_id: the connection to the engine.
    """

    def __init__(
        self,
        *,
        output: str | None = None,
        min_text_threshold: float = 100,
        local: str = "auto",
        **kwargs: Any,  # noqa: ANN401 - DocumentOperator's
    ) -> None:
        super().__init__(output=output, **kwargs)
        self.min_text_threshold = min_text_threshold
        self.local = local
        from artificer_provider.operators._arguments import check_pdf

        check_pdf(local, min_text_threshold, None, None)

    def reading(self) -> PdfNeeds:
        """Say how a PDF is checked."""
        from artificer_provider.operators._readings import PdfNeeds, read_local

        return PdfNeeds(self.min_text_threshold, read_local(self.local))

    def execute(self, context: Context) -> dict[str, Json]:
        """Check all of them; return counts, pages, the estimate, and the first documents."""
        if self.output_path is not None:
            return self._summed(super().execute(context))
        import tempfile

        from artificer_provider.operators._ledger import Ledger
        from artificer_provider.operators._store import TryStore

        with tempfile.TemporaryDirectory(prefix="artificer-") as folder:
            # What is landed there ends with this try, and so must what is known of it.
            told = self.landed_in(folder, Ledger(TryStore(), self.run_key(context)))
            return self._summed({**told, "path": None, "manifest": None})

    def _summed(self, told: dict[str, Json]) -> dict[str, Json]:
        return summary(told, () if self._run is None else self._run.rows())


def summary(told: dict[str, Json], rows: Iterable[DocumentRow]) -> dict[str, Json]:
    """
    Sum up a check for XCom: at most 4 KiB.

    :param told: the short manifest.
    """
    from artificer_provider.batch.chain import total
    from artificer_provider.operators._landing import XCOM_BYTES, fitting, size

    pages = needed = 0
    cost: float | None = 0.0
    first: list[Json] = []
    for row in rows:
        if "needs_ocr" not in row.values:  # it could not be read
            continue
        needs_ocr, estimated = bool(row.values["needs_ocr"]), row.values["estimated_cost"]
        pages += _number(row.values["pages"])
        needed += needs_ocr
        cost = total([cost, estimated if isinstance(estimated, int | float) else None])
        if len(first) < _SHOWN:
            first.append({"file": row.file, "pages": row.values["pages"], "needs_ocr": needs_ocr})
    kept = ("manifest", "path", "outcome", "items", "counts")
    short: dict[str, Json] = {
        **{name: told[name] for name in kept},
        "pages": pages,
        "needs_ocr": needed,
        "estimated_cost": cost,
        "documents": [],
    }
    short["documents"] = fitting(first, XCOM_BYTES - size(short))
    return short


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
