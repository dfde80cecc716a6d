"""What an older Airflow lacks is listed once, and true to the docs and the tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.versions import LACKING, Lack, lack_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("lack", LACKING, ids=lambda lack: lack.feature)
def test_what_is_skipped_is_told_to_users_too(lack: Lack) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| {lack.feature} |")]
    newest = row.strip("|").split("|")[-1].strip()
    older = row.strip("|").split("|")[1].strip()
    assert newest != older


@pytest.mark.parametrize("lack", LACKING, ids=lambda lack: lack.feature)
def test_what_is_skipped_is_there(lack: Lack) -> None:
    assert lack.tests
    for test in lack.tests:
        file, _, name = test.partition("[")[0].partition("::")
        assert f"def {name or 'test_'}" in (ROOT / file).read_text(encoding="utf-8")


def test_a_test_is_skipped_only_where_its_feature_is_not() -> None:
    test = "tests/unit/test_retry.py::test_one"
    found = lack_of(test, (3, 2))
    assert found is not None
    assert found.reason == "needs Airflow 3.3: retry policy"
    assert lack_of(test, (3, 3)) is None
    assert lack_of("tests/unit/test_links.py::test_one", (3, 1)) is None
