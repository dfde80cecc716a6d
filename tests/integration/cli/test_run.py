"""``artificer batch run`` and ``watch``: from a file of items to the verdict over the rows."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Reply
from support.waiting import wait_until
from support.wire import job, row

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Command
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.scripted_server import ScriptedServer

TEXTS = "one\ntwo\nthree\n"
PHASES = ("--phase", "first", "--phase", "second")


def landed(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def job_of(said: str) -> str:
    found = re.search(r"job_[\w-]+", said)
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("name", "content", "metadata"),
    [
        ("items.txt", "one\n\ntwo\r\nthree", [None, None, None]),
        ("items.jsonl", '"one"\n\n{"input": "two", "metadata": {"n": 2}}\n"three"', [None, {"n": 2}, None]),
        ("items.NDJSON", '\ufeff"one"\n"two"\n"three"', [None, None, None]),
        ("items.json", '["one", {"input": "two"}, "three"]', [None, None, None]),
        (
            "items.csv",
            'id,input,note\r\n1,one,"a\r\n\r\nb"\r\n2,two,\r\n3,three,x\r\n',
            [{"id": "1", "note": "a\r\n\r\nb"}, {"id": "2", "note": ""}, {"id": "3", "note": "x"}],
        ),
    ],
)
def test_items_are_read_from_any_of_the_formats(
    artificer: Command, models: ModelServer, name: str, content: str, metadata: list[Any]
) -> None:
    file = artificer.file(name, content)
    done = artificer("batch", "run", file, "--phase", "only", "--output", "rows.ndjson")
    assert (done.code, "3 of 3 items succeeded" in done.out) == (0, True), done.err
    rows = landed(artificer.cwd / "rows.ndjson")
    assert [found["input"] for found in rows] == ["one", "two", "three"]
    assert [found["output"] for found in rows] == [">one", ">two", ">three"]
    assert [found.get("metadata") for found in rows] == metadata
    assert sorted(models.texts()) == ["one", "three", "two"]


def test_items_come_over_a_pipe_and_rows_go_over_one(artificer: Command, models: ModelServer) -> None:
    lines = '{"input": "one"}\n"two"\n'
    done = artificer("batch", "run", "-", "--phase", "only", "--output", "-", stdin=lines)
    assert [found["output"] for found in done.lines] == [">one", ">two"]
    assert "2 of 2 items succeeded" in done.err
    assert models.most_in_flight >= 1
    told = artificer("batch", "run", "-", "--format", "txt", "--phase", "only", "--json", stdin="one")
    assert (told.json["job"]["name"], told.json["rows"]) == ("stdin", {"succeeded": 1, "failed": 0})


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.jsonl", '"one"\n{"input": 3}\n', "a.jsonl: line 2 is no item"),
        ("a.jsonl", '"one"\n\n{"inp', "a.jsonl: line 3 is no JSON"),
        ("a.jsonl", '{"input": "a", "metadata": {"n": NaN}}', "line 1 is no JSON (NaN"),
        ("a.jsonl", '{"input": "a", "id": 1}', "line 1 has 'id'"),
        ("a.jsonl", '{"input": "a", "metadata": [1]}', "line 1 has a 'metadata'"),
        ("a.jsonl", f'"one"\n"{"x" * 100_001}"', "line 2 has a text of 100,001 characters"),
        ("a.jsonl", '""', "line 1 has a text of 0 characters"),
        ("a.jsonl", b'"one"\n"\xff"', "line 2 is not UTF-8"),
        ("a.txt", "x" * 10_000_001, "line 1 is longer than 10,000,000 bytes"),
        ("a.txt", "one\n" * 10_001, "more than 10,000 items"),
        ("a.txt", "\n \n", "holds no item"),
        ("a.json", "{}", "is no list of items"),
        ("a.json", '["one", 2]', "item 2 is no item"),
        ("a.csv", "id,text\n1,one\n", "line 1 names no column 'input', but 'id', 'text'"),
        ("a.csv", "id,input\n1,one\n2\n", "line 3 ends a row of 1 fields under 2 columns"),
        ("a.csv", 'input\n"one', "a.csv: line 2 is no CSV"),
        ("a.pdf", "one", "--format"),
    ],
)
def test_what_is_no_item_is_named_with_its_line(
    scripted: Command, server: ScriptedServer, name: str, content: str | bytes, hint: str
) -> None:
    done = scripted("batch", "run", scripted.file(name, content), "--phase", "p")
    assert (done.code, done.out) == (2, "")
    assert hint in done.err
    assert done.err.count("\n") == 1
    assert server.asked == []


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "--phase"),
        (["--phase", "p", "--phases", "phases.json"], "--phase"),
        (["--phase", "=only a prompt"], "'=only a prompt'"),
        (["--phases", "missing.json"], "missing.json"),
        (["--phases", "t.txt"], "no JSON"),
        (["--phase", "p", "--output", "rows", "--no-wait"], "--no-wait"),
        (["--phase", "p", "--output", "-", "--json"], "--json"),
        (["--phase", "p", "--output", "no/such/folder/rows"], "no/such/folder"),
        (["--phase", "p", "--concurrency", "51"], "concurrency"),
        (["--phase", "p", "--dialect", "soap"], "soap"),
        (["--phase", "p", "--base-url", "localhost:1"], "localhost:1"),
        (["--phase", "p", "--timeout", "soon"], "--timeout"),
        (["--frobnicate"], "--frobnicate"),
    ],
)
def test_wrong_use_is_named_and_nothing_is_sent(
    scripted: Command, server: ScriptedServer, words: list[str], hint: str
) -> None:
    scripted.file("t.txt", TEXTS)
    done = scripted("batch", "run", "t.txt", "--dialect", "rest", *words)
    assert (done.code, done.out) == (2, "")
    assert hint in done.err
    assert server.asked == []


def test_phases_are_said_in_words_or_in_a_file(artificer: Command, models: ModelServer) -> None:
    artificer.file("t.txt", "one")
    said = ("--phase", "a=Be brief: be=kind", "--phase", "b:summarize", "--model", "small")
    assert artificer("batch", "run", "t.txt", *said).code == 0
    phases = [
        {"name": "a", "systemPrompt": "Be kind.", "model": "small"},
        {"name": "b", "task_type": "summarize"},
    ]
    artificer.file("phases.json", json.dumps(phases))
    filed = artificer(
        *("batch", "run", "t.txt", "--phases", "phases.json", "--model", "extractive", "--output", "rows")
    )
    assert filed.code == 0, filed.err
    asked = [(call["model"], [message["content"] for message in call["messages"]]) for call in models.calls]
    assert asked[0] == ("small", ["Be brief: be=kind", "one"])
    assert (asked[1][0], asked[1][1][-1]) == ("small", ">one")
    assert asked[2:] == [("small", ["Be kind.", "one"])]
    answered = landed(artificer.cwd / "rows")[0]["phaseModels"]
    assert (answered["a"], answered["b"].split("-")[0]) == (models.model, "extractive")


def test_items_that_fail_are_what_the_exit_code_says(artificer: Command, models: ModelServer) -> None:
    artificer.file("t.txt", TEXTS)
    for words, code in (([], 3), (["--max-failed", "1"], 0)):
        models.failures["two"] = [400]
        done = artificer("batch", "run", "t.txt", *PHASES, "--output", "rows", "--json", *words)
        assert (done.code, done.json["rows"]) == (code, {"succeeded": 2, "failed": 1})
        assert "item 1: first: " in done.err
        assert [found["status"] for found in landed(artificer.cwd / "rows")] == [
            "COMPLETED",
            "FAILED",
            "COMPLETED",
        ]
        watched = artificer("batch", "watch", done.json["job"]["id"], "--json", *words)
        assert (watched.code, watched.json["rows"]) == (code, {"succeeded": 2, "failed": 1})


def test_a_deployed_engine_is_told_no_key_and_its_claims_are_not_believed(
    deployed: Command, models: ModelServer
) -> None:
    deployed.file("t.txt", TEXTS)
    models.failures["two"] = [400, 400, 400]
    done = deployed("batch", "run", "t.txt", "--phase", "only", "--output", "rows", "--json")
    assert done.code == 3, done.err
    assert (done.json["job"]["status"], done.json["rows"]) == ("COMPLETED", {"succeeded": 2, "failed": 1})
    assert deployed("batch", "watch", done.json["job"]["id"]).code == 3
    refused = deployed("batch", "run", "t.txt", "--phase", "only=Be brief.")
    assert (refused.code, "systemPrompt" in refused.err) == (2, True)


def test_a_job_is_created_under_a_key_and_started_when_it_is_whole(
    scripted: Command, server: ScriptedServer
) -> None:
    scripted.file("t.txt", "one")
    lost = Reply(cut=True)
    server.will_answer(lost, job("PENDING"), job("PENDING"), job("RUNNING"), job("COMPLETED"))
    server.will_answer(Reply(body=[{**row(0), "phaseOutputs": {"p": "0"}}]))
    done = scripted("batch", "run", "t.txt", "--phase", "p", "--dialect", "rest")
    assert done.code == 0, done.err
    first, again, *others = server.asked
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"]
    assert (first.json, first.body) == (again.json, again.body)
    assert '"autoStart":false' in first.body.decode().replace(" ", "")
    assert [asked.path for asked in others] == [
        "/api/batch/j1",
        "/api/batch/j1/start",
        "/api/batch/j1",
        "/api/batch/j1/results?offset=0",
    ]


def test_who_does_not_wait_gets_the_id(artificer: Command, models: ModelServer, honest: Engine) -> None:
    artificer.file("t.txt", TEXTS)
    models.open.clear()
    done = artificer("batch", "run", "t.txt", *PHASES, "--no-wait")
    job_id = done.out.strip()
    assert honest.job(job_id)["status"] == "RUNNING"
    late = artificer("batch", "watch", job_id, "--timeout", "0.1")
    assert (late.code, "It goes on" in late.err) == (7, True)
    models.open.set()
    watched = artificer("batch", "watch", job_id, "--timeout", "30")
    assert (watched.code, "3 of 3 items succeeded" in watched.out) == (0, True)


def test_ctrl_c_leaves_the_job_running_and_says_how_to_go_on(
    artificer: Command, models: ModelServer, honest: Engine
) -> None:
    artificer.file("t.txt", TEXTS)
    models.open.clear()
    running = artificer.start("batch", "run", "t.txt", *PHASES, "--output", "rows.ndjson")
    wait_until(lambda: models.in_flight > 0, "the job runs")
    wait_until(lambda: ".rows.ndjson.part" in {file.name for file in artificer.cwd.iterdir()}, "rows awaited")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    job_id = job_of(err)
    assert (running.returncode, out) == (130, "")
    assert f"artificer batch watch {job_id}" in err
    assert f"artificer batch cancel {job_id}" in err
    assert "Traceback" not in err
    assert {file.name for file in artificer.cwd.iterdir()} == {"t.txt"}
    assert honest.job(job_id)["status"] == "RUNNING"
    assert artificer("batch", "cancel", job_id).out == f"{job_id} CANCELLED\n"
    models.open.set()
    watched = artificer("batch", "watch", job_id)
    assert (watched.code, "CANCELLED" in watched.out) == (1, True)


def test_a_terminal_shows_a_bar_for_the_job_and_for_each_phase(
    artificer: Command, models: ModelServer
) -> None:
    artificer.file("t.txt", TEXTS)
    models.open.clear()
    with artificer.on_terminal("batch", "run", "t.txt", *PHASES, "--name", "[bold]greetings") as terminal:
        terminal.wait_for("0/3")
        terminal.wait_for("second")
        models.open.set()
        assert terminal.ended() == 0
        for text in ("[bold]greetings", "first", "3/3", "0 failed", "$0.0001", "3 of 3 items succeeded"):
            assert text in terminal.shown


def test_no_bar_and_no_colour_goes_anywhere_but_to_a_terminal(
    artificer: Command, models: ModelServer
) -> None:
    artificer.file("t.txt", TEXTS)
    done = artificer("batch", "run", "t.txt", *PHASES)
    assert "\x1b" not in done.err + done.out
    assert (done.err.count("\n"), done.out.count("\n")) == (1, 1)
    assert len(models.calls) == 6
