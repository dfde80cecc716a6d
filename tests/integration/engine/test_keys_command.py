"""``artificer keys``, beside an engine that runs and before there is one."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.engine import clean_environment, running_engine
from support.keys import used
from support.waiting import wait_until
from typer.testing import CliRunner

from artificer_provider.cli.keys import app
from artificer_provider.engine.store import DATABASE

if TYPE_CHECKING:
    from pathlib import Path

KEY = re.compile(r"sk_[0-9a-f]{64}")


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command in this process: another would take a second to begin."""

    def run(*words: str) -> Done:
        ended = CliRunner().invoke(app, [*words, "--data", str(tmp_path / "data")])
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return Done(ended.exit_code, ended.stdout, ended.stderr)

    return run


def process(data: Path, *words: str) -> Done:
    """Run a command as people do."""
    command = [sys.executable, "-m", "artificer_provider.cli.keys", *words, "--data", str(data)]
    environment = clean_environment()
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return Done(ended.returncode, ended.stdout, ended.stderr)


def listed(run: Run) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("list", "--json").stdout)
    return found


def test_a_key_is_printed_once_alone_and_opens_an_engine_started_later(run: Run, tmp_path: Path) -> None:
    made = process(tmp_path / "data", "create", "--name", "nightly")
    assert made.returncode == 0
    assert KEY.fullmatch(made.stdout.strip())
    assert "shown this once" in made.stderr
    assert "first key" in made.stderr
    assert not KEY.search(made.stderr)
    assert "first key" not in run("create", "--name", "second").stderr
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    with running_engine(tmp_path / "data") as engine:
        assert engine.http.get("/api/batch").status_code == 401
        holder = engine.client(Authorization=f"Bearer {made.stdout.strip()}")
        assert holder.get("/api/batch").status_code == 200
    shown = run("list").stdout + run("list", "--json").stdout
    assert not KEY.search(shown)
    assert "nightly" in shown


def test_keys_are_made_revoked_and_rotated_while_an_engine_runs(run: Run, tmp_path: Path) -> None:
    with running_engine(tmp_path / "data") as engine:

        def status(secret: str) -> int:
            return engine.client(Authorization=f"Bearer {secret}").get("/api/batch").status_code

        first = run("create", "--name", "a").stdout.strip()
        second = json.loads(run("create", "--name", "b", "--owner", "lab", "--json").stdout)
        assert (status(first), status(second["key"])) == (200, 200)
        rotated = run("rotate", second["id"], "--grace", "2s")
        assert "is good until" in rotated.stderr
        successor = rotated.stdout.strip()
        assert (status(second["key"]), status(successor)) == (200, 200)
        wait_until(lambda: status(second["key"]) == 401, "the grace is over")
        assert status(successor) == 200
        at_once = run("rotate", str(listed(run)[0]["id"]))
        assert (status(first), status(at_once.stdout.strip())) == (401, 200)
        for key in listed(run):
            run("revoke", str(key["id"]))
        assert {status(one) for one in (first, successor, at_once.stdout.strip())} == {401}
        assert engine.http.get("/api/batch").status_code == 401  # the last one gone opens it to nobody
        assert {key["state"] for key in listed(run)} == {"revoked"}
        assert [key["owner"] for key in listed(run)] == ["local", "lab", "lab", "local"]


def test_the_list_tells_what_a_key_may_do_and_how_much_it_was_used(run: Run, tmp_path: Path) -> None:
    rights = [
        "--scope",
        "batch:read",
        "--scope",
        "images",
        "--address",
        "127.0.0.0/8",
        "--calls-a-minute",
        "90",
    ]
    made = json.loads(run("create", "--name", "n", *rights, "--expires", "90d", "--json").stdout)
    with running_engine(tmp_path / "data") as engine:
        holder = engine.client(Authorization=f"Bearer {made['key']}")
        for path in ("/api/batch", "/api/batch", "/api/orchestration/analytics"):
            holder.get(path)
        wait_until(lambda: used(engine.data, made["id"])[0] == 3, "the counts are kept")
        (key,) = listed(run)
    assert key["scopes"] == ["batch:read", "images"]
    assert (key["addresses"], key["callsAMinute"], key["state"]) == (["127.0.0.0/8"], 90, "active")
    assert (key["calls"], key["refused"]) == (3, 1)
    (day,) = key["days"] if isinstance(key["days"], list) else []
    assert (day["calls"], day["refused"]) == (3, 1)
    assert str(key["lastUsedAt"]).startswith(day["day"])
    header, row = (line.split("\t") for line in run("list").stdout.splitlines())
    told = dict(zip(header, row, strict=True))
    assert (told["name"], told["state"], told["calls"], told["refused"]) == ("n", "active", "3", "1")
    assert told["last used"].startswith(day["day"])


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["create", "--name", " "], "--name"),
        (["create", "--name", "n\x1b[31m"], "--name"),
        (["create", "--name", "n", "--owner", "x" * 101], "--owner"),
        (["create", "--name", "n", "--scope", "jobs"], "'jobs'"),
        (["create", "--name", "n", "--address", "10.0.0.1/8"], "host bits"),
        (["create", "--name", "n", "--expires", "soon"], "'soon'"),
        (["create", "--name", "n", "--expires", "2020-01-01"], "over already"),
        (["create", "--name", "n", "--expires", "0"], "over already"),
        (["create", "--name", "n", "--calls-a-minute", "0"], "calls-a-minute"),
        (["list"], "engine.sqlite3"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_and_leaves_nothing(
    run: Run, tmp_path: Path, words: list[str], hint: str
) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / DATABASE).exists()


def test_a_key_that_is_not_there_or_over_is_named(run: Run) -> None:
    made = run("create", "--name", "n")
    (key,) = listed(run)
    for act in ("revoke", "rotate"):
        gone = run(act, "key_none")
        assert (gone.returncode, gone.stdout) == (6, "")
        assert "'key_none'" in gone.stderr
    typed = run("revoke", made.stdout.strip())
    assert typed.returncode == 2
    assert "its id" in typed.stderr
    assert not KEY.search(typed.stderr)
    run("revoke", str(key["id"]))
    over = run("rotate", str(key["id"]))
    assert (over.returncode, over.stdout) == (2, "")
    assert "revoked" in over.stderr
    bad = run("rotate", str(key["id"]), "--grace", "long")
    assert "'long'" in bad.stderr


def test_a_database_of_another_version_is_left_alone_while_its_engine_runs(run: Run, tmp_path: Path) -> None:
    with (
        running_engine(tmp_path / "data") as engine,
        closing(sqlite3.connect(engine.data / DATABASE, isolation_level=None)) as database,
    ):
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version = {version - 1}")
        done = run("create", "--name", "n")
        assert (done.returncode, done.stdout) == (2, "")
        assert "another version" in done.stderr
        assert database.execute("PRAGMA user_version").fetchone() == (version - 1,)
        database.execute(f"PRAGMA user_version = {version}")


def test_a_file_that_is_no_database_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / DATABASE).write_bytes(b"no database at all" * 100)
    done = run("create", "--name", "n")
    assert (done.returncode, done.stdout) == (1, "")
    assert DATABASE in done.stderr
    assert (tmp_path / "data" / DATABASE).read_bytes() == b"no database at all" * 100
