"""The command as a whole: its help, completion, health, and what it is not installed with."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.engine import clean_environment
from support.forge import COMMAND
from support.imports import printed
from support.scripted_server import Reply
from support.shared import API_KEY

if TYPE_CHECKING:
    from support.command import Command
    from support.scripted_server import ScriptedServer

COMMANDS = ("engine", "keys", "batch", "pdf", "chat", "search", "health")
#: What no help may wait for.
HEAVY = "fastapi uvicorn httpx onnxruntime numpy airflow sqlite3 pydantic rich pypdfium2"


def test_the_help_names_every_command_and_imports_nothing_heavy(artificer: Command) -> None:
    shown = artificer("--help")
    assert shown.code == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\w", shown.out, re.MULTILINE)
    probe = (
        "import sys\nfrom artificer_provider.cli import main\n"
        "try: main(['--help'])\n"
        f"except SystemExit: print([m for m in {HEAVY.split()} if m in sys.modules])"
    )
    assert printed(probe).endswith("[]\n")


@pytest.mark.parametrize("words", [[], ["batch"]])
def test_a_group_alone_shows_its_help(artificer: Command, words: list[str]) -> None:
    done = artificer(*words)
    assert done.code == 2
    assert "Commands:" in done.out + done.err


def test_every_command_that_calls_an_engine_has_the_same_options(artificer: Command) -> None:
    jobs = ("run", "watch", "results", "list", "start", "pause", "resume", "cancel", "delete")
    for words in [*(("batch", job) for job in jobs), ("pdf",), ("chat",), ("search",), ("health",)]:
        shown = artificer(*words, "-h")
        assert shown.code == 0
        for option in ("--base-url", "--api-key", "--dialect", "--timeout", "--json", "--debug"):
            assert option in shown.out, (words, option)


def test_the_key_in_the_environment_is_not_shown_by_the_help(artificer: Command) -> None:
    assert API_KEY not in artificer("health", "--help").out


def test_without_the_extra_it_says_what_to_install() -> None:
    blocked = (
        "import sys; sys.modules['typer'] = None\nfrom artificer_provider.cli import main; main(['health'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked], capture_output=True, text=True, env=clean_environment(), check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'airflow-provider-artificer[cli]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("shell", "line"), [("bash", "complete "), ("zsh", "#compdef artificer"), ("fish", "complete ")]
)
def test_a_completion_script_is_printed_for_each_shell(artificer: Command, shell: str, line: str) -> None:
    completing = {"_ARTIFICER_COMPLETE": f"source_{shell}"}
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, env={**artificer.environment, **completing}, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert line in done.stdout
    assert "_ARTIFICER_COMPLETE=complete_" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("artificer b", "batch"),
        ("artificer batch w", "watch"),
        ("artificer batch run --ph", "--phases"),
        ("artificer batch run --dialect r", "rest"),
        ("artificer batch list --status P", "PENDING"),
        ("artificer engine --qu", "--quirks"),
    ],
)
def test_commands_and_options_are_completed(artificer: Command, typed: str, offered: str) -> None:
    completing = {
        "_ARTIFICER_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    artificer.settings.update(completing)
    assert offered in artificer().out.splitlines()


def test_a_healthy_engine_is_told_with_its_models_and_latency(artificer: Command, deployed: Command) -> None:
    told = artificer("health")
    assert told.code == 0
    assert re.search(r"^latency +\d+\.\d ms$", told.out, re.MULTILINE)
    assert "small, extractive" in told.out
    found = artificer("health", "--json").json
    assert (found["status"], found["mode"], found["dialect"]) == ("ok", "embedded", "rest")
    assert 0 < found["latency"] < 10_000
    assert deployed("health", "--json").json["dialect"] == "trpc"


def test_an_engine_that_is_not_well_or_not_there_is_exit_code_1(
    scripted: Command, server: ScriptedServer
) -> None:
    server.otherwise = lambda _: Reply(503, {"status": "unhealthy"}, headers={"Retry-After": "0"})
    ill = scripted("health", "--json", "--dialect", "rest")
    assert (ill.code, ill.json["status"]) == (1, "unhealthy")
    server.otherwise = lambda _: Reply(body={"status": "degraded"})
    assert scripted("health", "--dialect", "rest").code == 1
    gone = scripted("health", "--base-url", "http://127.0.0.1:1")
    assert (gone.code, gone.out, gone.err.count("\n")) == (1, "", 1)
    assert scripted("health", "--json", "--base-url", "http://127.0.0.1:1").json["status"] == "unreachable"
    assert scripted("health", "--base-url", "nowhere").code == 2


def test_quirks_without_a_value_are_all_of_them(artificer: Command) -> None:
    listed = artificer("engine", "--quirks", "list")
    assert listed == artificer("engine", "--quirks=list")
    assert "blocking_start" in listed.out
    refused = artificer("engine", "--quirks", "--host", "203.0.113.7")
    assert (refused.code, "203.0.113.7" in refused.err) == (2, True)
    assert "'no_such'" in artificer("engine", "--quirks", "no_such").err
