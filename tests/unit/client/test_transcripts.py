"""Every recorded exchange that a client of ours makes, made again with a server that answers as recorded."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.recorded import CALLS, DETECTION, HEALTH, RULES, Exchange, exchanges, expected_input
from support.recorded_of_talk import UNDERSTOOD_TALK
from support.same import same
from support.scripted_server import Asked, Reply, ScriptedServer

from artificer_provider.client import Artificer
from artificer_provider.client._settings import user_agent
from artificer_provider.client.dialects.wire import place_of
from artificer_provider.client.errors import (
    ArtificerError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    EngineAnswerError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StatusError,
)
from artificer_provider.client.models.batch import BatchAnalytics, BatchJob, BatchJobResult
from artificer_provider.client.models.health import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = Any

ALL = exchanges()
OURS = [exchange for exchange in ALL if exchange.excluded_by is None]
PLENTY = 1_000_000  # calls a minute: nothing here is paced
APOLOGIES = ("Sorry, I encountered an error", "Too many requests. Please wait", "AI service configuration")

# What the engine refused (or broke at), and our client does not even send.
REFUSED_HERE = {
    "zod createJob many",
    "listJobs limit 101",
    "cleanupCheckpoints bad",
    "orchestration.processText bad",
    "images.processPdf empty",
    "batch.createJob NUL char in input",
    "batch.createJob 3 again",
    "conversations.create bad temp",
    "conversations.create maxTokens 4001",
    "conversations.getById empty",
    "messages.create too long",
    "chat.sendMessage empty",
    "chat.sendMessage too long",
    "projects.create bad",
    "projects.create name too long",
    "search.searchDocuments limit 51",
    # These it took: a name that it changed, an image of no bytes, and concurrency 1.5.
    "projects.uploadDocument txt",
    "images.extractTextFromImage empty",
    "batch.createJob float concurrency",
}


def named(chosen: list[Exchange]) -> list[Any]:
    return [pytest.param(exchange, id=f"{exchange.place}-{exchange.case}") for exchange in chosen]


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def clients(engine: ScriptedServer) -> Iterator[dict[str, Artificer]]:
    made = {
        prefix: Artificer(
            "sk_key", engine.url + prefix, dialect="trpc", retries=0, timeout=10, rate_budget=PLENTY
        )
        for prefix in ("", "/api/trpc")
    }
    yield made
    for client in made.values():
        client.close()


def as_recorded(exchange: Exchange) -> Reply:
    said = exchange.reply
    headers = {"Content-Type": said.get("type", "application/json"), **said.get("headers", {})}
    return Reply(said["status"], headers=headers, raw=said["body"].encode())


def standing(job_id: str, status: str) -> Reply:
    job = {"id": job_id, "name": "n", "status": status, "progress": {"totalItems": 1}}
    return Reply(body={"result": {"data": {"json": {"success": True, "status": job}}}})


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except ArtificerError as error:
        return error


def input_of(asked: Asked) -> Json:
    if asked.method == "GET":
        return json.loads(parse_qs(urlsplit(asked.path).query).get("input", ['{"json": {}}'])[0])
    return asked.json


@pytest.mark.parametrize("exchange", named([e for e in OURS if e.procedure in CALLS]))
def test_the_call_is_the_recorded_one_and_its_reply_is_understood(
    exchange: Exchange, engine: ScriptedServer, clients: dict[str, Artificer]
) -> None:
    engine.forget()
    replies, job_id = [as_recorded(exchange)], exchange.fields.get("jobId", "")
    if exchange.procedure == "batch.startJob":
        replies.insert(0, standing(job_id, "PENDING"))
    if exchange.procedure in MOVES and exchange.reply["status"] == 200:
        replies.append(standing(job_id, "RUNNING"))
    engine.will_answer(*replies)
    found = outcome(lambda: CALLS[exchange.procedure].make(clients[exchange.prefix], exchange.said))
    if exchange.case in REFUSED_HERE:
        assert isinstance(found, ConfigurationError), found
        assert engine.asked == []
        return
    assert not engine.replies
    asked = next(a for a in engine.asked if exchange.path == urlsplit(a.path).path)
    assert (asked.method, asked.headers["authorization"]) == (exchange.method, "Bearer sk_key")
    assert asked.headers["user-agent"] == user_agent()
    if exchange.method == "POST":
        assert asked.headers["content-type"] == "application/json"
    assert input_of(asked) == {"json": expected_input(exchange)}
    if exchange.reply["status"] == 200:
        understand(exchange, found)
    else:
        refuse(exchange, found)


MOVES = {"batch.startJob", "batch.pauseJob", "batch.resumeJob", "batch.cancelJob"}

ERRORS: list[tuple[int, str, type[ArtificerError]]] = [
    (400, "", InvalidRequestError),
    (401, "", AuthenticationError),
    (403, "", PermissionDeniedError),
    (404, "", NotFoundError),
    (412, "", StatusError),
    (413, "", InvalidRequestError),
    (429, "", RateLimitError),
    (431, "", StatusError),
    (500, r"Cannot (pause|resume|cancel) job in status: [A-Z]+", ConflictError),
    (500, r"Cannot delete a running job", ConflictError),
    (500, r"Please wait 300s", RateLimitError),
    (
        500,
        r"(Project|Document) not found|No record was found|(s_conversation|conversations_project)Id_fkey",
        NotFoundError,
    ),
    (500, "", ServerError),
]


def refuse(exchange: Exchange, found: object) -> None:
    """Hold that the error is the right one, and says all that the engine said."""
    status, body = exchange.reply["status"], exchange.reply["body"]
    kind = next(kind for code, words, kind in ERRORS if code == status and re.search(words, body))
    assert type(found) is kind, found
    assert isinstance(found, StatusError)
    assert found.status_code == status
    assert found.body == body[:2000]
    assert found.job_id == exchange.fields.get("jobId")
    if not body.startswith("{"):  # "Body exceeded 1mb limit", or nothing at all
        assert (body or "no reason given") in str(found)
        return
    said = json.loads(body)["error"]["json"]
    assert found.code == said["data"]["code"]
    if not said["message"].startswith("["):
        assert said["message"] in str(found)
        return
    for issue in json.loads(said["message"]):
        assert f"{place_of(issue['path'])}: {issue['message']}" in str(found)


def understand(exchange: Exchange, found: object) -> None:
    """Hold that what came back says what the engine said, and nothing more."""
    answer, procedure = exchange.answer, exchange.procedure
    if procedure.startswith("projects.") and not answer["success"]:
        failed(answer, found)
    elif procedure in UNDERSTOOD:
        UNDERSTOOD[procedure](answer, found)
    elif procedure in MOVES:
        assert isinstance(found, BatchJob)
        assert (found.id, found.status) == (exchange.said["jobId"], "RUNNING")
    elif procedure == "batch.deleteJob":
        assert found is None
    elif any(answer.startswith(APOLOGIES) for answer in texts(answer)) or re.search(
        r'"(error|demo-assistant-v1)"', models(answer)
    ):
        assert isinstance(found, EngineAnswerError), found
    elif exchange.fields.get("options", {}).get("forceOCR"):
        assert isinstance(found, EngineAnswerError), found
        assert found.answer == answer["text"]
    else:
        assert not isinstance(found, ArtificerError), found
        same(answer, found)


def failed(answer: Json, found: object) -> None:
    """Hold that what says 200 and no success is an error, which waiting does not mend."""
    assert type(found) is (NotFoundError if "not found" in answer["error"] else ServerError), found
    assert (found.status_code, found.reason, found.retryable) == (200, answer["error"], False)


def texts(answer: Json) -> list[str]:
    return [phase["response"] for phase in answer.get("chainResults", ())] + [answer.get("content", "")]


def models(answer: Json) -> str:
    answered_by = answer.get("model") if "content" in answer else None
    return json.dumps([answered_by, *(phase["model"] for phase in answer.get("chainResults", ()))])


def created(answer: Json, found: object) -> None:
    same(answer["job"], found)


def status(answer: Json, found: object) -> None:
    assert isinstance(found, BatchJob)
    said, progress = answer["status"], answer["status"]["progress"]
    assert (found.id, found.name, found.status) == (said["id"], said["name"], said["status"])
    assert found.total_items == progress["totalItems"]
    assert found.completed_items == progress["completedItems"]
    assert found.current_phase == said["currentPhase"]
    assert found.error == said["error"]
    assert found.created_at is None  # this wire does not carry it
    assert found.cost_incurred is None  # zero for no tokens: nobody counted
    same(said["startedAt"], found.started_at)
    same(said["completedAt"], found.completed_at)


def jobs(answer: Json, found: Any) -> None:
    assert len(found) == len(answer["jobs"])
    for said, job in zip(answer["jobs"], found, strict=True):
        assert (job.id, job.status, job.total_items) == (said["id"], said["status"], said["totalItems"])
        assert (job.project_id, job.cost_incurred, job.tokens_used) == (said["projectId"], None, None)
        same(said["createdAt"], job.created_at)
        same(said["updatedAt"], job.updated_at)


def rows(answer: Json, found: Any) -> None:
    assert len(found) == len(answer["results"])
    for said, row in zip(answer["results"], found, strict=True):
        assert isinstance(row, BatchJobResult)
        assert (row.item_index, row.status) == (said["itemIndex"], said["status"])
        assert (row.input, row.metadata) == (said["input"]["input"], said["input"].get("metadata"))
        assert (row.output, row.phase_outputs) == (said["output"], said["phaseOutputs"] or {})
        assert [(e.phase, e.error) for e in row.errors] == [(e["phase"], e["error"]) for e in said["errors"]]
        assert (row.cost_incurred, row.tokens_used) == (None, None)
        assert row.processing_time_ms == said["processingTimeMs"]
        assert row.is_apology == any(text.startswith(APOLOGIES) for text in row.phase_outputs.values())


def analytics(answer: Json, found: object) -> None:
    assert isinstance(found, BatchAnalytics)
    said = answer["analytics"]
    assert (found.job_id, found.status) == (said["jobId"], said["status"])
    assert (found.total_items, found.failed_items) == (
        said["overall"]["totalItems"],
        said["overall"]["failedItems"],
    )
    assert (found.cost_incurred, found.tokens_used) == (None, None)
    assert [(p.phase, p.items_processed, p.cost, p.tokens) for p in found.phases] == [
        (p["phase"], p["itemsProcessed"], None, None) for p in said["phases"]
    ]


def authenticated(answer: Json, found: Any) -> None:
    same({**answer, "scopes": answer["scopes"] or []}, found)


def selected(answer: Json, found: Any) -> None:
    """That no model fits is an answer, though it says ``success: false``."""
    same(answer, found)
    assert (found.selected is not None, bool(found.matches)) == ("selected" in answer, "matches" in answer)


UNDERSTOOD: dict[str, Callable[[Json, Any], None]] = {
    "auth.protected": authenticated,
    "export.getFormats": lambda answer, found: same(answer["formats"], found),
    "modelAdmin.listModels": lambda answer, found: same(answer["models"], found),
    "modelAdmin.getFallbackModels": lambda answer, found: same(answer["models"], found),
    "modelAdmin.testSelection": selected,
    "batch.createJob": created,
    "batch.getJobStatus": status,
    "batch.listJobs": jobs,
    "batch.getJobResults": rows,
    "batch.getJobAnalytics": analytics,
    "batch.cleanupCheckpoints": lambda answer, found: same(answer["cleanedCount"], found.cleaned_count),
    **UNDERSTOOD_TALK,
}


@pytest.mark.parametrize("exchange", named([e for e in OURS if e.path in HEALTH]))
def test_health_is_asked_for_beside_the_procedures(
    exchange: Exchange, engine: ScriptedServer, clients: dict[str, Artificer]
) -> None:
    engine.forget()
    engine.will_answer(as_recorded(exchange))
    found = outcome(clients[exchange.prefix].health)
    assert engine.paths == [exchange.path]
    if exchange.reply["status"] == 200:
        assert isinstance(found, Health)
        assert found.status == json.loads(exchange.reply["body"])["status"]
    else:
        assert type(found) is {404: NotFoundError, 503: ServerError}[exchange.reply["status"]]


@pytest.mark.parametrize("exchange", named([e for e in OURS if e.path in DETECTION]))
def test_the_dialect_is_found_out_by_what_was_recorded(exchange: Exchange, engine: ScriptedServer) -> None:
    engine.forget()
    html = Reply(404, raw=b"<!DOCTYPE html>", headers={"Content-Type": "text/html"})
    trpc = Reply(body={"result": {"data": {"json": {}}}})
    before = {"/openapi.json": [], "/auth.public": [html], "/api/trpc/auth.public": [html, html]}
    after = [trpc] if exchange.path == "/openapi.json" else []
    engine.will_answer(*before[exchange.path], as_recorded(exchange), *after, standing("j", "RUNNING"))
    with Artificer(base_url=engine.url, retries=0) as client:
        assert client.batch.get("j").status == "RUNNING"
    *_, last, job = (urlsplit(path).path for path in engine.paths)
    assert job == last.removesuffix("auth.public") + "batch.getJobStatus"
    assert last in {exchange.path, "/auth.public"}


def test_every_recorded_exchange_is_made_again_or_excluded_by_a_named_rule() -> None:
    counted = Counter(exchange.excluded_by or "made again" for exchange in ALL)
    print(*(f"{count:4} {name}" for name, count in counted.most_common()), sep="\n")  # noqa: T201 - for -s
    assert counted["made again"] >= 454
    assert counted.keys() - {"made again"} == RULES.keys(), "a rule that excludes nothing is none"
    for exchange in OURS:
        assert exchange.procedure in CALLS or exchange.path in HEALTH | DETECTION


def test_what_an_engine_refused_is_refused_before_it_is_sent() -> None:
    refused_there = {
        exchange.case
        for exchange in OURS
        if exchange.procedure in CALLS and exchange.reply["status"] == 400 and not exchange.is_cut
    }
    # A word for a status, a role or a format may be one of a newer engine, and demo mode cannot be known.
    assert refused_there - REFUSED_HERE == {
        "listJobs bad status",
        "demo orchestration.getRoutingAnalytics",
        "messages.create system role",
        "export.exportConversation bad format",
    }
    assert {exchange.case for exchange in OURS} >= REFUSED_HERE
