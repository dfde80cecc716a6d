"""What Airflow is told, held against Airflow's own schemas."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from support.imports import loaded_beside_airflow

from artificer_provider import __version__
from artificer_provider.get_provider_info import get_provider_info
from artificer_provider.hooks.artificer import ArtificerHook

AIRFLOW = Path(airflow.__file__).parent
INFO: dict[str, Any] = get_provider_info()
#: What a DAG file imports.
PARSED = [
    module
    for kind in ("operators", "sensors")
    for integration in INFO[kind]
    for module in integration["python-modules"]
]
DECORATORS = [decorator["class-name"].rpartition(".")[0] for decorator in INFO["task-decorators"]]


def modules_after(statement: str) -> set[str]:
    """Name what a fresh Python has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_it_is_valid_by_the_schema_that_airflow_reads_with() -> None:
    jsonschema.validate(INFO, json.loads((AIRFLOW / "provider_info.schema.json").read_text()))


def test_the_connection_form_is_valid_by_the_strict_schema() -> None:
    strict = json.loads((AIRFLOW / "provider.yaml.schema.json").read_text())
    jsonschema.validate(INFO["connection-types"], strict["properties"]["connection-types"])


def test_the_entry_point_leads_to_it() -> None:
    [entry] = [
        e
        for e in entry_points(group="apache_airflow_provider")
        if e.dist and e.dist.name == INFO["package-name"]
    ]
    assert entry.load() is get_provider_info
    assert entry.dist is not None
    assert entry.dist.version == __version__


def test_every_module_it_names_is_there() -> None:
    named = [
        module
        for kind in ("hooks", "operators", "sensors", "triggers")
        for integration in INFO[kind]
        for module in integration["python-modules"]
    ]
    assert [importlib.import_module(name).__name__ for name in named] == named
    for decorator in INFO["task-decorators"]:
        module, _, name = decorator["class-name"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))
    [connection] = INFO["connection-types"]
    module, _, name = connection["hook-class-name"].rpartition(".")
    assert getattr(importlib.import_module(module), name) is ArtificerHook
    assert connection["connection-type"] == ArtificerHook.conn_type
    assert connection["hook-name"] == ArtificerHook.hook_name


def test_every_operator_and_sensor_links_to_its_page_with_what_is_registered() -> None:
    registered = {
        getattr(importlib.import_module(module), name)
        for module, _, name in (link.rpartition(".") for link in INFO["extra-links"])
    }
    kinds: list[Any] = [
        kind
        for module in PARSED
        for name, kind in vars(importlib.import_module(module)).items()
        if name.startswith("Artificer") and isinstance(kind, type) and name != "ArtificerHook"
    ]
    assert len(kinds) > 20
    for kind in kinds:
        links = kind.operator_extra_links
        assert "Job" in [link.name for link in links], kind
        assert {type(link) for link in links} <= registered


def test_what_a_dag_keeps_of_the_links_needs_nothing_of_ours_on_the_server() -> None:
    from airflow.sdk import DAG
    from support.airflow_names import DagSerialization

    from artificer_provider.operators.batch import ArtificerRunBatchOperator

    with DAG("linked", schedule=None) as dag:
        given: dict[str, Any] = {"phases": [{"name": "p"}], "output": "/rows"}
        ArtificerRunBatchOperator(task_id="one", items="/in", **given)
        ArtificerRunBatchOperator.partial(task_id="mapped", **given).expand(items=["/a", "/b"])
    for task in DagSerialization.to_dict(dag)["dag"]["tasks"]:
        kept = {"Job": "_link_ArtificerJobLink", "Rows": "_link_ArtificerRowsLink"}
        assert task["__var"]["_operator_extra_links"] == kept


def test_reading_it_loads_nothing_of_airflow() -> None:
    statement = "from artificer_provider.get_provider_info import get_provider_info; get_provider_info()"
    assert not {name for name in modules_after(statement) if name.partition(".")[0] in ("airflow", "httpx")}


def test_parsing_a_dag_loads_neither_the_client_nor_the_engine() -> None:
    rooms = ("operators", "sensors", "triggers")
    loaded = modules_after("import " + ", ".join(f"artificer_provider.{room}.batch" for room in rooms))
    heavy = (
        "artificer_provider.client._http",
        "artificer_provider.client.models",
        "artificer_provider.engine",
    )
    assert "artificer_provider.triggers.batch" in loaded
    assert not {name for name in loaded if name.startswith(heavy)}


@pytest.mark.parametrize("module", [*PARSED, *DECORATORS])
def test_a_parsed_dag_loads_neither_the_client_nor_what_only_a_running_task_needs(module: str) -> None:
    new = loaded_beside_airflow(*PARSED, *DECORATORS)[module]
    assert module in new
    assert len(new) <= 30
    heavy = ("client", "engine", "operators._run")
    assert not [
        name for name in new if name.startswith(tuple(f"artificer_provider.{room}" for room in heavy))
    ]
    assert not [name for name in new if name.partition(".")[0] in ("httpx", "pydantic", "pypdfium2")]
