"""Conversations and documents on a live engine. Two short answers are billed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from support.live import offered

if TYPE_CHECKING:
    from support.live import Made

    from artificer_provider.client import Artificer

TEXT = "The kettle boils at seven. The tea is green, and the train is late again. " * 4


def converse(client: Artificer, made: Made, name: str) -> str:
    with offered("conversations"):
        conversation_id = client.conversations.create(title=name).id
    made.add(f"conversation {conversation_id}", lambda: client.conversations.delete(conversation_id))
    return conversation_id


def project(client: Artificer, made: Made, name: str) -> str:
    with offered("projects"):
        project_id = client.projects.create(name).id
    made.add(f"project {project_id}", lambda: client.projects.delete(project_id))
    return project_id


def test_a_conversation_is_made_and_changed_and_deleted(client: Artificer, made: Made, name: str) -> None:
    conversation_id = converse(client, made, name)
    assert client.conversations.get(conversation_id).title == name
    changed = client.conversations.update(conversation_id, title=f"{name}, changed")
    assert changed.title == f"{name}, changed"
    client.conversations.delete(conversation_id)


def test_a_message_is_answered_and_both_are_kept(client: Artificer, made: Made, name: str) -> None:
    conversation_id = converse(client, made, name)
    with offered("chat"):
        reply = client.chat.send(conversation_id, "Say hello.")
    assert reply.content
    kept = client.messages.list(conversation_id)
    assert [message.role for message in kept] == ["user", "assistant"]


def test_an_answer_is_told_while_it_is_made_and_kept(client: Artificer, made: Made, name: str) -> None:
    conversation_id = converse(client, made, name)
    with offered("streams"):
        answer = client.chat.stream(conversation_id, "Say hello.")
        first = next(answer)
    *_, last = [first, *answer]
    assert last.finished
    assert answer.text.strip()
    _, kept = client.messages.list(conversation_id)
    assert kept.content.strip() == answer.text.strip()  # a deployed engine puts a space behind each word


def test_a_document_is_kept_and_found_in_its_project(client: Artificer, made: Made, name: str) -> None:
    project_id = project(client, made, name)
    with offered("documents"):
        document = client.projects.upload_document(project_id, TEXT.encode(), filename="tea.txt")
    made.add(f"document {document.id}", lambda: client.projects.delete_document(document.id))
    assert document.id in {found.id for found in client.projects.list_documents(project_id)}
    assert "kettle" in (client.projects.get_document(document.id).content or "")


def test_a_document_is_found_by_what_it_says(client: Artificer, made: Made, name: str) -> None:
    project_id = project(client, made, name)
    with offered("documents"):
        document = client.projects.upload_document(project_id, TEXT.encode(), filename="tea.txt")
    made.add(f"document {document.id}", lambda: client.projects.delete_document(document.id))
    # It is read after it was taken. An engine that counts calls is not asked all the time.
    for _ in range(30):
        found = client.projects.search_documents(project_id, "kettle")
        if found:
            break
        time.sleep(2)
    assert [match.id for match in found] == [document.id]


def test_documents_are_searched_by_meaning(client: Artificer, made: Made, name: str) -> None:
    with offered("search"):
        health = client.search.health()
    if not health.overall:
        pytest.skip(f"search does not work on this engine: {health}")
    project_id = project(client, made, name)
    with offered("statistics of what is indexed"):
        assert client.search.get_stats(project_id).total_documents == 0
