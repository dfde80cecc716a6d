"""The Python of the pages is good Python: types are checked, and what a DAG is made of is made."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from types import FunctionType
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import DAG
from support.markdown import ROOT, Block, all_blocks

if TYPE_CHECKING:
    from pathlib import Path

FOUND = all_blocks("python")
#: Quoted from the client: a method stands in a class.
QUOTED = [one for one in FOUND if one.text.startswith("@endpoint")]
BLOCKS = [one for one in FOUND if one not in QUOTED]
#: Made when a DAG file is read, which is when their arguments are checked.
MADE_AT_PARSE = re.compile(r"artificer_provider\.(operators|sensors|triggers|notifications)|@task\.artificer")
GIVEN = "from support.given import *\n"
#: Airflow hands over the value when the task runs, and its types do not say so.
STANDS_FOR_A_VALUE = re.compile(r'incompatible type "XComArg".*\[arg-type\]')
TAKES_WHAT_IT_NEEDS = re.compile(r"\b(client|aclient|job|conversation_id|TEXTS|PHASES|read_notes)\b")


def place(block: Block) -> str:
    return block.place


def awaits(code: str) -> bool:
    """Whether it can only run within a coroutine."""
    tree = ast.parse(code)
    inner = {id(one) for at in ast.walk(tree) if isinstance(at, ast.AsyncFunctionDef) for one in ast.walk(at)}
    return any(
        isinstance(one, ast.Await | ast.AsyncFor | ast.AsyncWith) and id(one) not in inner
        for one in ast.walk(tree)
    )


def as_module(block: Block) -> str:
    code = block.text
    if awaits(code):
        code = "async def run() -> None:\n" + textwrap.indent(code, "    ")
    given = f"{GIVEN}\n" if TAKES_WHAT_IT_NEEDS.search(code) else ""
    return f"from __future__ import annotations\n\n{given}{code}"


@pytest.mark.timeout(600)
def test_the_types_of_every_block_are_good(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not among the tools of the tests alone")
    names = dict[str, str]()
    folder = tmp_path / "of_pages"  # which pyproject.toml knows
    folder.mkdir()
    for block in BLOCKS:
        name = f"block_{re.sub(r'[^a-z0-9]+', '_', block.place.lower())}"
        (folder / f"{name}.py").write_text(as_module(block), encoding="utf-8")
        names[name] = block.place
    files = sorted(map(str, folder.glob("*.py")))
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", *files],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{len(BLOCKS)} source files" in run.stdout, f"{run.stdout}{run.stderr}"
    said = [
        line for line in run.stdout.splitlines() if "error:" in line and not STANDS_FOR_A_VALUE.search(line)
    ]
    shown = re.sub(r"\S*(block_\w+)\.py:(\d+)", lambda one: f"{names[one[1]]} + {one[2]}", "\n".join(said))
    assert not said, shown


@pytest.mark.parametrize("block", [one for one in BLOCKS if MADE_AT_PARSE.search(one.text)], ids=place)
def test_airflow_makes_the_tasks_of_a_block(block: Block) -> None:
    code = compile(as_module(block), block.place, "exec")
    names: dict[str, object] = {"__name__": "of_a_page"}
    with DAG(dag_id="of_a_page", schedule=None) as dag:
        exec(code, names)  # noqa: S102 - the blocks are ours
        dags = [
            one for one in names.values() if isinstance(one, FunctionType) and hasattr(one, "__wrapped__")
        ]
        own = [one() for one in dags if one.__module__ == "of_a_page"]
    tasks = [*dag.tasks, *(task for one in own for task in one.tasks)]
    assert tasks or "@task" in block.text, "nothing is made"


@pytest.mark.parametrize("block", QUOTED, ids=place)
def test_what_is_quoted_from_the_client_stands_there(block: Block) -> None:
    sources = (ROOT / "artificer_provider" / "client" / "resources").glob("*.py")
    quoted = textwrap.indent(block.text, "    ").strip()
    assert any(quoted in file.read_text(encoding="utf-8") for file in sources), block.text
