"""The commands of the pages are commands: the real command lines parse them."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from typing import TYPE_CHECKING, Any

import bootstrap
import pytest
import typer.main
from support.markdown import PAGES, ROOT, Block, all_blocks, spans
from typer.core import TyperCommand, TyperGroup

from artificer_provider.cli._app import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHELL = ("shell", "console", "bash", "sh")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ARTIFICER: Any = typer.main.get_command(make_app([]))
#: Not ours, and not here: what a page says of them is read by people.
OF_THE_SYSTEM = frozenset({"apt-get", "git", "cd", "docker", "kubectl", "pipx", "pip-audit"})
_SET = re.compile(r"[A-Z][A-Z0-9_]*=")


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a block, word by word, without its output."""
    lines = block.text.replace("\\\n", " ").splitlines()
    prompted = any(line.startswith("$ ") for line in lines)
    for line in lines:
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words and (line.startswith("$ ") or not prompted):
            yield words


def check(words: list[str]) -> None:
    """Refuse what the program named would refuse."""
    while words and (words[0] in ("export", "sudo") or _SET.match(words[0])):
        name, _, value = words.pop(0).partition("=")
        if name.startswith("AIRFLOW_CONN_") and value.startswith("{"):
            assert json.loads(value)["conn_type"] in ("artificer", "http")
    if words:
        CHECKS[words[0]](words[1:]) if words[0] in CHECKS else known(words[0])


def known(program: str) -> None:
    assert program in OF_THE_SYSTEM, f"{program} is neither ours nor known here"


def made(words: list[str]) -> None:
    targets = [word for word in words if not _SET.match(word)]
    assert targets, "make what?"
    for target in targets:
        assert target in bootstrap.COMMANDS, f"there is no make {target}"


def installed(words: list[str]) -> None:
    assert words[0] == "install"
    for package in (word for word in words[1:] if word.startswith(PROJECT["name"])):
        asked = re.fullmatch(r"[\w-]+(?:\[(.+)\])?(?:[=<>~].*)?", package)
        assert asked is not None, package
        assert set((asked[1] or "").split(",")) - {""} <= PROJECT["optional-dependencies"].keys(), package


def named(words: list[str]) -> tuple[TyperCommand | TyperGroup, str, list[str]]:
    """Follow the words to a command that has such options."""
    command, path, rest = ARTIFICER, "artificer", list(words)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        assert name in command.commands, f"there is no {path} {name}"
        command, path = command.commands[name], f"{path} {name}"
    options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    for word in rest:
        if word.startswith("--"):
            assert word.partition("=")[0] in options | {"--help"}, f"{path} knows no {word}"
    return command, path, rest


def asked(words: list[str]) -> None:
    """Parse as the command does; nothing is carried out."""
    command, path, rest = named(words)
    if isinstance(command, TyperGroup) or "--help" in rest:
        return
    try:
        command.make_context(path, rest)
    except typer.BadParameter as error:
        # The files of an example are the reader's, and so is what stands in capitals for a value.
        if "does not exist" not in str(error) and not re.search(r"'[A-Z_]+'", str(error)):
            raise


def of_airflow(words: list[str]) -> None:
    from airflow.cli.cli_parser import get_parser

    get_parser().parse_args(words)


def run_by_python(words: list[str]) -> None:
    if words[0] == "-m":
        return
    assert (ROOT / words[0]).is_file(), f"there is no {words[0]}"


CHECKS: dict[str, Any] = {
    "make": made,
    "pip": installed,
    "artificer": asked,
    "airflow": of_airflow,
    "python": run_by_python,
}


@pytest.mark.parametrize("block", all_blocks(*SHELL), ids=lambda block: block.place)
def test_every_command_of_a_block_parses(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = list(commands(block))
    assert found, f"{block.place} has no command"
    for words in found:
        check(words)


def spelled_out(command: str) -> Iterator[str]:
    """Write ``start|pause JOB_ID…`` as two commands."""
    command = command.replace("…", "").strip()
    choices = next((word for word in command.split() if "|" in word and "://" not in word), None)
    if choices is None:
        yield command
        return
    for choice in choices.split("|"):
        yield command.replace(choices, choice)


INLINE = [
    (page, command)
    for page in PAGES
    for span in spans(page)
    if re.match(r"(make|artificer|python tools/\S+) ?(?=[\w-])", span) and " " in span
    for command in spelled_out(span)
]


@pytest.mark.parametrize(
    ("page", "command"), INLINE, ids=[f"{page.name}: {command}" for page, command in INLINE]
)
def test_a_command_within_the_text_is_one(page: Path, command: str) -> None:
    words = shlex.split(command)
    if words[0] == "artificer":
        # It is named, and not always with all that it takes.
        named(words[1:])
    else:
        check(words)


@pytest.mark.parametrize("block", all_blocks("json", "toml"), ids=lambda block: block.place)
def test_data_of_a_page_can_be_read(block: Block) -> None:
    assert {"json": json.loads, "toml": tomllib.loads}[block.language](block.text)


@pytest.mark.parametrize("target", sorted(bootstrap.COMMANDS))
def test_every_target_of_make_is_told_of_on_a_page(target: str) -> None:
    assert target == "help" or any(f"make {target}" in page.read_text(encoding="utf-8") for page in PAGES), (
        target
    )


def test_every_command_of_artificer_is_told_of_on_its_page() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert [name for name in ARTIFICER.commands if f"artificer {name}" not in page] == []
