"""A task of a function that names PDFs, as a DAG runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, task
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.reading import landed, text_pdf

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.decorators.pdf import artificer_pdf_task

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _connection(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "artificer", "host": "http://127.0.0.1:9", "extra": {"dialect": "rest"}}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))


def made(function: Any, folder: Path, *arguments: Any) -> Any:
    """Give the operator that the decorator makes of a function."""
    with DAG("d", schedule=None):
        decorator: Any = artificer_pdf_task(function, output=str(folder / "rows"))
        return decorator(*arguments).operator


@pytest.mark.parametrize("as_list", [True, False])
def test_the_pdfs_that_a_function_names_are_read_and_landed(
    tmp_path: Path, request: pytest.FixtureRequest, *, as_list: bool
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.pdf").write_bytes(text_pdf(name))

    def files(pattern: str) -> Any:
        return [str(tmp_path / "a.pdf"), str(tmp_path / "b.pdf")] if as_list else str(tmp_path / pattern)

    operator = made(files, tmp_path, "*.pdf")
    told = operator.execute(context(StoreDouble(), TaskInstanceDouble(run_id=request.node.name)))
    assert told["counts"]["succeeded"] == 2
    assert [row["text"].split()[0] for row in landed(tmp_path / "rows")] == ["a", "b"]
    assert "files" not in operator.template_fields


def test_a_function_that_names_no_path_is_told_so(tmp_path: Path) -> None:
    def numbers() -> Any:
        return [3]

    operator = made(numbers, tmp_path)
    with pytest.raises(AirflowFailException, match=r"files\[0\] is int: it must be a path"):
        operator.execute(context(StoreDouble()))


def test_it_is_known_as_a_task_decorator_maps_and_checks_its_arguments() -> None:
    with DAG("d", schedule=None) as dag:

        @task.artificer_pdf(output="/rows/{{ run_id }}/{{ ti.map_index }}")
        def inbox(day: str) -> str:
            return f"s3://inbox/{day}/*.pdf"

        inbox.expand(day=["2026-01-01", "2026-01-02"])
        with pytest.raises(ConfigurationError, match="output is empty"):
            task.artificer_pdf(output=" ")(inbox.function)("2026-01-03")
    assert dag.get_task("inbox").is_mapped
