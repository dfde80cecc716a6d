"""The example DAGs, run in a real Airflow on a real engine."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from local_airflow import LocalAirflow
from processes import wait_until
from support import pages
from support.engine import running_engine
from support.model_server import ModelServer
from support.reading import landed
from support.servers import own_port
from support.versions import AIRFLOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]
log = logging.getLogger(__name__)

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
DOCUMENTS = [json.loads(line) for line in (EXAMPLES / "data" / "documents.jsonl").read_text().splitlines()]
MODEL = "gpt-4o-mini"
#: The model server counts 7 tokens read and 3 written for each call: three cents.
PRICES = "input_price = 0.15\noutput_price = 10000.0"
CALL = 7 * 0.15e-6 + 3 * 10_000e-6
BUDGET = 2.0
#: Translations that cost ninety dollars, and take more than a minute.
TOO_MANY = 3_000
#: What the large file has by default.
ROWS = 2_000
#: By DAG and run. The README beside the examples says these, from a run of `--log-cli-level=INFO`.
TOOK = (
    "SELECT dag_id, run_id, (julianday(end_date) - julianday(start_date)) * 86400 FROM dag_run "
    "WHERE end_date IS NOT NULL ORDER BY start_date"
)
#: What takes no argument, and whose end is waited for. The demo has a test of its own.
PLAIN = (
    "artificer_by_hand",
    "artificer_chain",
    "artificer_chat",
    "artificer_handbook",
    "artificer_million_rows",
    "artificer_pdf_inbox",
    "artificer_taskflow",
    "artificer_tickets",
    "artificer_translation",
    "artificer_wait",
)


class Examples:
    """
    The runs of all examples in one Airflow.

    :param rows: where each run lands its rows, in ``DAG/RUN``.
    """

    def __init__(self, airflow: LocalAirflow, rows: Path) -> None:
        self.airflow = airflow
        self.rows = rows

    def begin(self, dag_id: str, run_id: str = "plain", **params: Any) -> None:
        self.airflow.trigger(dag_id, run_id=run_id, params=params)

    def end(self, dag_id: str, run_id: str = "plain") -> str:
        return self.airflow.wait_over(dag_id, run_id)

    def states(self, dag_id: str, run_id: str = "plain") -> dict[str, str]:
        found = wait_until(lambda: self.airflow.task_instances(dag_id, run_id), seconds=60)
        return {task["task_id"]: task["state"] for task in found or []}

    def returned(self, dag_id: str, task_id: str, run_id: str = "plain") -> Any:
        return self.airflow.xcom(dag_id, run_id, task_id)

    def folder(self, dag_id: str, run_id: str = "plain") -> Path:
        return self.rows / dag_id / run_id

    def manifest(self, dag_id: str, run_id: str = "plain", within: str = ".") -> dict[str, Any]:
        text = (self.folder(dag_id, run_id) / within / "manifest.json").read_text()
        manifest: dict[str, Any] = json.loads(text)
        return manifest


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    """A language model that does not translate one of the documents, and takes its time."""
    server = ModelServer()
    server.delay = 0.1
    server.failures[DOCUMENTS[6]["text"]] = [400] * 10
    yield server
    server.close()


@pytest.fixture(scope="module")
def engine(models: ModelServer, home: Path) -> Iterator[Engine]:
    """The embedded engine, extractive unless a phase names the language model."""
    file = home / "models.toml"
    file.write_text(f'[[server]]\nurl = "{models.url}"\n[[server.model]]\nname = "{MODEL}"\n{PRICES}\n')
    with running_engine(home / "engine", {}, ["--models", str(file)]) as engine:
        yield engine


@pytest.fixture(scope="module")
def examples(engine: Engine, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Examples]:
    rows = home / "rows"
    names = (name.removeprefix("artificer_").upper() for name in (*PLAIN, "artificer_approval"))
    env = {f"ARTIFICER_{name}_OUTPUT": f"{rows}/{{{{ dag.dag_id }}}}/{{{{ run_id }}}}" for name in names}
    env |= {
        "ARTIFICER_PDF_INBOX": str(inbox(home / "inbox") / "*.pdf"),
        "ARTIFICER_PDF_OUTPUT": f"{rows}/{{{{ dag.dag_id }}}}/{{{{ run_id }}}}",
        "ARTIFICER_APPROVAL_MODEL": MODEL,
        "ARTIFICER_APPROVAL_HOURS": str(1 / 60),
        "ARTIFICER_CHAT_MODEL": MODEL,
        "ARTIFICER_MILLION_ROWS_MODEL": "extractive-tfidf",
        "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "5",
    }
    with LocalAirflow(tmp_path_factory.mktemp("airflow"), EXAMPLES, env, port=own_port()) as airflow:
        airflow.migrate()
        airflow.start({"artificer_default": {"conn_type": "artificer", "host": engine.url}})
        airflow.wait_healthy()
        examples = Examples(airflow, rows)
        airflow.unpause("artificer_translation")
        for dag_id in PLAIN:  # not at once: a scheduler that SQLite keeps waiting ends
            examples.begin(dag_id)
            examples.end(dag_id)
        if AIRFLOW >= (3, 2):  # below, its file needs a newer standard provider
            for run_id in ("approved", "rejected", "unanswered"):  # last: their questions wait for a minute
                examples.begin("artificer_approval", run_id)
        yield examples
        for told in query(airflow, TOOK):
            log.info("%s, %s, took %.1f s", *told)


def inbox(folder: Path) -> Path:
    """Nine PDFs that hold text, one that was scanned, and one that is none."""
    folder.mkdir()
    for number in range(9):
        (folder / f"{number}.pdf").write_bytes(pages.printed([pages.prose(80, number)]))
    (folder / "scan.pdf").write_bytes(pages.scan(pages.prose(80, 9)))
    (folder / "torn.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    return folder


def test_nothing_is_spent_before_a_person_approves_the_estimate(examples: Examples, engine: Engine) -> None:
    dag_id = "artificer_approval"
    question = examples.airflow.answer(dag_id, "approved", "approve", "Approve")
    examples.airflow.answer(dag_id, "rejected", "approve", "Reject")
    assert [examples.end(dag_id, run) for run in ("approved", "rejected", "unanswered")] == ["success"] * 3

    estimate = examples.returned(dag_id, "estimate", "approved")
    assert (
        f"{len(DOCUMENTS)} documents of {sum(len(one['text']) for one in DOCUMENTS)} characters" in question
    )
    assert f"**${estimate['likely']:.4f}**" in question
    assert estimate["likely"] > estimate["least"] > 0
    manifest = examples.manifest(dag_id, "approved")
    assert manifest["estimate"] == {name: estimate[name] for name in ("least", "likely")}
    answered = len(DOCUMENTS) - 1
    assert manifest["counts"]["succeeded"] == answered
    assert manifest["cost"] == pytest.approx(answered * CALL)
    for run in ("rejected", "unanswered"):
        skipped = {"estimate": "success", "approve": "success", "run": "skipped", "compare": "skipped"}
        assert examples.states(dag_id, run) == skipped
    jobs = engine.http.get("/api/batch", params={"limit": 100}).raise_for_status().json()
    assert sum(job["name"].startswith(dag_id) for job in jobs) == 1


def test_a_night_within_its_budget_is_published_but_for_the_document_that_failed(examples: Examples) -> None:
    dag_id = "artificer_translation"
    assert examples.end(dag_id) == "success"
    [failed] = [row for row in landed(examples.folder(dag_id)) if row["status"] != "succeeded"]
    assert failed["metadata"]["id"] == DOCUMENTS[6]["id"]
    assert "400" in failed["error"]
    published = json.loads((examples.folder(dag_id) / "published.json").read_text())
    assert published == {one["id"]: f">{one['text']}" for one in DOCUMENTS if one is not DOCUMENTS[6]}
    assert examples.returned(dag_id, "publish") == len(published)
    assert examples.manifest(dag_id)["cost"] <= BUDGET
    assert examples.returned(dag_id, "report").startswith("succeeded: 35 of 36 for $")


def test_a_budget_that_is_used_up_ends_the_night_and_keeps_what_it_bought(
    examples: Examples, tmp_path: Path
) -> None:
    dag_id, run = "artificer_translation", "too_many"
    texts = [json.dumps({"id": number, "text": f"Text {number}."}) for number in range(TOO_MANY)]
    (tmp_path / "many.jsonl").write_text("\n".join(texts))
    examples.begin(dag_id, run, documents=str(tmp_path / "many.jsonl"))
    assert examples.end(dag_id, run) == "failed"
    assert examples.states(dag_id, run) == {
        "translate": "failed",
        "publish": "upstream_failed",
        "report": "success",
    }
    manifest = examples.manifest(dag_id, run)
    assert manifest["outcome"] == "budget"
    assert BUDGET <= manifest["cost"] < TOO_MANY * CALL
    assert manifest["counts"]["succeeded"] == pytest.approx(manifest["cost"] / CALL)
    assert len(landed(examples.folder(dag_id, run))) == TOO_MANY
    assert examples.returned(dag_id, "report", run).startswith("budget: ")


def test_only_the_queues_that_have_tickets_run_and_each_gets_its_own(examples: Examples) -> None:
    dag_id = "artificer_tickets"
    assert examples.end(dag_id) == "success"
    states = examples.states(dag_id)
    assert states.pop("privacy") == "skipped"
    assert set(states.values()) == {"success"}
    queues = {queue: examples.returned(dag_id, queue) for queue in ("billing", "outage", "account")}
    assert queues == {
        "billing": ["T-101", "T-104", "T-107"],
        "outage": ["T-102", "T-105", "T-109"],
        "account": ["T-103", "T-106", "T-108"],
    }
    written = (examples.folder(dag_id) / "queues" / "billing.jsonl").read_text().splitlines()
    assert [json.loads(line)["metadata"]["id"] for line in written] == queues["billing"]
    assert examples.returned(dag_id, "unrouted") == []


def test_every_row_of_the_large_file_is_landed_as_parquet(examples: Examples) -> None:
    dag_id = "artificer_million_rows"
    assert examples.end(dag_id) == "success"
    assert examples.returned(dag_id, "check") == ROWS
    files = sorted(examples.folder(dag_id).glob("part-*/rows-*.parquet"))
    assert [file.parent.name for file in files] == ["part-0000", "part-0001"]
    rows = [row for file in files for row in pq.read_table(file, columns=["index", "metadata"]).to_pylist()]
    assert [(row["index"], json.loads(row["metadata"])) for row in rows] == [
        (number, {"order": number}) for number in range(ROWS)
    ]


def test_a_scan_is_recognised_and_what_cannot_be_read_is_told(examples: Examples) -> None:
    dag_id = "artificer_pdf_inbox"
    assert examples.end(dag_id) == "success"
    read = {Path(row["file"]).name: row for row in landed(examples.folder(dag_id) / "texts")}
    assert {name: row["method"] for name, row in read.items() if row["method"] != "direct"} == {
        "scan.pdf": "ocr",
        "torn.pdf": None,
    }
    assert pages.prose(80, 9).split()[:5] == read["scan.pdf"]["text"].split()[:5]
    assert (read["torn.pdf"]["status"], bool(read["torn.pdf"]["error"])) == ("failed", True)
    summaries = landed(examples.folder(dag_id) / "summaries")
    assert [Path(row["metadata"]["file"]).name for row in summaries] == [*sorted(read)][:-1]
    assert all(0 < len(row["output"]) < len(row["input"]) for row in summaries)


def test_a_summary_that_scores_too_little_goes_no_further(examples: Examples) -> None:
    dag_id = "artificer_chain"
    assert examples.end(dag_id) == "success"
    bad = [row for row in landed(examples.folder(dag_id)) if row["status"] != "succeeded"]
    assert 0 < len(bad) < 4
    assert all("at least 6.25 is asked for" in row["error"] for row in bad)
    assert all("keywords" not in row["phase_outputs"] for row in bad)
    assert examples.returned(dag_id, "rejected") == [row["metadata"]["id"] for row in bad]


def test_the_handbook_answers_with_what_stands_in_it(examples: Examples) -> None:
    dag_id = "artificer_handbook"
    assert examples.end(dag_id) == "success"
    assert examples.returned(dag_id, "answer") == "leave.md"
    assert "thirty days of leave" in examples.returned(dag_id, "ask")["answer"]


def test_a_conversation_is_asked_twice_and_written_down(examples: Examples) -> None:
    dag_id = "artificer_chat"
    assert examples.end(dag_id) == "success"
    [file] = examples.returned(dag_id, "export")["files"]
    written = (examples.folder(dag_id) / file).read_text()
    assert all(examples.returned(dag_id, task)["answer"] in written for task in ("ask", "ask_on"))


def test_the_other_examples_land_a_row_for_every_item(examples: Examples) -> None:
    names = ("artificer_by_hand", "artificer_taskflow", "artificer_wait")
    assert [examples.end(dag_id) for dag_id in names] == ["success"] * 3
    assert (examples.folder("artificer_by_hand") / "manifest.json").exists()
    whole = examples.manifest("artificer_taskflow", within="documents")
    assert (whole["parts"], whole["counts"]["succeeded"]) == (3, len(DOCUMENTS))
    notes = [examples.manifest("artificer_taskflow", within=f"notes/{day}") for day in range(2)]
    assert [note["counts"]["succeeded"] for note in notes] == [2, 1]


def test_a_job_of_somebody_else_starts_the_follow_up(examples: Examples, engine: Engine) -> None:
    for dag_id in PLAIN:
        examples.end(dag_id)  # or their jobs would start it too
    examples.airflow.unpause("artificer_follow_up")
    wait_until(lambda: "artificer_ended" in watermarks(examples.airflow), seconds=120)
    job = engine.create(
        {
            "name": "of somebody else",
            "items": [{"input": "One. Two."}],
            "phases": [{"name": "summarize", "taskType": "summarize"}],
            "options": {"autoStart": True},
        }
    )["id"]
    assert wait_until(lambda: followed_up(examples.airflow), seconds=120) == [job]


def watermarks(airflow: LocalAirflow) -> str:
    return str(query(airflow, "SELECT key, value FROM asset_state_store"))


def followed_up(airflow: LocalAirflow) -> list[str]:
    """Give the jobs that the follow-up's successful runs were started for."""
    dag_id = "artificer_follow_up"
    ended = query(airflow, f"SELECT run_id FROM dag_run WHERE dag_id = '{dag_id}' AND state = 'success'")  # noqa: S608 - our own id
    return [job for (run_id,) in ended for job in airflow.xcom(dag_id, run_id, "say") or []]


def query(airflow: LocalAirflow, sql: str) -> list[Any]:
    """Ask Airflow's own database."""
    with closing(sqlite3.connect(f"file:{airflow.home / 'airflow.db'}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()
