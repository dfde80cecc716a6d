"""The example DAGs, as Airflow's DAG processor reads them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.airflow_names import DagSerialization

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLES = sorted((Path(__file__).parents[2] / "dags_examples").glob("*.py"))
README = EXAMPLES[0].with_name("README.md")
PARSE_SECONDS = 0.5
#: What only a task that runs needs: our driver for httpx too, which Airflow itself has loaded before.
HEAVY = ("artificer_provider.client._http", "httpx", "numpy", "pyarrow", "pydantic", "pypdfium2")
#: A DAG processor has Airflow's own modules when it comes to a file; each file is read by a child of its own.
_CODE = """
import json, os, runpy, sys, time
import airflow.sdk
from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, BaseSensorOperator, conf
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import task
task.branch
bare = set(sys.modules)
for file in sys.argv[1:]:
    if os.fork() == 0:
        begun = time.process_time()
        runpy.run_path(file)
        seconds = time.process_time() - begun
        print(json.dumps({file: [seconds, sorted(set(sys.modules) - bare)]}), flush=True)
        os._exit(0)
    os.wait()
"""


def imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def parsed() -> dict[str, Any]:
    """Give for each file the seconds of CPU that it took to read, and the modules that it loaded."""
    files = [str(file) for file in EXAMPLES]
    ran = subprocess.run([sys.executable, "-c", _CODE, *files], capture_output=True, text=True, check=True)
    found: dict[str, Any] = {}
    for line in ran.stdout.splitlines():
        if line.startswith("{"):
            found |= json.loads(line)
    return found


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_one_dag_of_the_name_of_its_file_that_airflow_can_write_down(file: Path) -> None:
    module = imported(file)
    made = getattr(module, file.stem)()
    assert made.dag_id == file.stem
    assert made.doc_md
    assert made.doc_md.strip() == (module.__doc__ or "").strip()
    assert {"artificer", "example"} <= set(made.tags)
    again = DagSerialization.from_dict(DagSerialization.to_dict(made))
    assert again.task_ids == made.task_ids


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_its_docstring_says_what_it_shows_what_it_costs_and_what_it_needs(file: Path) -> None:
    paragraphs = (imported(file).__doc__ or "").strip().split("\n\n")
    starts = [paragraph.split()[0] for paragraph in paragraphs[1:]]
    assert starts == ["**Shows**", "**Costs**", "**Needs**"]
    assert "``artificer_default``" in paragraphs[3]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_reading_its_file_is_quick_and_loads_nothing_that_only_a_task_needs(file: Path) -> None:
    seconds, modules = parsed()[str(file)]
    assert seconds < PARSE_SECONDS
    assert [module for module in modules if module.startswith(HEAVY)] == []


def test_the_readme_of_the_folder_tells_of_every_example() -> None:
    rows = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| [`")]
    assert [row.split("`")[1] for row in rows] == [file.stem for file in EXAMPLES]
