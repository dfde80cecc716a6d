"""The example DAGs, as Airflow's DAG processor reads them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.airflow_names import DagSerialization

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLES = sorted((Path(__file__).parents[2] / "dags_examples").glob("*.py"))


def imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
