"""
What deployed engines were asked and answered (``tests/data/wire/client.jsonl``), and our calls for it.

A recorded exchange is either one that a client of ours makes, or excluded by one of :data:`RULES`.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artificer_provider.client.resources.images import SMALLEST_PDF
from artificer_provider.client.states import JobStatus
from support.recorded_of_models import OF_MODELS
from support.recorded_of_talk import BARE, OF_TALK, SAID_OTHERWISE, STAND_INS

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.client import Artificer

Json = Any  # JSON of any shape, as it was recorded

_FILE = Path(__file__).parents[1] / "data" / "wire" / "client.jsonl"
_CUT = re.compile(r"\.\.\.<\d+ (bytes|chars)>$")


@dataclass(frozen=True)
class Exchange:
    place: int
    case: str
    method: str
    path: str
    sent: str | None
    headers: dict[str, str]
    reply: Json

    @property
    def prefix(self) -> str:
        return "/api/trpc" if self.path.startswith(("/api/trpc/", "/api/health")) else ""

    @property
    def procedure(self) -> str:
        return self.path.removeprefix(self.prefix).removeprefix("/")

    @property
    def is_cut(self) -> bool:
        """Whether the recording cut the request off, so that something else has to stand in for it."""
        return _CUT.search(self.sent or "") is not None

    @property
    def said(self) -> Json:
        if self.is_cut:
            return _stand_in(self)
        return {} if self.sent is None else json.loads(self.sent)["json"]

    @property
    def fields(self) -> dict[str, Json]:
        """What was said, by name."""
        return self.said if isinstance(self.said, dict) else {BARE: self.said}

    @property
    def answer(self) -> Json:
        return json.loads(self.reply["body"])["result"]["data"]["json"]

    @property
    def excluded_by(self) -> str | None:
        return next((name for name, applies in RULES.items() if applies(self)), None)


def exchanges() -> list[Exchange]:
    with _FILE.open(encoding="utf-8") as lines:
        return [
            Exchange(
                place,
                said["case"],
                said["method"],
                said["path"],
                said.get("sent"),
                said.get("headers", {}),
                said["reply"],
            )
            for place, said in enumerate(map(json.loads, lines), 1)
        ]


def _job(verb: str) -> Callable[[Artificer, Json], object]:
    return lambda client, said: getattr(client.batch, verb)(said["jobId"])


def _create(client: Artificer, said: Json) -> object:
    more = {"options": said.get("options"), "project_id": said.get("projectId")}
    return client.batch.create(said["name"], said["items"], said["phases"], **more)


def _list(client: Artificer, said: Json) -> object:
    status = JobStatus(said["status"]) if "status" in said else None
    paging = {name: said[name] for name in ("limit", "offset") if name in said}
    return client.batch.list(project_id=said.get("projectId"), status=status, **paging)


def _cleanup(client: Artificer, said: Json) -> object:
    status = JobStatus(said["status"]) if "status" in said else None
    return client.batch.cleanup(older_than_days=said.get("olderThanDays"), status=status)


def _extract(client: Artificer, said: Json) -> object:
    return client.images.extract_text_from_image(b64decode(said["imageData"]), said["contentType"])


def _analyze(client: Artificer, said: Json) -> object:
    image = b64decode(said["imageData"])
    return client.images.analyze_image(image, said["contentType"], prompt=said.get("prompt"))


def _process(client: Artificer, said: Json) -> object:
    return client.images.process_pdf(b64decode(said["pdfData"]), said.get("options"), local="never")


def _check(client: Artificer, said: Json) -> object:
    return client.images.check_pdf_needs_ocr(b64decode(said["pdfData"]), said.get("minTextThreshold", 100))


def _analytics(client: Artificer, said: Json) -> object:
    limit = {"limit": said["limit"]} if "limit" in said else {}
    return client.orchestration.get_analytics(conversation_id=said.get("conversationId"), **limit)


@dataclass(frozen=True)
class Call:
    """
    :param fields: what its input may have.
    :param needed: what its input has to have.
    :param defaults: what our client says although the engine would take it for said (WIRE §5).
    """

    method: str
    make: Callable[[Artificer, Json], object]
    fields: frozenset[str] = frozenset({"jobId"})
    needed: frozenset[str] = frozenset({"jobId"})
    defaults: tuple[tuple[str, object], ...] = ()


def _fields(*names: str) -> frozenset[str]:
    return frozenset(names)


#: How our client makes the call of a procedure.
CALLS: dict[str, Call] = {
    "batch.createJob": Call(
        "POST",
        _create,
        _fields("name", "projectId", "items", "phases", "options"),
        _fields("name", "items", "phases"),
    ),
    "batch.startJob": Call("POST", _job("start")),
    "batch.pauseJob": Call("POST", _job("pause")),
    "batch.resumeJob": Call("POST", _job("resume")),
    "batch.cancelJob": Call("POST", _job("cancel")),
    "batch.deleteJob": Call("POST", _job("delete")),
    "batch.getJobStatus": Call("GET", _job("get")),
    "batch.getJobResults": Call("GET", _job("get_results")),
    "batch.getJobAnalytics": Call("GET", _job("get_analytics")),
    "batch.listJobs": Call(
        "GET",
        _list,
        _fields("projectId", "status", "limit", "offset"),
        _fields(),
        (("limit", 20), ("offset", 0)),
    ),
    "batch.cleanupCheckpoints": Call("POST", _cleanup, _fields("olderThanDays", "status"), _fields()),
    "images.extractTextFromImage": Call(
        "POST", _extract, _fields("imageData", "contentType"), _fields("imageData", "contentType")
    ),
    "images.analyzeImage": Call(
        "POST", _analyze, _fields("imageData", "contentType", "prompt"), _fields("imageData", "contentType")
    ),
    "images.processPdf": Call("POST", _process, _fields("pdfData", "options"), _fields("pdfData")),
    "images.checkPdfNeedsOCR": Call(
        "GET",
        _check,
        _fields("pdfData", "minTextThreshold"),
        _fields("pdfData"),
        (("minTextThreshold", 100),),
    ),
    "orchestration.chainChat": Call(
        "POST",
        lambda client, said: client.orchestration.chain_chat(said["conversationId"], said["content"]),
        _fields("conversationId", "content"),
        _fields("conversationId", "content"),
    ),
    "orchestration.processText": Call(
        "POST",
        lambda client, said: client.orchestration.process_text(said["text"], said["chainConfig"]["phases"]),
        _fields("text", "chainConfig"),
        _fields("text", "chainConfig"),
    ),
    "orchestration.getRoutingAnalytics": Call(
        "GET", _analytics, _fields("limit", "conversationId"), _fields(), (("limit", 50),)
    ),
    **{procedure: Call(*how) for procedure, how in OF_MODELS.items()},
    **{procedure: Call(*how) for procedure, how in OF_TALK.items()},
}

#: How our client makes a call beside the procedures, whose answer is told while it is made (WIRE §7).
STREAMS: dict[str, Callable[[Artificer, Json], Any]] = {
    "/api/stream/chat": lambda client, said: client.chat.stream(said["conversationId"], said["content"]),
    "/api/stream/orchestration": lambda client, said: client.orchestration.stream(
        said["conversationId"], said["content"]
    ),
}

#: Paths that are no procedures' and that our client asks for: health, and to find the dialect out.
HEALTH = frozenset({"/health", "/api/health"})
DETECTION = frozenset({"/openapi.json", "/auth.public", "/api/trpc/auth.public"})


def expected_input(exchange: Exchange) -> Json:
    """What our client says for what was recorded: the same, small things padded and defaults written out."""
    if not isinstance(exchange.said, dict):
        return exchange.said
    said = SAID_OTHERWISE.get(exchange.procedure, dict)(exchange.said)
    if "pdfData" in said:
        said["pdfData"] = b64encode(b64decode(said["pdfData"]).ljust(SMALLEST_PDF, b"\n")).decode()
    return {**dict(CALLS[exchange.procedure].defaults), **said}


def _not_our_path(exchange: Exchange) -> bool:
    return exchange.procedure not in CALLS and exchange.path not in HEALTH | DETECTION


def _another_verb(exchange: Exchange) -> bool:
    call = CALLS.get(exchange.procedure)
    return exchange.method != (call.method if call else "GET")


def _stand_in(exchange: Exchange) -> Json:
    """What is said in place of a large thing, to have its reply."""
    pdf = b64encode(b"%PDF-1.7 in place of a large one").decode()
    options = {"options": {"forceOCR": True}} if "forceOCR" in exchange.case else {}
    return {
        "batch.createJob": {"name": "n", "items": [{"input": "x"}], "phases": [{"name": "p"}]},
        "batch.listJobs": {"projectId": "p"},
        "images.processPdf": {"pdfData": pdf, **options},
        "images.checkPdfNeedsOCR": {"pdfData": pdf},
        "images.extractTextFromImage": {"imageData": pdf, "contentType": "image/png"},
        **STAND_INS,
    }[exchange.procedure]


def _no_envelope(exchange: Exchange) -> bool:
    if exchange.procedure not in CALLS or exchange.is_cut:
        return False
    if exchange.sent is None and not CALLS[exchange.procedure].fields:
        return exchange.method == "POST"  # a question without an argument has no envelope
    try:
        envelope = json.loads(exchange.sent or "")
    except ValueError:
        return True
    return not isinstance(envelope, dict) or envelope.keys() != {"json"}


def _other_fields(exchange: Exchange) -> bool:
    call, said = CALLS.get(exchange.procedure), exchange.fields
    if call is None:
        return False
    phases = [name for phase in said.get("phases", ()) for name in phase]
    items = [name for item in said.get("items", ()) for name in item]
    return (
        not call.needed <= said.keys() <= call.fields
        or not set(phases) <= {"name", "taskType", "model", "useRAG", "validation"}
        or not set(items) <= {"input", "metadata"}
    )


# What Python's types keep out, of which a test of its own says what becomes of it where that matters.
_OTHER_TYPES = {
    "zod item input object",
    "batch.listJobs limit string",
    "batch.listJobs limit 1.5",
    "images.extractTextFromImage data-url",
    "batch.createJob projectId null",
    "batch.createJob empty-string phase fields",
}

# A start of a job that is not PENDING is not sent (WIRE §6.2): test_deployed.py says what is done instead.
_STARTS_NEVER_SENT = {
    "batch.startJob on COMPLETED reruns?",
    "startJob on CANCELLED",
    "startJob second while RUNNING",
    "startJob zombie RUNNING",
}

#: Why an exchange is none of our client's. The first that applies is the reason.
RULES: dict[str, Callable[[Exchange], bool]] = {
    "several calls in one request": lambda e: "," in e.path or "batch=1" in e.path,
    "a path that no call of ours has": _not_our_path,
    "another verb than the procedure's": _another_verb,
    "other headers than ours": lambda e: bool(
        e.headers.keys() & {"content-type", "content-encoding", "origin"}
    ),
    "no reply was recorded": lambda e: e.reply is None,
    "a reply that the recording cut off": lambda e: _CUT.search(e.reply["body"]) is not None,
    "a reply that was recorded packed": lambda e: e.reply["body"].startswith("\x1f"),
    "no envelope, or one that marks values": _no_envelope,
    "fields that our call has not, or leaves none out of": _other_fields,
    "a value of a type that our call does not take": lambda e: e.case in _OTHER_TYPES,
    "a start of a job that is not pending": lambda e: e.case in _STARTS_NEVER_SENT,
}
