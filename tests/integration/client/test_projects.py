"""Projects, their documents and search, by either client on each wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.waiting import wait_until

from artificer_provider.client.errors import NotFoundError
from artificer_provider.engine.answering import minilm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.wires import Wire

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.projects import Project

CATS = "Cats sleep for most of the day. A kitten needs a litter tray and a quiet corner. " * 5
BRIDGE = "The old bridge is closed for repairs until May. Traffic takes the northern road. " * 5


@pytest.fixture
def project(client: Artificer, name: str) -> Iterator[Project]:
    made = client.projects.create(name[:100], description="d", settings={"colour": "red", "size": None})
    yield made
    client.projects.delete(made.id)


def test_a_project_keeps_what_it_is_given(client: Artificer, project: Project, name: str) -> None:
    assert (project.name, project.description) == (name[:100], "d")
    assert project.settings == {"colour": "red", "size": None}
    changed = client.projects.update(project.id, name="Another")
    assert (changed.name, changed.description, changed.settings) == ("Another", "d", project.settings)
    found = client.projects.get(project.id)
    assert (found.name, found.conversations, found.documents) == ("Another", [], [])
    assert found.stats is not None
    assert (found.stats.conversation_count, found.stats.document_count) == (0, 0)


def test_projects_are_listed_with_what_they_hold(client: Artificer, project: Project) -> None:
    client.projects.upload_document(project.id, CATS.encode(), "cats.txt")
    (latest,) = client.projects.list(limit=1)
    assert latest.id == project.id
    assert latest.stats is not None
    assert latest.stats.document_count == 1
    assert next(iter(client.projects.iter())).id == project.id


def test_conversations_are_a_projects_when_they_are_added(client: Artificer, project: Project) -> None:
    inside = client.conversations.create(project_id=project.id)
    outside = client.conversations.create()
    assert inside.project_id == project.id
    assert client.projects.add_conversation(project.id, outside.id).project_id == project.id
    both = {inside.id, outside.id}
    for found in (
        client.projects.list_conversations(project.id),
        client.projects.iter_conversations(project.id),
        client.conversations.list(project_id=project.id),
        client.conversations.iter(project_id=project.id),
    ):
        assert {one.id for one in found} == both
    for one in both:
        client.conversations.delete(one)


def test_a_document_is_kept_as_its_text(client: Artificer, project: Project, tmp_path: Path) -> None:
    path = tmp_path / "cats.md"
    path.write_text(CATS)
    sent = client.projects.upload_document(project.id, path)
    assert (sent.filename, sent.content_type, sent.size) == ("cats.md", "text/markdown", len(CATS))
    found = client.projects.get_document(sent.id)
    assert (found.id, found.content, found.filename) == (sent.id, CATS, "cats.md")
    (listed,) = client.projects.list_documents(project.id)
    assert (listed.id, listed.content, listed.size) == (sent.id, None, len(CATS))
    assert [one.id for one in client.projects.iter_documents(project.id)] == [sent.id]
    stats = client.projects.get_document_stats(project.id)
    assert (stats.total_count, stats.total_size) == (1, len(CATS))
    assert [(one.content_type, one.count) for one in stats.type_breakdown] == [("text/markdown", 1)]
    client.projects.update_document(sent.id, BRIDGE, reason="no cats")
    assert client.projects.get_document(sent.id).content == BRIDGE
    client.projects.delete_document(sent.id)
    assert client.projects.list_documents(project.id) == []


def test_a_short_text_is_longer_on_a_wire_that_would_hang_an_engine(
    client: Artificer, project: Project, wire: Wire
) -> None:
    sent = client.projects.upload_document(project.id, b"short text", "a.txt")
    assert sent.size == (200 if wire.is_trpc else len("short text"))
    assert (client.projects.get_document(sent.id).content or "").rstrip("\n") == "short text"


@pytest.mark.skipif(not minilm.is_installed(), reason="documents are found by engine-models")
def test_documents_are_found_by_what_they_mean(client: Artificer, project: Project) -> None:
    cats = client.projects.upload_document(project.id, CATS.encode(), "cats.txt")
    bridge = client.projects.upload_document(project.id, BRIDGE.encode(), "bridge.txt")
    wait_until(lambda: client.search.get_stats(project.id).indexed_documents == 2, "both are indexed")
    found = client.search.documents(project.id, "Which road do cars take?", limit=1)
    assert ([one.document_id for one in found.results], found.count) == ([bridge.id], 1)
    only = client.search.documents(project.id, "Which road do cars take?", document_ids=[cats.id])
    assert {one.document_id for one in only.results} == {cats.id}
    best = client.projects.search_documents(project.id, "kitten", limit=1)
    assert [one.filename for one in best] == ["cats.txt"]
    made = client.search.reindex(cats.id)
    assert (made.document_id, made.chunks_created) == (
        cats.id,
        client.search.get_stats(project.id).total_chunks - 1,
    )
    assert client.search.health().overall


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.projects.get("nope"),
        lambda c: c.projects.update("nope", name="P"),
        lambda c: c.projects.delete("nope"),
        lambda c: c.projects.add_conversation("nope", "nope"),
        lambda c: c.projects.upload_document("nope", CATS.encode(), "a.txt"),
        lambda c: c.projects.get_document("nope"),
        lambda c: c.projects.update_document("nope", "x"),
        lambda c: c.projects.delete_document("nope"),
        lambda c: c.search.documents("nope", "q"),
        lambda c: c.search.get_stats("nope"),
        lambda c: c.search.reindex("nope"),
    ],
)
def test_what_there_is_not_is_not_found(client: Artificer, call: Callable[[Artificer], object]) -> None:
    with pytest.raises(NotFoundError) as caught:
        call(client)
    assert not caught.value.retryable
