"""What a run came to, held against what its engine and its model server saw: from outside."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from support.trpc import Trpc

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.load import Load
    from support.model_server import ModelServer

ENDED = {"COMPLETED", "FAILED", "CANCELLED"}


def asked_of(models: ModelServer, name: str) -> Counter[str]:
    """Count what the model server was asked for the texts of a run."""
    return Counter(text for text in models.texts() if f"{name}:" in text)


def jobs_of(engine: Engine, dialect: str, name: str) -> list[dict[str, Any]]:
    """The jobs of a run that are on the engine."""
    if dialect == "trpc":
        listed = Trpc(engine.http).query("batch.listJobs", {"limit": 100})["jobs"]
    else:
        listed = engine.http.get("/api/batch", params={"limit": 100}).raise_for_status().json()
    return [job for job in listed if job["name"].startswith(f"{name} ")]


def manifest_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """All rows, of all files that the manifest names, in their order."""
    files = [folder / name for name in manifest_in(folder)["files"]]
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def check_folder(folder: Path) -> None:
    """There is the manifest, and what it names, and nothing else but what a chain wrote down as it went."""
    found = {file.name for file in folder.iterdir()} - {".parts"}
    assert found == {"manifest.json", *manifest_in(folder)["files"]}, folder


def check_landed(load: Load, folder: Path) -> None:
    """
    Each row of a run is there once, in its order, in the folders of its tasks.

    :param folder: what the run was told as its output.
    """
    tasks = sorted(task for task in folder.iterdir() if task.is_dir())
    for task in tasks:
        check_folder(task)
    outputs = [row["output"] for task in tasks for row in rows_in(task)]
    assert outputs == [f">{text}" for text in load.texts], load


def check_jobs(jobs: list[dict[str, Any]], folder: Path, given_up: str = "no generation") -> None:
    """
    No job is left that waits or runs, and the manifest names each that ended well.

    :param given_up: in the names of those whose input has changed: one of them may have ended meanwhile.
    """
    assert {job["status"] for job in jobs} <= ENDED, [(job["name"], job["status"]) for job in jobs]
    done = {job["id"] for job in jobs if job["status"] == "COMPLETED" and given_up not in job["name"]}
    assert done <= set(manifest_in(folder)["job_ids"]) <= {job["id"] for job in jobs}
