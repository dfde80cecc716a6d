"""What an engine names, or a stranger put into the folder, leads no file out of its folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.airflow import StoreDouble, context
from support.scripted_server import Reply, ScriptedServer

from artificer_provider.operators._formats import Format
from artificer_provider.operators._landing import Landing, folder_at
from artificer_provider.operators.export import ArtificerExportConversationsOperator

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = (
    "../../evil.md",
    "/etc/evil.md",
    "a/../../../evil.md",
    "..\\..\\evil.md",
    "C:\\evil.md",
    "....//....//evil.md",
    "..",
    ".",
    "",
    "~/evil.md",
    ".hidden/../evil",
)


def exported(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, folder: Path, said: Any) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_ARTIFICER_DEFAULT",
        json.dumps({"conn_type": "artificer", "host": server.url, "extra": {"dialect": "rest"}}),
    )
    server.will_answer(Reply(body={"metadata": {"exportDate": "2026-11-23T00:00:00Z"}, **said}))
    task = ArtificerExportConversationsOperator(task_id="e", output=str(folder), format="markdown")
    task.execute(context(StoreDouble()))


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_that_an_engine_names_stay_in_their_folder(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "a" / "b" / "c"
    exported(server, monkeypatch, folder, {"format": "obsidian", "data": {"files": {name: "text"}}})
    [file] = everything_in(tmp_path)
    assert file.startswith("a/b/c/")
    assert "/" not in file.removeprefix("a/b/c/")


@pytest.mark.parametrize("form", [name for name in HOSTILE if name] + ["x/../../evil"])
def test_a_format_that_an_engine_names_leads_nowhere(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "a" / "b" / "c"
    (folder / "conversations.x").mkdir(parents=True)
    exported(server, monkeypatch, folder, {"format": form, "data": "text"})
    [file] = everything_in(tmp_path)
    assert file.startswith("a/b/c/conversations")
    assert "/" not in file.removeprefix("a/b/c/")


def links(folder: Path, victim: Path) -> None:
    """Put a link to a file under each name that is known beforehand."""
    victim.write_text("precious")
    folder.mkdir()
    for name in (
        "manifest.json",
        "rows-0001-of-0001.jsonl",
        ".probe",
        "conversations.md",
        ".conversations.md.part",
    ):
        (folder / name).symlink_to(victim)


def test_rows_do_not_go_through_a_link_that_waits_for_them(tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim.json", tmp_path / "rows"
    links(folder, victim)
    (folder / "manifest.json").unlink()  # as a manifest it would be another run's, and the folder refused
    landing = Landing(folder_at(str(folder)), "run", Format.JSONL)
    landing.prepare()
    landing.write_rows(0, 1, [{"index": 0}])
    assert victim.read_text() == "precious"
    assert not (folder / "rows-0001-of-0001.jsonl").is_symlink()


def test_an_export_does_not_go_through_one_either(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    victim, folder = tmp_path / "victim.json", tmp_path / "rows"
    links(folder, victim)
    exported(server, monkeypatch, folder, {"format": "markdown", "data": "text"})
    assert victim.read_text() == "precious"
    assert (folder / "conversations.md").read_text() == "text"
