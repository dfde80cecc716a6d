"""Projects and their documents, and whose they are."""

from __future__ import annotations

import sqlite3
from base64 import b64encode
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from support import documents, pdfs
from support.pdfs import text_pdf
from support.projects import Projects
from support.trpc import Trpc, error_of

from artificer_provider.client import limits
from artificer_provider.client.models.projects import Document, DocumentStats, Project

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from support.engine import Engine
    from support.model_server import ModelServer

BRIDGE = "The old stone crossing over the river is shut until May."


@pytest.fixture(scope="module")
def projects(engine: Engine) -> Projects:
    return Projects(engine)


def refused(reply: httpx.Response, status: int, code: str, field: str | None = None) -> str:
    error: dict[str, Any] = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code), error
    assert [detail["path"] for detail in error["details"]] == ([] if field is None else [field])
    message: str = error["message"]
    return message


def insert_conversation(engine: Engine, owner: str, conversation_id: str, said: str) -> None:
    with closing(sqlite3.connect(engine.data / "engine.sqlite3")) as database, database:
        database.execute(
            """INSERT INTO conversations (id, owner, title, created_at, updated_at)
               VALUES (?, ?, 'T', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')""",
            (conversation_id, owner),
        )
        database.execute(
            """INSERT INTO messages (id, conversation, role, content, created_at)
               SELECT 'm_' || id, number, 'user', ?, created_at FROM conversations WHERE id = ?""",
            (said, conversation_id),
        )


def test_a_project_is_made_read_changed_and_listed(projects: Projects) -> None:
    made = projects.http.post("/api/projects", json={"name": "P", "settings": {"a": [1]}})
    project = Project.model_validate(made.json())
    assert (project.name, project.description, project.settings) == ("P", None, {"a": [1]})
    path = f"/api/projects/{project.id}"
    changed = projects.http.patch(path, json={"description": "about bridges"})
    assert Project.model_validate(changed.json()).name == "P"
    found = Project.model_validate(projects.http.get(path).json())
    assert (found.description, found.settings) == ("about bridges", {"a": [1]})
    assert (found.documents, found.conversations) == ([], [])
    assert found.updated_at is not None
    assert project.updated_at is not None
    assert found.updated_at >= project.updated_at
    newer = projects.make("newer")
    listed = projects.http.get("/api/projects", params={"limit": 2})
    assert [one["id"] for one in listed.json()] == [newer, project.id]
    assert int(listed.headers["X-Total-Count"]) >= 2
    beyond = projects.http.get("/api/projects", params={"limit": 1, "offset": 1}).json()
    assert [one["id"] for one in beyond] == [project.id]


def test_what_a_project_holds_is_counted(projects: Projects, engine: Engine) -> None:
    project_id = projects.make()
    projects.add(project_id, BRIDGE)
    projects.add(project_id, "# Bridges", "b.md", content_type="text/markdown; charset=utf-8")
    insert_conversation(engine, "local", "conv_counted", "How long?")
    joined = projects.http.post(
        f"/api/projects/{project_id}/conversations", json={"conversationId": "conv_counted"}
    )
    assert joined.json()["projectId"] == project_id
    project = Project.model_validate(projects.http.get(f"/api/projects/{project_id}").json())
    assert project.stats is not None
    assert (project.stats.conversation_count, project.stats.document_count) == (1, 2)
    assert project.stats.last_activity is not None
    assert project.created_at is not None
    assert project.stats.last_activity > project.created_at
    [conversation] = projects.http.get(f"/api/projects/{project_id}/conversations").json()
    assert (conversation["messageCount"], conversation["lastMessagePreview"]) == (1, "How long?")
    stats = projects.http.get(f"/api/projects/{project_id}/document-stats").json()
    found = DocumentStats.model_validate(stats)
    assert (found.total_count, found.total_size) == (2, len(BRIDGE) + len("# Bridges"))
    assert {kind.content_type: kind.count for kind in found.type_breakdown} == {
        "text/markdown": 1,
        "text/plain": 1,
    }


def test_a_deleted_project_takes_its_documents_and_leaves_its_conversations(
    projects: Projects, engine: Engine
) -> None:
    project_id = projects.make()
    document_id = projects.add(project_id, BRIDGE)
    insert_conversation(engine, "local", "conv_left", "Hello")
    body = {"conversationId": "conv_left"}
    projects.http.post(f"/api/projects/{project_id}/conversations", json=body).raise_for_status()
    projects.wait_until_indexed(project_id)
    assert projects.http.delete(f"/api/projects/{project_id}").status_code == 204
    refused(projects.http.get(f"/api/documents/{document_id}"), 404, "not_found")
    refused(projects.http.delete(f"/api/projects/{project_id}"), 404, "not_found")
    with closing(sqlite3.connect(engine.data / "engine.sqlite3")) as database:
        left = database.execute("SELECT project FROM conversations WHERE id = 'conv_left'").fetchone()
        orphans = database.execute(
            """SELECT (SELECT COUNT(*) FROM chunks WHERE document NOT IN (SELECT number FROM documents))
                 + (SELECT COUNT(*) FROM texts WHERE document NOT IN (SELECT number FROM documents))"""
        ).fetchone()
    assert (left, orphans) == ((None,), (0,))


def test_a_document_is_kept_as_its_text_and_read_without_it_in_a_list(projects: Projects) -> None:
    project_id = projects.make()
    text = "\ufeffÄrger über Brücken 🌉.\r\n\r\nSecond. " + "x" * 200_000
    document_id = projects.add(project_id, text, "brücke.txt")
    [listed] = projects.http.get(f"/api/projects/{project_id}/documents").json()
    assert listed["id"] == document_id
    assert "content" not in listed
    document = Document.model_validate(projects.http.get(f"/api/documents/{document_id}").json())
    assert document.content == text.removeprefix("\ufeff")
    assert (document.filename, document.original_name) == ("brücke.txt", "brücke.txt")
    assert document.size == len(text.encode())
    assert projects.http.delete(f"/api/documents/{document_id}").status_code == 204
    refused(projects.http.get(f"/api/documents/{document_id}"), 404, "not_found")


def test_another_text_takes_the_place_of_a_documents_and_its_reason_is_kept(projects: Projects) -> None:
    project_id = projects.make()
    document_id = projects.add(project_id, BRIDGE)
    path = f"/api/documents/{document_id}"
    changed = projects.http.patch(path, json={"content": "It is open again.", "reason": "May came"})
    assert changed.json()["metadata"] == {"updateReason": "May came"}
    assert "content" not in changed.json()
    assert projects.http.get(path).json()["content"] == "It is open again."
    again = projects.http.patch(path, json={"content": "It is shut."}).json()
    assert again["metadata"] == {}


@pytest.mark.parametrize(
    ("file", "field", "said"),
    [
        ((b"caf\xe9 and more", "a.txt", "text/plain"), "content", "byte 3 is 0xe9"),
        ((b"\xef\xbb\xbfab\xff", "a.txt", "text/plain"), "content", "byte 5 is 0xff"),
        (("\ufeffab".encode("utf-16-le"), "a.txt", "text/plain"), "content", "byte 0 is 0xff"),
        ((b"a\0b", "a.txt", "text/plain"), "content", "NUL at character 1"),
        ((b"", "a.txt", "text/plain"), "content", "no text"),
        ((b" \n\t", "a.txt", "text/plain"), "content", "no text"),
        ((b"x" * (limits.MAX_DOCUMENT_CHARS + 1), "a.txt", "text/plain"), "content", "10,000,001 characters"),
        ((b"text", "../a.txt", "text/plain"), "filename", "'..'"),
        ((b"text", "a/b.txt", "text/plain"), "filename", "'/'"),
        ((b"text", "a\\b.txt", "text/plain"), "filename", "'\\\\'"),
        ((b"text", "a\nb.txt", "text/plain"), "filename", "'\\n'"),
        ((b"text", "", "text/plain"), "filename", "at least 1"),
        ((b"PK", "a.zip", "application/zip"), "contentType", "application/zip"),
    ],
)
def test_a_file_that_cannot_be_kept_is_refused_by_name(
    projects: Projects, file: tuple[bytes, str, str], field: str, said: str
) -> None:
    project_id = projects.make()
    reply = projects.send(project_id, *file)
    assert said in refused(reply, 422, "validation_error", field)
    assert projects.stats(project_id)["totalDocuments"] == 0


@pytest.mark.parametrize(
    "content_type", ["TEXT/HTML", "application/json", "application/ld+json", "application/xml", "text/csv"]
)
def test_whatever_is_text_is_taken_as_it_stands(projects: Projects, content_type: str) -> None:
    document_id = projects.add(projects.make(), "<p>{1, 2}</p>", content_type=content_type)
    document = projects.http.get(f"/api/documents/{document_id}").json()
    assert (document["content"], document["contentType"]) == ("<p>{1, 2}</p>", content_type.lower())


def test_the_text_of_a_pdf_is_read_and_kept(projects: Projects) -> None:
    project_id = projects.make()
    pages = ["The old crossing is shut until May. " * 5, "Traffic takes the northern road. " * 5]
    document_id = projects.add(project_id, text_pdf(*pages), "a.pdf", content_type="application/pdf")
    document = projects.http.get(f"/api/documents/{document_id}").json()
    assert "northern road" in document["content"]
    assert (document["metadata"]["method"], document["metadata"]["pages"]) == ("direct", 2)
    broken = projects.send(project_id, b"%PDF-1.4 and no more", "b.pdf", "application/pdf")
    assert broken.status_code == 422


def test_a_wrong_project_is_refused_by_name(projects: Projects) -> None:
    for body, field in (
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "P", "description": "x" * 501}, "description"),
        ({"name": "P", "settings": [1]}, "settings"),
        ({"name": "a\0b"}, "name"),
        ({"nome": "P"}, "nome"),
    ):
        reply = projects.http.post("/api/projects", json=body)
        assert reply.status_code == 422
        assert field in [detail["path"] for detail in reply.json()["error"]["details"]]


@pytest.fixture(scope="module")
def theirs(projects: Projects, engine: Engine) -> dict[str, str]:
    """A project, a document and a conversation of another owner, and an id that is nobody's."""
    project_id = projects.make("theirs")
    document_id = projects.add(project_id, "A secret of the other owner.")
    projects.wait_until_indexed(project_id)
    insert_conversation(engine, "somebody", "conv_theirs", "secret")
    with closing(sqlite3.connect(engine.data / "engine.sqlite3")) as database, database:
        database.execute("UPDATE projects SET owner = 'somebody' WHERE id = ?", (project_id,))
    return {"project": project_id, "document": document_id, "conversation": "conv_theirs"}


CALLS: dict[str, Callable[[httpx.Client, str, str], httpx.Response]] = {
    "get": lambda http, p, _: http.get(f"/api/projects/{p}"),
    "update": lambda http, p, _: http.patch(f"/api/projects/{p}", json={"name": "mine"}),
    "delete": lambda http, p, _: http.delete(f"/api/projects/{p}"),
    "conversations": lambda http, p, _: http.get(f"/api/projects/{p}/conversations"),
    "upload": lambda http, p, _: http.post(
        f"/api/projects/{p}/documents",
        json={"filename": "a.txt", "contentType": "text/plain", "content": "YWJj"},
    ),
    "documents": lambda http, p, _: http.get(f"/api/projects/{p}/documents"),
    "document stats": lambda http, p, _: http.get(f"/api/projects/{p}/document-stats"),
    "search": lambda http, p, _: http.post(f"/api/projects/{p}/search", json={"query": "secret"}),
    "passages": lambda http, p, _: http.post(
        "/api/search/documents", json={"projectId": p, "query": "secret"}
    ),
    "embedding stats": lambda http, p, _: http.get("/api/search/stats", params={"projectId": p}),
    "document": lambda http, _, d: http.get(f"/api/documents/{d}"),
    "rewrite": lambda http, _, d: http.patch(f"/api/documents/{d}", json={"content": "mine"}),
    "delete document": lambda http, _, d: http.delete(f"/api/documents/{d}"),
    "propose": lambda http, _, d: http.post(
        f"/api/documents/{d}/propose-update", json={"conversationContext": "", "userRequest": "shorter"}
    ),
    "reindex": lambda http, _, d: http.post("/api/search/reindex", json={"documentId": d}),
}


@pytest.mark.parametrize("call", CALLS)
def test_another_owners_rows_are_as_unknown_as_ones_that_never_were(
    projects: Projects, theirs: dict[str, str], call: str
) -> None:
    for project_id, document_id in ((theirs["project"], theirs["document"]), ("prj_no", "doc_no")):
        message = refused(CALLS[call](projects.http, project_id, document_id), 404, "not_found")
        assert "secret" not in message


def test_another_owners_rows_are_in_no_list(projects: Projects, theirs: dict[str, str]) -> None:
    listed = projects.http.get("/api/projects", params={"limit": 100})
    assert theirs["project"] not in [one["id"] for one in listed.json()]
    mine = projects.make()
    projects.add(mine, "Something of mine.")
    projects.wait_until_indexed(mine)
    assert projects.search(mine, "secret", documentIds=[theirs["document"]]) == []
    path = f"/api/projects/{mine}/conversations"
    refused(projects.http.post(path, json={"conversationId": theirs["conversation"]}), 404, "not_found")
    found = projects.http.post(
        f"/api/projects/{theirs['project']}/conversations", json={"conversationId": "c"}
    )
    refused(found, 404, "not_found")


@pytest.mark.parametrize(
    ("procedure", "value"),
    [
        ("projects.getById", lambda ids: {"id": ids["project"]}),
        ("projects.getDocuments", lambda ids: {"projectId": ids["project"]}),
        ("projects.getConversations", lambda ids: {"projectId": ids["project"]}),
        ("projects.getDocument", lambda ids: {"documentId": ids["document"]}),
        ("projects.getDocumentStats", lambda ids: {"projectId": ids["project"]}),
        ("projects.searchDocuments", lambda ids: {"projectId": ids["project"], "query": "secret"}),
    ],
)
def test_over_trpc_another_owners_rows_are_told_of_with_success_false(
    engine: Engine, theirs: dict[str, str], procedure: str, value: Callable[[dict[str, str]], object]
) -> None:
    said = Trpc(engine.http).query(procedure, value(theirs))
    assert said["success"] is False
    assert said["error"] in ("Project not found", "Document not found")
    assert "secret" not in str(said)


def test_over_trpc_search_in_another_owners_project_is_not_found(
    engine: Engine, theirs: dict[str, str]
) -> None:
    trpc = Trpc(engine.http)
    asked = {"projectId": theirs["project"], "query": "secret"}
    for reply in (
        trpc.post("search.searchDocuments", asked),
        trpc.get("search.getEmbeddingStats", {"projectId": theirs["project"]}),
    ):
        assert (reply.status_code, error_of(reply)["message"]) == (404, "Project not found")
    reply = trpc.post("search.reindexDocument", {"documentId": theirs["document"]})
    assert (reply.status_code, error_of(reply)["message"]) == (404, "Document not found")


def test_over_trpc_a_filename_loses_what_makes_it_a_path(engine: Engine, projects: Projects) -> None:
    trpc, project_id = Trpc(engine.http), projects.make()
    file = {"projectId": project_id, "contentType": "text/plain", "content": b64encode(b"text").decode()}
    added = trpc.mutate("projects.uploadDocument", {**file, "filename": "../a/....//b.txt"})
    assert added["document"]["filename"] == "ab.txt"
    nothing = trpc.mutate("projects.uploadDocument", {**file, "filename": "../.."})
    assert nothing["success"] is False
    assert "nothing is left" in nothing["error"]
    no_base64 = trpc.mutate("projects.uploadDocument", {**file, "filename": "a", "content": "%%%"})
    assert "base64" in no_base64["error"]


BAD_FILES = {
    "no PDF": (b"The quick brown fox", "application/pdf", "no PDF"),
    "a locked PDF": (pdfs.locked_pdf(), "application/pdf", "password"),
    "100,000 pages": (documents.many_pages(100_000), "application/pdf", "100000 pages"),
    "a bomb": (documents.page_bomb(3 * 1024**3), "application/pdf", "memory"),
    "a vast image": (documents.vast_png(30_000, 30_000), "image/png", "30000 x 30000"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_file_that_cannot_be_read_is_refused_and_not_kept(projects: Projects, kind: str) -> None:
    content, content_type, hint = BAD_FILES[kind]
    project_id = projects.make()
    reply = projects.send(project_id, content, "a.bin", content_type)
    assert reply.status_code == 422
    assert hint in reply.json()["error"]["message"]
    file = {"projectId": project_id, "filename": "a.bin", "contentType": content_type}
    sent = Trpc(projects.http).mutate(
        "projects.uploadDocument", {**file, "content": b64encode(content).decode()}
    )
    assert sent["success"] is False
    assert hint in sent["error"]
    assert projects.http.get(f"/api/projects/{project_id}/documents").json() == []


def test_a_proposal_is_a_language_models_and_is_counted(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    projects = Projects(llm_engine)
    document_id = projects.add(projects.make(), BRIDGE, "bridge.txt")
    path = f"/api/documents/{document_id}/propose-update"
    body = {"conversationContext": "It opens in June.", "userRequest": "Correct the month."}
    proposal = projects.http.post(path, json=body).raise_for_status().json()
    assert proposal["originalContent"] == BRIDGE
    assert proposal["reason"] == "Correct the month."
    assert "changeSummary" not in proposal
    [asked] = model_server.texts()
    assert proposal["proposedContent"] == f">{asked}"
    assert all(part in asked for part in (BRIDGE, "It opens in June.", "Correct the month."))
    assert projects.http.get(f"/api/documents/{document_id}").json()["content"] == BRIDGE
    decisions = projects.http.get("/api/orchestration/analytics").json()["summary"]
    assert (decisions["total"], decisions["successful"]) == (1, 1)


def test_without_a_language_model_nothing_is_proposed(projects: Projects) -> None:
    document_id = projects.add(projects.make(), BRIDGE)
    body = {"conversationContext": "", "userRequest": "shorter"}
    reply = projects.http.post(f"/api/documents/{document_id}/propose-update", json=body)
    assert "ARTIFICER_ENGINE_LLM_URL" in refused(reply, 503, "no_language_model")
