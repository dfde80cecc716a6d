"""Rows reach their place whole, and only while the run is the try's that wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from artificer_provider.operators._formats import Format
from artificer_provider.operators._landing import Landing, Manifest

if TYPE_CHECKING:
    from pathlib import Path


def landing(folder: Path) -> Landing:
    return Landing(ObjectStoragePath(str(folder)), "run", Format.JSONL)


def manifest(outcome: str) -> Manifest:
    return Manifest("run", "", outcome, ["rows-0001-of-0001.jsonl"], [], 1, {}, None, None, [])


def superseded() -> None:
    raise RuntimeError("Task instance not found")


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_superseded_try_moves_neither_rows_nor_manifest_and_leaves_nothing_behind(tmp_path: Path) -> None:
    landing(tmp_path).write_rows(0, 1, [{"index": 0, "output": "newer"}])
    landing(tmp_path).write_manifest(manifest("succeeded"))
    late = landing(tmp_path)
    late.before_move = superseded
    with pytest.raises(RuntimeError, match="not found"):
        late.write_rows(0, 1, [{"index": 0, "output": "older"}])
    with pytest.raises(RuntimeError, match="not found"):
        late.write_manifest(manifest("failed"))
    assert "newer" in (tmp_path / "rows-0001-of-0001.jsonl").read_text()
    last = landing(tmp_path).last()
    assert last is not None
    assert last.outcome == "succeeded"
    assert names(tmp_path) == ["manifest.json", "rows-0001-of-0001.jsonl"]


def test_two_tries_that_write_at_once_do_not_write_into_one_file(tmp_path: Path) -> None:
    early, late = landing(tmp_path), landing(tmp_path)

    def act_meanwhile() -> None:
        late.write_rows(0, 1, [{"index": 0}] * 2)

    early.before_move = act_meanwhile
    early.write_rows(0, 1, [{"index": 0}] * 3)
    assert len((tmp_path / "rows-0001-of-0001.jsonl").read_text().splitlines()) == 3


def test_the_manifest_clears_away_what_a_killed_try_left_half_written(tmp_path: Path) -> None:
    (tmp_path / ".rows-0001-of-0001.jsonl.0123abcd.part").write_text('{"index": 0}\n{"ind')
    (tmp_path / "notes.txt").write_text("somebody's own")
    landing(tmp_path).write_rows(0, 1, [{"index": 0}])
    landing(tmp_path).write_manifest(manifest("succeeded"))
    assert names(tmp_path) == ["manifest.json", "notes.txt", "rows-0001-of-0001.jsonl"]
