"""Rows belong to their owner: to everybody else they are not there, whichever way one asks."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
from support.engine import running_engine
from support.keys import give_key
from support.trpc import Trpc

from artificer_provider.engine.trpc.dialect import procedures
from artificer_provider.engine.trpc.procedures import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    from support.engine import Engine
    from support.keys import Holder

    from artificer_provider.engine.trpc.procedures import Rooms

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
    "createBatchJob": {**JOB, "projectId": "{project_id}"},
    "createConversation": {"title": "theirs", "projectId": "{project_id}"},
    "executeQuery": {"query": "A text.", "taskType": "extract", "projectId": "{project_id}"},
    "chainChat": {"conversationId": "{conversation_id}", "content": "Hello."},
    "sendMessage": {"conversationId": "{conversation_id}", "content": "Hello."},
    "streamMessage": {"conversationId": "{conversation_id}", "content": "Hello."},
    "streamChain": {"conversationId": "{conversation_id}", "content": "Hello."},
    "searchDocuments": {"projectId": "{project_id}", "query": "bridge"},
    "reindexDocument": {"documentId": "{document_id}"},
}
#: The same of what stands behind the question mark.
FILTERS: dict[str, dict[str, str]] = {
    "listBatchJobs": {"projectId": "{project_id}"},
    "listConversations": {"projectId": "{project_id}"},
    "getEmbeddingStats": {"projectId": "{project_id}"},
    "getRoutingAnalytics": {"conversationId": "{conversation_id}"},
}
#: Where a row itself can be read.
HOMES = {
    "job_id": "/api/batch/",
    "project_id": "/api/projects/",
    "document_id": "/api/documents/",
    "conversation_id": "/api/conversations/",
}
JOB_ID, PROJECT, DOCUMENT = (
    {"jobId": "{job_id}"},
    {"projectId": "{project_id}"},
    {"documentId": "{document_id}"},
)
CONVERSATION = {"conversationId": "{conversation_id}"}
FILE = {"filename": "a.txt", "contentType": "text/plain", "content": "A text."}
ASKED = {"conversationContext": "c", "userRequest": "r"}
ANOTHERS = {
    "project": PROJECT,
    "conversation": CONVERSATION,
    "documents": {"documentIds": ["{document_id}"]},
}
#: The procedures that take an id, with what they are given.
PROCEDURES: dict[str, object] = {
    "batch.startJob": JOB_ID,
    "batch.pauseJob": JOB_ID,
    "batch.resumeJob": JOB_ID,
    "batch.cancelJob": JOB_ID,
    "batch.deleteJob": JOB_ID,
    "batch.getJobStatus": JOB_ID,
    "batch.getJobResults": JOB_ID,
    "batch.getJobAnalytics": JOB_ID,
    "chat.getMessages": CONVERSATION,
    "chat.sendMessage": {**CONVERSATION, "content": "Hello."},
    "conversations.getById": "{conversation_id}",
    "conversations.update": {**CONVERSATION, "title": "theirs"},
    "conversations.updateTitle": {**CONVERSATION, "firstMessage": "Hello."},
    "conversations.delete": "{conversation_id}",
    "export.exportConversation": {**CONVERSATION, "format": "markdown"},
    "messages.create": {**CONVERSATION, "role": "user", "content": "Hello.", "tokens": 0},
    "messages.getByConversation": CONVERSATION,
    "messages.update": {"id": "{message_id}", "content": "Hello."},
    "messages.delete": "{message_id}",
    "orchestration.chainChat": {**CONVERSATION, "content": "Hello."},
    "orchestration.getRoutingAnalytics": CONVERSATION,
    "projects.getById": {"id": "{project_id}"},
    "projects.update": {"id": "{project_id}", "data": {"name": "theirs"}},
    "projects.delete": {"id": "{project_id}"},
    "projects.associateConversation": {**PROJECT, **CONVERSATION},
    "projects.getConversations": PROJECT,
    "projects.uploadDocument": {**PROJECT, **FILE},
    "projects.getDocuments": PROJECT,
    "projects.getDocument": DOCUMENT,
    "projects.searchDocuments": {**PROJECT, "query": "bridge"},
    "projects.updateDocument": {**DOCUMENT, "content": "A text."},
    "projects.proposeDocumentUpdate": {**DOCUMENT, **ASKED},
    "projects.deleteDocument": DOCUMENT,
    "projects.getDocumentStats": PROJECT,
    "search.searchDocuments": {**PROJECT, "query": "bridge"},
    "search.getEmbeddingStats": PROJECT,
    "search.reindexDocument": DOCUMENT,
}
#: Those that take none: what they make and list is tried by itself.
WITHOUT_ID = re.compile(
    r"(auth|images|modelAdmin|monitoring|usage)\..*|batch\.(cleanupCheckpoints|createJob|listJobs)"
    r"|(conversations|projects)\.(create|list)|export\.(exportAll|getFormats)|orchestration\.processText"
    r"|search\.healthCheck"
)
#: The operations that take none either.
UNADDRESSED = re.compile(
    r"(extractText|analyze|processPdf|checkPdf|list(Export|Models|Fallback)|exportAll|get(Session|Model|Usage|Health|Cap"
    r"|Search)|checkModel|refreshModels|selectModel|createProject$|listProjects$|greet|authenticate|whoami|cleanup"
    r"|processText).*"
)
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


def kinds() -> dict[str, Kind]:
    """Name every procedure, and its kind."""

    class Nothing:
        def __getattr__(self, name: str) -> Nothing:
            return self

    return {name: made.kind for name, made in procedures(cast("Rooms", Nothing())).items()}


def unnamed(text: str, ids: Made) -> str:
    """Leave out of a reply which id was asked for, which request it was, and when."""
    text = re.sub(r'"(requestId|timestamp)":\s*"[^"]*"', "", text)
    for one in ids.values():
        text = text.replace(one, NOBODYS)
    return text


def still_there(owners: Owners) -> None:
    """Make sure that its owner has every row as it was made."""
    for name, home in HOMES.items():
        if name in owners.ids:
            found = owners.one.http.get(home + owners.ids[name])
            assert found.status_code == 200, name
            assert "theirs" not in found.text


def test_an_id_of_another_owner_is_as_unknown_as_one_that_never_was(owners: Owners) -> None:
    for method, path, name in operations(owners.one.http):
        body, filters = BODIES.get(name), FILTERS.get(name)
        if UNADDRESSED.fullmatch(name):
            continue
        assert PARAMETER.search(json.dumps([path, body, filters])), (
            f"say where {name} takes an id, if it does"
        )
        replies: list[tuple[int, str]] = []
        for ids in (owners.ids, {}):
            told = owners.other.http.request(
                method, filled(path, ids), json=filled(body, ids), params=filled(filters, ids)
            )
            replies.append((told.status_code, unnamed(told.text, owners.ids)))
        assert replies[0] == replies[1], name
        if PARAMETER.search(path):
            assert replies[0][0] == 404, (name, replies[0])
        elif body is not None:
            assert replies[0][0] in (404, 422), (name, replies[0])
    still_there(owners)


def test_no_list_and_no_figure_holds_what_is_anothers(owners: Owners) -> None:
    asked = [
        *(
            owners.other.http.get(path, params={"format": "json"} if "export" in path else None)
            for method, path, name in operations(owners.one.http)
            if method == "GET"
            and "images" not in path
            and (UNADDRESSED.fullmatch(name) or name.startswith("list"))
            and not PARAMETER.search(path)
        ),
        *(
            owners.other.trpc.get(name, {"format": "json"} if name == "export.exportAll" else {})
            for name, kind in kinds().items()
            if kind is Kind.QUERY
            and WITHOUT_ID.fullmatch(name)
            and name.split(".")[0] not in ("images", "modelAdmin")
        ),
    ]
    assert len(asked) > 25
    for reply in asked:
        assert reply.status_code == 200, (reply.request.url, reply.text)
        assert not [one for one in owners.ids.values() if one in reply.text], reply.request.url
    session = owners.other.http.get("/api/usage/session").json()
    assert (session["conversationCount"], session["messageCount"]) == (0, 0)
    assert owners.one.http.get("/api/usage/session").json()["messageCount"] > 0


def test_ones_own_row_is_no_way_to_anothers(owners: Owners) -> None:
    http, trpc = owners.other.http, owners.other.trpc
    mine = http.post("/api/projects", json={"name": "own"}).json()["id"]
    talk = http.post("/api/conversations", json={"title": "own"}).json()["id"]
    found: list[list[httpx.Response]] = []
    for ids in (owners.ids, {}):
        theirs = filled(ANOTHERS, ids)
        found.append(
            [
                http.post(f"/api/projects/{mine}/conversations", json=theirs["conversation"]),
                http.post(
                    f"/api/projects/{theirs['project']['projectId']}/conversations",
                    json={"conversationId": talk},
                ),
                http.post(
                    "/api/search/documents",
                    json={"projectId": mine, "query": "bridge", **theirs["documents"]},
                ),
                http.post("/api/stream/chat", json={**theirs["conversation"], "content": "Hello."}),
                http.post("/api/stream/orchestration", json={**theirs["conversation"], "content": "Hello."}),
                trpc.post("projects.associateConversation", {"projectId": mine, **theirs["conversation"]}),
                trpc.post("projects.associateConversation", {**theirs["project"], "conversationId": talk}),
                trpc.post("conversations.create", {"title": "own", **theirs["project"]}),
                trpc.post("batch.createJob", {**JOB, **theirs["project"]}),
                trpc.post(
                    "orchestration.executeQuery",
                    {"query": "A text.", "taskType": "extract", **theirs["project"]},
                ),
            ]
        )
    for tried, unknown in zip(*found, strict=True):
        told = [(each.status_code, unnamed(each.text, owners.ids)) for each in (tried, unknown)]
        assert told[0] == told[1], tried.request.url
        assert tried.status_code != 200 or "error" in tried.text or '"results":[]' in tried.text, tried.text
    still_there(owners)


@pytest.mark.parametrize("prefix", ["/", "/api/trpc/"])
def test_so_it_is_for_every_procedure(owners: Owners, prefix: str) -> None:
    trpc = Trpc(owners.other.http, prefix)
    for name, kind in kinds().items():
        if WITHOUT_ID.fullmatch(name):
            continue
        send = trpc.get if kind is Kind.QUERY else trpc.post
        replies: list[tuple[int, str]] = []
        for ids in (owners.ids, {}):
            reply = send(name, filled(PROCEDURES[name], ids))
            # What is wrong with the input of a call would look the same for every id.
            assert reply.status_code != 400, (name, reply.text)
            replies.append((reply.status_code, unnamed(reply.text, owners.ids)))
        assert replies[0] == replies[1], name
        if name.startswith("batch."):
            assert replies[0][0] == 404
    assert owners.one.trpc.status(owners.ids["job_id"])["status"] == "PENDING"
    still_there(owners)


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
