"""What goes to XCom of a run, and how rows are written."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators._formats import Format, written
from artificer_provider.operators._landing import XCOM_BYTES, Landing, Manifest

if TYPE_CHECKING:
    from pathlib import Path

RUN = "0" * 64
SHARDS = 1_000
LARGEST = Manifest(
    run=RUN,
    path="s3://bucket/out",
    outcome="succeeded",
    files=[f"rows-{number:04}-of-{SHARDS}.jsonl.gz" for number in range(SHARDS)],
    job_ids=[f"job-{number}" for number in range(SHARDS)],
    items=10_000_000,
    counts=dict.fromkeys(("succeeded", "failed", "unprocessed", "apology"), 10_000_000),
    cost=123456.78901234567,
    tokens=10**15,
    models=["model-a", "model-b"],
    rounds=99,
)


def told(manifest: Manifest) -> dict[str, Any]:
    """Give what goes to XCom, which is never too much and always says where the manifest is."""
    place = f"{manifest.path}/manifest.json"
    shown = manifest.to_xcom(place)
    assert len(json.dumps(shown)) <= XCOM_BYTES
    assert shown["manifest"] == place
    assert (shown["file_count"], shown["job_count"]) == (len(manifest.files), len(manifest.job_ids))
    assert (shown["counts"], shown["cost"]) == (manifest.counts, manifest.cost)
    return shown


def test_the_first_files_jobs_and_models_of_a_run_go_to_xcom() -> None:
    shown = told(LARGEST)
    assert shown["path"] == LARGEST.path
    assert shown["files"] == LARGEST.files[:20]
    assert shown["job_ids"] == LARGEST.job_ids[:5]
    assert shown["models"] == LARGEST.models


@pytest.mark.parametrize("letter", ["x", "ä", "漢", '"'])
def test_a_long_path_and_long_names_are_shown_as_far_as_they_fit(letter: str) -> None:
    """Most take six bytes a letter in a database."""
    folder, names = f"s3://bucket/{letter * 280}", [letter * 300] * 100
    shown = told(replace(LARGEST, path=folder, models=names, job_ids=names))
    assert shown["path"] == folder
    assert shown["job_ids"] == names[: len(shown["job_ids"])]
    short = told(replace(LARGEST, path=folder, models=["model", letter * 5_000]))
    assert short["models"] == ["model"]
    assert short["job_ids"] == LARGEST.job_ids[:5]


def test_a_path_that_fits_only_once_is_the_manifest_s() -> None:
    shown = told(replace(LARGEST, path="s3://bucket/" + "漢" * 341))
    assert shown["path"] is None


@settings(max_examples=200)
@given(
    st.text(max_size=500),
    st.lists(st.text(max_size=2_000), max_size=30),
    st.lists(st.text(max_size=100), max_size=30),
)
def test_whatever_the_engine_names_fits(path: str, jobs: list[str], models: list[str]) -> None:
    told(replace(LARGEST, path=path, job_ids=jobs, models=models))


def test_a_path_that_no_next_task_could_be_told_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["x" * 200] * 18)
    with pytest.raises(ConfigurationError, match=r"has 3,\d{3} characters, nothing was started"):
        Landing(ObjectStoragePath(str(folder)), RUN, Format.JSONL).prepare()
    assert list(tmp_path.iterdir()) == []


def records(count: int, chars: int = 10) -> list[dict[str, Any]]:
    odd = {"é\U0001f600": [None, True, 1.5, 1e-7, 1e300, -0.0, 2**70], "quote": '"\\\n\u2028\x7f'}
    return [{"index": number, "output": "ü" * chars, "metadata": odd} for number in range(count)]


@pytest.mark.parametrize(("count", "chars"), [(0, 0), (1, 10), (500, 10), (3, 100_000)])
def test_lines_are_the_rows_and_their_bytes_are_the_same_each_time(count: int, chars: int) -> None:
    rows = records(count, chars)
    first, again, packed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    written(Format.JSONL, iter(rows), first)
    written(Format.JSONL, json.loads(json.dumps(rows)), again)
    written(Format.JSONL_GZ, iter(rows), packed)
    assert [json.loads(line) for line in first.getvalue().splitlines()] == rows
    assert first.getvalue() == again.getvalue() == gzip.decompress(packed.getvalue())


def test_a_storage_is_not_written_to_once_a_row() -> None:
    """Airflow notes each write."""

    class Counted(io.BytesIO):
        writes = 0

        def write(self, content: Any, /) -> int:
            self.writes += 1
            return super().write(content)

    file = Counted()
    written(Format.JSONL, iter(records(5_000)), file)
    assert file.writes < 50
