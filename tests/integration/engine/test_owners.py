"""Rows belong to their owner: to everybody else they are not there, whichever way one asks."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from support.engine import running_engine
from support.keys import give_key
from support.trpc import Trpc, error_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    from support.engine import Engine
    from support.keys import Holder

NOBODYS = "nobodys-id"
JOB = {
    "name": "mine",
    "items": [{"input": "A text."}],
    "phases": [{"name": "p", "taskType": "summarize"}],
    "options": {"autoStart": False},
}


class Owners(NamedTuple):
    """Two owners on one engine; ``ids`` are of rows that the first has."""

    one: Holder
    other: Holder
    ids: dict[str, str]


Made = dict[str, str]
#: How a row is made that a parameter of a path names. Each may use what was made before it.
MAKERS: dict[str, Callable[[httpx.Client, Made], httpx.Response]] = {
    "job_id": lambda http, _: http.post("/api/batch", json=JOB),
    "project_id": lambda http, _: http.post("/api/projects", json={"name": "mine"}),
    "document_id": lambda http, made: http.post(
        f"/api/projects/{made['project_id']}/documents",
        json={
            "filename": "a.txt",
            "contentType": "text/plain",
            "content": base64.b64encode(b"The bridge is closed. " * 20).decode(),
        },
    ),
    "conversation_id": lambda http, _: http.post("/api/conversations", json={"title": "mine"}),
    "message_id": lambda http, made: http.post(
        f"/api/conversations/{made['conversation_id']}/messages", json={"role": "user", "content": "Hello."}
    ),
}
#: Bodies that would be taken of the owner, by operation; ``{name}`` stands for an id of his.
BODIES: dict[str, dict[str, Any]] = {
    "createMessage": {"role": "user", "content": "Hello."},
    "updateMessage": {"content": "Hello."},
    "updateConversation": {"title": "theirs"},
    "nameConversation": {"firstMessage": "Hello."},
    "updateProject": {"name": "theirs"},
    "associateConversation": {"conversationId": "{conversation_id}"},
    "uploadDocument": {"filename": "a.txt", "contentType": "text/plain", "content": "YWJj"},
    "searchProject": {"query": "bridge"},
    "updateDocument": {"content": "A text."},
    "proposeDocumentUpdate": {"conversationContext": "c", "userRequest": "r"},
    # Where the id is in the body alone.
    "chainChat": {"conversationId": "{conversation_id}", "content": "Hello."},
    "sendMessage": {"conversationId": "{conversation_id}", "content": "Hello."},
    "streamMessage": {"conversationId": "{conversation_id}", "content": "Hello."},
    "streamChain": {"conversationId": "{conversation_id}", "content": "Hello."},
    "searchDocuments": {"projectId": "{project_id}", "query": "bridge"},
    "reindexDocument": {"documentId": "{document_id}"},
}
#: Where a row itself can be read.
HOMES = {
    "job_id": "/api/batch/",
    "project_id": "/api/projects/",
    "document_id": "/api/documents/",
    "conversation_id": "/api/conversations/",
}
#: Procedures that take an id, and what else they need.
PROCEDURES: dict[str, object] = {
    **{
        f"batch.{verb}Job": {"jobId": "{job_id}"} for verb in ("start", "pause", "resume", "cancel", "delete")
    },
    "batch.getJobStatus": {"jobId": "{job_id}"},
    "batch.getJobResults": {"jobId": "{job_id}"},
    "batch.getJobAnalytics": {"jobId": "{job_id}"},
    "conversations.getById": "{conversation_id}",
    "conversations.update": {"conversationId": "{conversation_id}", "title": "theirs"},
    "conversations.updateTitle": {"conversationId": "{conversation_id}", "firstMessage": "theirs"},
    "conversations.delete": "{conversation_id}",
    "messages.create": {
        "conversationId": "{conversation_id}",
        "role": "user",
        "content": "Hello.",
        "tokens": 0,
    },
    "messages.getByConversation": {"conversationId": "{conversation_id}"},
    "messages.update": {"id": "{message_id}", "content": "theirs"},
    "messages.delete": "{message_id}",
    "chat.sendMessage": {"conversationId": "{conversation_id}", "content": "Hello."},
    "chat.getMessages": {"conversationId": "{conversation_id}"},
    "orchestration.chainChat": {"conversationId": "{conversation_id}", "content": "Hello."},
    "export.exportConversation": {"conversationId": "{conversation_id}", "format": "json"},
}
QUERIES = re.compile(r"\.(get|list|export)")
PARAMETER = re.compile(r"\{(\w+)\}")


@pytest.fixture(scope="module")
def owners(engine: Engine) -> Owners:
    one, other = give_key(engine, owner="one"), give_key(engine, owner="other")
    needed = {name for _, path, _ in operations(one.http) for name in PARAMETER.findall(path)}
    assert needed <= MAKERS.keys(), "say in MAKERS how such a row is made"
    ids: Made = {}
    for name, make in MAKERS.items():
        if name in needed:
            reply = make(one.http, ids)
            assert reply.status_code == 200, (name, reply.text)
            ids[name] = reply.json()["id"]
    return Owners(one, other, ids)


def operations(http: httpx.Client) -> Iterator[tuple[str, str, str]]:
    """Name every operation of the contract: its method, its path and its id."""
    for path, methods in http.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation["operationId"]


def filled(template: object, ids: Made) -> Any:
    """Put ids where they belong in a body or a path."""
    text = json.dumps(template)
    for name in PARAMETER.findall(text):
        text = text.replace(f"{{{name}}}", ids.get(name, NOBODYS))
    return json.loads(text)


def told(reply: httpx.Response, ids: Made) -> tuple[int, str]:
    """Say what a reply tells, but for the id that was asked for and the request's own."""
    assert reply.status_code == 404, (reply.request.url, reply.text)
    text = re.sub(r'"requestId":\s*"[^"]*"', "", reply.text)
    for one in ids.values():
        text = text.replace(one, NOBODYS)
    return reply.status_code, text


def test_an_id_of_another_owner_is_as_unknown_as_one_that_never_was(owners: Owners) -> None:
    tried: set[str] = set()
    for method, path, name in operations(owners.one.http):
        body = BODIES.get(name)
        if not PARAMETER.search(path + json.dumps(body)):
            continue
        tried.add(name)
        replies = [
            owners.other.http.request(method, filled(path, ids), json=filled(body, ids) if body else None)
            for ids in (owners.ids, {})
        ]
        theirs, nobodys = (told(reply, owners.ids) for reply in replies)
        assert theirs == nobodys, name
    assert {"getBatchJob", "getBatchResults", "deleteBatchJob", "startBatchJob"} <= tried
    for name, value in owners.ids.items():
        if name in HOMES:  # untouched, and still there for its owner
            assert owners.one.http.get(HOMES[name] + value).status_code == 200


@pytest.mark.parametrize("prefix", ["/", "/api/trpc/"])
def test_so_it_is_for_every_procedure(owners: Owners, prefix: str) -> None:
    trpc = Trpc(owners.other.http, prefix)
    for name, template in PROCEDURES.items():
        send = trpc.get if QUERIES.search(name) else trpc.post
        errors: list[str] = []
        for ids in (owners.ids, {}):
            error = error_of(send(name, filled(template, ids)))
            assert error["data"]["code"] == "NOT_FOUND", name
            for one in owners.ids.values():
                error["message"] = error["message"].replace(one, NOBODYS)
            errors.append(error["message"])
        assert errors[0] == errors[1], name
    assert owners.one.trpc.status(owners.ids["job_id"])["status"] == "PENDING"


def test_lists_hold_what_is_ones_own(owners: Owners) -> None:
    mine = owners.one.http.get("/api/batch")
    assert owners.ids["job_id"] in {job["id"] for job in mine.json()}
    theirs = owners.other.http.get("/api/batch", params={"name": "mine"})
    assert (theirs.json(), theirs.headers["X-Total-Count"]) == ([], "0")
    listed = owners.other.trpc.query("batch.listJobs", {})
    assert (listed["jobs"], listed["total"]) == ([], 0)


def test_the_health_counts_the_jobs_of_all(owners: Owners) -> None:
    assert owners.other.http.get("/health").json()["batchJobs"]["pending"] >= 1


def test_changes_and_deletions_are_told_to_their_owner_alone(engine: Engine) -> None:
    one, other = give_key(engine, owner="changing"), give_key(engine, owner="watching")
    before = {holder: holder.http.get("/api/batch").headers["X-Next-Cursor"] for holder in (one, other)}
    kept, gone = (one.http.post("/api/batch", json=JOB).json()["id"] for _ in range(2))
    assert one.http.delete(f"/api/batch/{gone}").status_code == 204

    def changes(holder: Holder, cursor: str) -> tuple[list[str], list[str], bool]:
        page = holder.http.get("/api/batch", params={"updatedSince": cursor}).json()
        return [job["id"] for job in page["jobs"]], [job["id"] for job in page["deleted"]], page["hasMore"]

    assert changes(one, before[one]) == ([kept], [gone], False)
    assert changes(other, before[other]) == ([], [], False)
    # A cursor tells nothing of whose it was.
    assert changes(other, before[one]) == ([], [], False)
    assert changes(other, "") == ([], [], False)


def test_two_owners_may_repeat_under_the_same_key(engine: Engine) -> None:
    one, other = give_key(engine, owner="repeating"), give_key(engine, owner="repeating too")
    headers = {"Idempotency-Key": "the same"}
    first = one.http.post("/api/batch", json=JOB, headers=headers)
    again = one.http.post("/api/batch", json=JOB, headers=headers)
    theirs = other.http.post("/api/batch", json={**JOB, "name": "another body"}, headers=headers)
    assert [reply.status_code for reply in (first, again, theirs)] == [200, 200, 200]
    assert again.json()["id"] == first.json()["id"] != theirs.json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in theirs.headers


def test_two_keys_of_one_owner_share_what_is_his(engine: Engine) -> None:
    first, second = give_key(engine, owner="shared"), give_key(engine, owner="shared")
    job_id = first.http.post("/api/batch", json=JOB).json()["id"]
    assert second.http.get(f"/api/batch/{job_id}").status_code == 200
    assert second.trpc.act(job_id, "cancel").status_code == 200


def test_the_jobs_of_all_owners_are_run(engine: Engine) -> None:
    holders = [give_key(engine, owner=f"runner {number}") for number in range(3)]
    running = {**JOB, "options": {"autoStart": True}}
    for holder in holders:
        job_id = holder.http.post("/api/batch", json=running).json()["id"]
        assert holder.trpc.wait_for(job_id, "COMPLETED")["progress"]["completedItems"] == 1


def test_decisions_are_told_to_who_asked(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_engine(tmp_path_factory.mktemp("decisions") / "data") as engine:
        one, other = give_key(engine, owner="one"), give_key(engine, owner="other")
        asked = {"query": "The bridge is closed. Traffic waits.", "taskType": "extract"}
        assert one.http.post("/api/orchestration/execute", json=asked).status_code == 200
        for holder, count in ((one, 1), (other, 0)):
            found = holder.http.get("/api/orchestration/analytics").json()
            assert found["summary"]["total"] == len(found["decisions"]) == count
            shown = holder.trpc.query("orchestration.getRoutingAnalytics", {})
            assert shown["summary"]["total"] == count
