"""What Airflow is told, held against Airflow's own schemas."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import jsonschema
import pytest
from airflow.providers.common.compat.sdk import (
    AirflowPlugin,
    BaseHook,
    BaseNotifier,
    BaseOperator,
    BaseOperatorLink,
    BaseSensorOperator,
)
from airflow.triggers.base import BaseTrigger
from support.entry_points import entry_points as declared
from support.imports import loaded_beside_airflow

import artificer_provider
from artificer_provider import __version__
from artificer_provider.get_provider_info import get_provider_info
from artificer_provider.hooks.artificer import ArtificerHook

if TYPE_CHECKING:
    from collections.abc import Callable

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
NOTIFIERS = [notifier.rpartition(".")[0] for notifier in INFO["notifications"]]


def modules_after(statement: str) -> set[str]:
    """Name what a fresh Python has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_it_is_valid_by_the_schema_that_airflow_reads_with() -> None:
    jsonschema.validate(INFO, json.loads((AIRFLOW / "provider_info.schema.json").read_text()))


#: What the strict schema asks of a provider of Airflow's own repository, and nobody else can say.
_OF_THE_REPOSITORY = {"integrations"}


@pytest.mark.parametrize("part", sorted(set(INFO) - _OF_THE_REPOSITORY))
def test_each_part_is_valid_by_the_strict_schema(part: str) -> None:
    strict = json.loads((AIRFLOW / "provider.yaml.schema.json").read_text())
    assert part in strict["properties"]
    jsonschema.validate({part: INFO[part]}, {**strict, "required": []})


def test_the_entry_point_leads_to_it() -> None:
    [entry] = [
        e
        for e in entry_points(group="apache_airflow_provider")
        if e.dist and e.dist.name == INFO["package-name"]
    ]
    assert entry.load() is get_provider_info
    assert entry.dist is not None
    assert entry.dist.version == __version__


KINDS: dict[str, Any] = {
    "hooks": BaseHook,
    "operators": BaseOperator,
    "sensors": BaseSensorOperator,
    "triggers": BaseTrigger,
}
MODULES = [
    (kind, module) for kind in KINDS for integration in INFO[kind] for module in integration["python-modules"]
]


def named(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize(("kind", "module"), MODULES)
def test_every_module_it_names_defines_what_it_is_named_for(kind: str, module: str) -> None:
    found = importlib.import_module(module)
    own = [thing for thing in vars(found).values() if getattr(thing, "__module__", None) == module]
    assert any(isinstance(thing, type) and issubclass(thing, KINDS[kind]) for thing in own)


@pytest.mark.parametrize("kind", KINDS)
def test_no_module_of_a_kind_is_left_out(kind: str) -> None:
    folder = Path(artificer_provider.__file__).parent / kind
    public = {f"artificer_provider.{kind}.{path.stem}" for path in folder.glob("[!_]*.py")}
    own = {module for module in public if any(map(_is_ours(module, KINDS[kind]), vars_of(module)))}
    assert own == {module for of_kind, module in MODULES if of_kind == kind}


def vars_of(module: str) -> list[Any]:
    return list(vars(importlib.import_module(module)).values())


def _is_ours(module: str, base: Any) -> Callable[[Any], bool]:
    return lambda thing: isinstance(thing, type) and issubclass(thing, base) and thing.__module__ == module


def test_every_class_it_names_is_of_the_right_kind() -> None:
    assert all(issubclass(named(link), BaseOperatorLink) for link in INFO["extra-links"])
    assert all(issubclass(named(notifier), BaseNotifier) for notifier in INFO["notifications"])
    assert all(callable(named(decorator["class-name"])) for decorator in INFO["task-decorators"])
    [plugin] = INFO["plugins"]
    assert issubclass(named(plugin["plugin-class"]), AirflowPlugin)
    assert named(plugin["plugin-class"]).name == plugin["name"]
    [connection] = INFO["connection-types"]
    assert named(connection["hook-class-name"]) is ArtificerHook
    assert connection["connection-type"] == ArtificerHook.conn_type
    assert connection["hook-name"] == ArtificerHook.hook_name


def test_every_entry_point_of_the_project_can_be_loaded() -> None:
    groups = declared()
    adapters = groups.pop("airflow.providers.common.ai.batch_adapters")
    for entries in groups.values():
        for entry in entries.values():
            assert named(entry.replace(":", "."))
    pytest.importorskip("airflow.providers.common.ai.batch", reason="the common-ai provider is missing")
    for name, entry in adapters.items():
        assert named(entry.replace(":", ".")).name == name


#: In a process of its own: what one of Airflow's managers has read, it reads no second time.
DISCOVERED = """
import json, logging
records = []
class Kept(logging.Handler):
    def emit(self, record):
        records.append(record.getMessage())
logging.getLogger().addHandler(Kept(logging.WARNING))
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
for name in dir(manager):
    if name.startswith("initialize_providers"):
        getattr(manager, name)()
hook = manager._hooks_lazy_dict["artificer"]
told = {
    "notification": [str(one) for one in manager.notification],
    "links": sorted(manager.extra_links_class_names),
    "hook": hook.hook_class_name,
    "plugins": [plugin.plugin_class for plugin in manager.plugins],
    "warnings": [said for said in records if "artificer" in said.lower()],
}
print(json.dumps(told))
"""


@pytest.mark.timeout(180)
def test_airflow_discovers_all_of_it_without_a_warning(tmp_path: Path) -> None:
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run(
        [sys.executable, "-c", DISCOVERED], env=environment, capture_output=True, text=True, check=True
    )
    told = json.loads(ran.stdout.splitlines()[-1])
    assert set(INFO["notifications"]) <= set(told["notification"])
    assert set(INFO["extra-links"]) <= set(told["links"])
    assert told["hook"] == INFO["connection-types"][0]["hook-class-name"]
    assert INFO["plugins"][0]["plugin-class"] in told["plugins"]
    assert told["warnings"] == []
    warned = [line for line in (ran.stdout + ran.stderr).splitlines() if "warning" in line.lower()]
    assert [line for line in warned if "artificer" in line.lower() and not line.startswith("{")] == []


#: What is no task, and one that makes no job.
WITHOUT_A_PAGE = ("ArtificerEstimateBatchOperator", "ArtificerHook")


def test_every_operator_and_sensor_links_to_its_page_with_what_is_registered() -> None:
    registered = {
        getattr(importlib.import_module(module), name)
        for module, _, name in (link.rpartition(".") for link in INFO["extra-links"])
    }
    kinds: list[Any] = [
        kind
        for module in PARSED
        for name, kind in vars(importlib.import_module(module)).items()
        if name.startswith("Artificer") and isinstance(kind, type) and name not in WITHOUT_A_PAGE
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


@pytest.mark.parametrize("module", [*PARSED, *DECORATORS, *NOTIFIERS])
def test_a_parsed_dag_loads_neither_the_client_nor_what_only_a_running_task_needs(module: str) -> None:
    new = loaded_beside_airflow(*PARSED, *DECORATORS, *NOTIFIERS)[module]
    assert module in new
    assert len(new) <= 30
    heavy = ("client", "engine", "operators._run")
    assert not [
        name for name in new if name.startswith(tuple(f"artificer_provider.{room}" for room in heavy))
    ]
    assert not [name for name in new if name.partition(".")[0] in ("httpx", "pydantic", "pypdfium2")]
