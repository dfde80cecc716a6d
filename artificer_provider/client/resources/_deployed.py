"""What a deployed engine answers over ``trpc`` (WIRE §5), in the contract's shape. Nothing is invented."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]


def part(name: str) -> Callable[[Json], Any]:
    """Read one part of an answer."""
    return itemgetter(name)


def whole(answer: list[Json]) -> list[Json]:
    """Read an answer that is a list and nothing else."""
    return answer


def nothing(_answer: object) -> None:
    """Read nothing: the answer only says that it was done."""


def status(answer: Json) -> Json:
    """Read ``getJobStatus``: progress and cost stand in parts of their own."""
    said = answer["status"]
    progress: Json = said.get("progress") or {}
    analytics: Json = said.get("analytics") or {}
    return _figures({**said, **progress, **analytics})


def listed(answer: Json) -> list[Json]:
    """Read ``listJobs``: whole rows."""
    return [_figures(row) for row in answer["jobs"]]


def listed_page(answer: Json) -> Json:
    """Read ``listJobs`` with what it says of the whole list."""
    return {**answer, "jobs": listed(answer)}


def results(answer: Json) -> list[Json]:
    """Read ``getJobResults``."""
    return [row(found) for found in answer["results"]]


def row(found: Json) -> Json:
    """Read one item's row: its input is the text and what was sent with it."""
    sent = found["input"]
    return _figures({**found, "input": sent["input"], "metadata": sent.get("metadata")})


def analytics(answer: Json) -> Json:
    """Read ``getJobAnalytics``."""
    said = answer["analytics"]
    figures = {
        "costIncurred": said["cost"]["total"],
        "tokensUsed": said["tokens"]["total"],
        "phases": [_figures(phase, "cost", "tokens") for phase in said["phases"]],
    }
    return _figures({**said["overall"], **figures, "jobId": said["jobId"], "status": said["status"]})


def message(said: Json) -> Json:
    """Read one of ``chat.getMessages``, which calls a message's moment by another name."""
    return {"createdAt": said.get("timestamp"), **said}


def project(answer: Json) -> Json:
    """Read ``projects.getById``, which counts what the project holds under names of its own."""
    said: Json = answer["project"]
    held: Json = said.get("_count") or {}
    stats = {
        "conversationCount": held.get("conversations"),
        "documentCount": held.get("documents"),
        "knowledgeEntityCount": held.get("knowledgeEntities"),
    }
    return {**{name: value for name, value in said.items() if name != "_count"}, "stats": stats}


def check_of_processed(threshold: float) -> Callable[[Json], Json]:
    """
    Read ``processPdf`` as the check whether a PDF needs OCR, which only small ones fit into (WIRE §5).

    :param threshold: characters a page, below which OCR is needed.
    """

    def read(answer: Json) -> Json:
        metadata, length = answer["metadata"], len(answer["text"].strip())
        pages = metadata["pages"]
        # What was recognised says nothing of how much text was there before.
        needs_ocr = (
            bool(metadata.get("ocrUsed"))
            or not metadata["hasTextContent"]
            or length / max(1, pages) < threshold
        )
        return {
            "needsOCR": needs_ocr,
            "hasTextContent": metadata["hasTextContent"],
            "pages": pages,
            "textLength": length,
            "estimatedOCRCost": pages * OCR_PAGE_COST if needs_ocr else None,
        }

    return read


#: What the deployed engine estimates for a page (WIRE §5).
OCR_PAGE_COST = 0.00015


def _figures(said: Json, cost: str = "costIncurred", tokens: str = "tokensUsed") -> Json:
    """Take a cost of nothing for no tokens as unknown: a deployed engine never counts them (WIRE §6.9)."""
    if not said.get(cost) and not said.get(tokens):
        return {name: value for name, value in said.items() if name not in (cost, tokens)}
    return said
