"""``artificer batch``: jobs that are there, and their rows."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.command import Command
    from support.engine import Engine
    from support.model_server import ModelServer

HOSTILE = "\x1b[31mred\x1b]0;title\x07 [bold]loud[/bold] \x9b1m\ttab\nline"
SHOWN = "[31mred]0;title [bold]loud[/bold] 1m\ttab\nline"


def made(engine: Engine, texts: list[str], name: str = "made", *, start: bool = True) -> str:
    items = [{"input": text, "metadata": {"place": place}} for place, text in enumerate(texts)]
    body = {"name": name, "items": items, "phases": [{"name": "p"}], "options": {"autoStart": start}}
    job_id: str = engine.create(body)["id"]
    if start:
        engine.wait_for(job_id, "COMPLETED")
    return job_id


def test_rows_are_written_in_each_format(artificer: Command, models: ModelServer, honest: Engine) -> None:
    models.failures["bad"] = [400]
    job_id = made(honest, ["one", "bad", 'with "quotes", and a comma'])
    results = ("batch", "results", job_id)
    rows = artificer(*results).lines
    assert [row.get("output") for row in rows] == [">one", None, '>with "quotes", and a comma']
    assert artificer(*results, "--json").lines == rows
    assert artificer(*results, "--format", "json").json == rows
    table = list(csv.DictReader(io.StringIO(artificer(*results, "--format", "csv").out)))
    assert [row["output"] for row in table] == [">one", "", '>with "quotes", and a comma']
    assert [json.loads(row["metadata"]) for row in table] == [{"place": place} for place in range(3)]
    assert [bool(row["error"]) for row in table] == [False, True, False]
    text = artificer(*results, "--format", "text")
    assert text.out == '>one\n>with "quotes", and a comma\n'
    assert "Item 1 has no output: p: " in text.err
    assert artificer(*results, "--format", "text", "--json").code == 2


def test_a_file_of_rows_appears_whole_or_not_at_all(
    artificer: Command, models: ModelServer, honest: Engine
) -> None:
    job_id = made(honest, ["one"])
    assert models.texts() == ["one"]
    artificer.file("rows", "old")
    assert artificer("batch", "results", "job_none", "--output", "rows").code == 6
    assert (artificer.cwd / "rows").read_text() == "old"
    assert artificer("batch", "results", job_id, "--output", "rows").code == 0
    assert json.loads((artificer.cwd / "rows").read_text())["output"] == ">one"
    assert artificer("batch", "results", job_id, "--output", artificer.cwd).code == 2
    assert [file.name for file in artificer.cwd.iterdir()] == ["rows"]


def test_what_an_engine_says_does_nothing_to_a_terminal(
    artificer: Command, models: ModelServer, honest: Engine
) -> None:
    models.replies["hostile"] = [HOSTILE]
    job_id = made(honest, ["hostile"], "[bold]name[/bold]\x1b[31m")
    with artificer.on_terminal("batch", "results", job_id, "--format", "text") as terminal:
        assert terminal.ended() == 0
        assert terminal.shown == SHOWN.replace("\n", "\r\n") + "\r\n"
    assert artificer("batch", "results", job_id, "--format", "text").out == f"{HOSTILE}\n"
    with artificer.on_terminal("batch", "list", "--limit", "1") as terminal:
        assert terminal.ended() == 0
        assert "[bold]name[/bold][31m" in terminal.shown
        assert "\x1b[31m" not in terminal.shown


def test_jobs_are_listed_newest_first(artificer: Command, models: ModelServer, honest: Engine) -> None:
    first, second, third = (
        made(honest, ["one"], name, start=name == "gathering") for name in ("lonely", "gathering", "lonely")
    )
    listed = artificer("batch", "list", "--limit", "3", "--json").json
    assert [job["id"] for job in listed] == [third, second, first]
    by_name = artificer("batch", "list", "--name", "lonely", "--json").json
    assert [job["id"] for job in by_name] == [third, first]
    by_both = artificer("batch", "list", "--name", "gathering", "--status", "pending", "--json").json
    assert by_both == []
    pending = artificer("batch", "list", "--status", "PENDING", "--limit", "1").out.splitlines()
    assert pending[0].split("\t") == ["ID", "NAME", "STATUS", "ITEMS", "FAILED", "COST", "CREATED"]
    assert pending[1].split("\t")[:4] == [third, "lonely", "PENDING", "0/1"]
    assert len(pending) == 2
    assert artificer("batch", "list", "--status", "gone").code == 2
    assert len(models.calls) == 1


def test_more_jobs_than_a_page_holds_are_listed(artificer: Command, honest: Engine) -> None:
    for _ in range(101):
        made(honest, ["one"], "many", start=False)
    assert len(artificer("batch", "list", "--limit", "101", "--json").json) == 101
    assert len(artificer("batch", "list", "--name", "many", "--limit", "7", "--json").json) == 7


def test_jobs_are_moved_and_one_that_fails_does_not_lose_the_others(
    artificer: Command, models: ModelServer, honest: Engine
) -> None:
    models.open.clear()
    one, two = (made(honest, ["a", "b"], "moved", start=False) for _ in range(2))
    started = artificer("batch", "start", one, two)
    assert (started.code, started.out) == (0, f"{one} RUNNING\n{two} RUNNING\n")
    assert artificer("batch", "pause", one).out == f"{one} PAUSED\n"
    assert artificer("batch", "resume", one).out == f"{one} RUNNING\n"
    mixed = artificer("batch", "cancel", "job_none", one, "--json")
    assert (mixed.code, [job["status"] for job in mixed.json]) == (3, ["CANCELLED"])
    assert mixed.err.count("\n") == 1
    assert artificer("batch", "cancel", one).code == 1
    assert artificer("batch", "delete", one).out == f"{one} deleted\n"
    assert artificer("batch", "delete", one).code == 6
    assert artificer("batch", "cancel", two, "--json").json[0]["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["--base-url", "http://127.0.0.1:1"], 4, "cannot be reached"),
        (["--api-key", "wrong"], 5, "key"),
        ([], 6, "job_none"),
    ],
)
def test_the_exit_code_says_what_went_wrong(
    artificer: Command, words: list[str], code: int, hint: str
) -> None:
    done = artificer("batch", "watch", "job_none", *words)
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert hint in done.err
    assert "Traceback" not in done.err
    assert "Traceback" in artificer("batch", "watch", "job_none", *words, "--debug").err


def test_the_key_is_nowhere_in_what_is_said(artificer: Command) -> None:
    done = artificer("batch", "watch", "job_none", "--api-key", "sk_secret", "--debug")
    assert "sk_secret" not in done.err + done.out


def test_who_reads_only_the_beginning_ends_the_command_quietly(artificer: Command, honest: Engine) -> None:
    job_id = made(honest, ["x" * 90_000 for _ in range(10)], start=False)
    reading = artificer.start("batch", "results", job_id)
    assert reading.stdout is not None
    assert reading.stderr is not None
    assert reading.stdout.read(10) == '{"itemInde'
    reading.stdout.close()
    assert reading.stderr.read() == ""
    reading.stderr.close()
    assert reading.wait(30) == 1
