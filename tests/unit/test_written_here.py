"""Files that other programs read: what they say is true of this repository."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [
    path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"
]

pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="an sdist has no workflows")


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 takes the word `on` for a truth.
    said: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if name is True else str(name): value for name, value in said.items()}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_nothing_but_what_each_job_says(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {}
    assert "group" in workflow["concurrency"]
    for name, job in workflow["jobs"].items():
        assert job["permissions"], name
        assert job["timeout-minutes"] <= 60, name
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), name
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"] == {"persist-credentials": False}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_target_that_a_workflow_makes_is_there(file: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = {
        target
        for job in read(file)["jobs"].values()
        for step in job["steps"]
        for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))
    }
    assert made
    assert not [target for target in made if not re.search(rf"^{target}: *;", makefile, re.MULTILINE)]


def test_only_the_job_that_publishes_asks_the_index_who_it_is() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "publish.yml")["jobs"]
    assert jobs["publish"]["environment"] == "pypi"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == ["build", "attest"]
    assert jobs["build"]["permissions"] == {"contents": "read"}
    assert not [step for step in jobs["publish"]["steps"] if "run" in step]


def test_every_python_that_is_tried_is_one_that_is_claimed() -> None:
    claimed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    tried = read(ROOT / ".github" / "workflows" / "test.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    minors = [name.rpartition(" :: ")[2] for name in claimed if re.search(r":: 3\.\d+$", name)]
    assert tried == minors


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.stem)
def test_a_form_asks_each_thing_under_a_name_of_its_own(file: Path) -> None:
    form = read(file)
    assert {"name", "description", "body"} <= set(form)
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(ids) == len(set(ids)) >= 3
    assert all(part["attributes"].get("label") for part in form["body"] if part["type"] != "markdown")


def test_what_is_checked_before_a_commit_is_what_the_lock_names() -> None:
    [repo] = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    assert {hook["language"] for hook in repo["hooks"]} == {"system"}
    assert [hook["entry"].split()[0] for hook in repo["hooks"]] == ["ruff", "ruff", "mypy", "lint-imports"]
