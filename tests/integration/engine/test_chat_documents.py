"""Conversations in a project: answers from its documents, which say where they come from."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from support.conversing import converse, refusal, send, spoken, streaming
from support.waiting import wait_until

from artificer_provider.engine.answering import minilm

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer

pytestmark = pytest.mark.skipif(not minilm.is_installed(), reason="documents are found by engine-models")
BRIDGE = "The old bridge is closed for repairs until May. Traffic takes the northern road meanwhile."
CATS = "Cats sleep for most of the day. A kitten needs a litter tray and a quiet corner."


def project_with(engine: Engine, **documents: str) -> str:
    """Make a project whose documents can be found, and give its id."""
    project: str = engine.http.post("/api/projects", json={"name": "P"}).raise_for_status().json()["id"]
    for name, text in documents.items():
        body = {
            "filename": f"{name}.txt",
            "contentType": "text/plain",
            "content": b64encode(text.encode()).decode(),
        }
        engine.http.post(f"/api/projects/{project}/documents", json=body).raise_for_status()

    def is_indexed() -> bool:
        stats = engine.http.get("/api/search/stats", params={"projectId": project}).json()
        return bool(stats["indexedDocuments"] == len(documents))

    wait_until(is_indexed, "the documents are indexed")
    return project


def test_what_documents_say_goes_to_the_model_and_the_answer_names_them(
    talker: Engine, models: ModelServer
) -> None:
    project = project_with(talker, bridge=BRIDGE, cats=CATS)
    conversation = converse(talker, projectId=project, systemPrompt="Be brief.")
    reply = send(talker, conversation, "Which road do cars take?").raise_for_status().json()
    system, asked = models.calls[-1]["messages"]
    assert system["content"].startswith("Be brief.\n\n")
    assert f"[1] bridge.txt\n{BRIDGE}" in system["content"]
    assert asked["content"] == "Which road do cars take?"
    best = reply["sources"][0]
    assert (best["filename"], best["chunkIndex"]) == ("bridge.txt", 0)
    assert best["score"] > reply["sources"][1]["score"]


def test_a_stream_names_them_at_its_end(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker, projectId=project_with(talker, bridge=BRIDGE))
    with streaming(talker, conversation, "Which road?") as told:
        *_, last, complete = told
    assert complete.name == "complete"
    assert [source["filename"] for source in last.data["metadata"]["sources"]] == ["bridge.txt"]


def test_documents_are_left_alone_where_they_are_not_wanted(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker, projectId=project_with(talker, bridge=BRIDGE))
    reply = send(talker, conversation, "Which road?", useRAG=False).raise_for_status().json()
    assert reply["sources"] == []
    assert models.calls[-1]["messages"] == [{"role": "user", "content": "Which road?"}]


def test_documents_that_are_not_there_cannot_be_asked_for(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker, projectId=project_with(talker))
    assert send(talker, conversation, "Which road?").json()["sources"] == []
    status, code, message = refusal(send(talker, conversation, "Which road?", useRAG=True))
    assert (status, code) == (422, "validation_error")
    assert message.startswith("useRAG: ")


def test_without_a_language_model_the_documents_sentences_are_the_answer(engine: Engine) -> None:
    conversation = converse(engine, projectId=project_with(engine, bridge=BRIDGE, cats=CATS))
    reply = send(engine, conversation, "When does the bridge open again?").raise_for_status().json()
    assert "closed for repairs until May." in reply["content"]
    assert all(sentence.strip() in BRIDGE + CATS for sentence in reply["content"].split(". "))
    assert (reply["model"], reply["cost"], reply["tokens"]) == ("extractive-minilm", 0.0, 0)
    assert reply["sources"][0]["filename"] == "bridge.txt"
    assert len(spoken(engine, conversation)) == 2
    assert "needs a language model" in refusal(send(engine, conversation, "Hello?", useRAG=False))[2]
