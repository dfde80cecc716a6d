"""What an engine or a stranger wrote is handed from task to task as it is: Airflow renders it nowhere."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import DAG, BaseOperator, task

from artificer_provider import operators, sensors
from artificer_provider.operators._base import ArtificerOperator
from artificer_provider.operators.batch import ArtificerCreateBatchOperator, ArtificerRunBatchOperator
from artificer_provider.operators.chain import ArtificerChainOperator
from artificer_provider.operators.chat import ArtificerChatOperator
from artificer_provider.operators.estimate import ArtificerEstimateBatchOperator
from artificer_provider.operators.export import ArtificerExportConversationsOperator
from artificer_provider.operators.image import ArtificerAnalyzeImageOperator, ArtificerExtractTextOperator
from artificer_provider.operators.jobs import (
    ArtificerCancelBatchOperator,
    ArtificerDeleteBatchOperator,
    ArtificerGetBatchResultsOperator,
    ArtificerPauseBatchOperator,
    ArtificerResumeBatchOperator,
    ArtificerStartBatchOperator,
)
from artificer_provider.operators.pdf import ArtificerCheckPdfOperator, ArtificerProcessPdfOperator
from artificer_provider.operators.projects import (
    ArtificerCreateProjectOperator,
    ArtificerDeleteProjectOperator,
    ArtificerSearchOperator,
    ArtificerUploadDocumentsOperator,
)
from artificer_provider.operators.sharded import ArtificerGatherOperator, ArtificerPlanPartsOperator
from artificer_provider.sensors.batch import ArtificerBatchSensor
from artificer_provider.triggers.wait import ArtificerWaitTrigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow.sdk import Context

#: Rendered it would be another text, an error, or somebody's key.
TEXT = "{{ 7 * 191 }} {{ conn.artificer_default.password }} {% raw %} {{ 1 / 0 }}"
LIST = [TEXT, f"again {TEXT}"]
PHASES = [{"name": "p", "system_prompt": TEXT}]
BATCH: dict[str, Any] = {"items": LIST, "phases": PHASES, "prompt": TEXT, "job_name": TEXT, "output": TEXT}

#: Each operator, and what another task could hand to it.
HANDED: dict[type[BaseOperator], dict[str, Any]] = {
    ArtificerRunBatchOperator: {**BATCH, "part": {"of": TEXT}},
    ArtificerCreateBatchOperator: {name: BATCH[name] for name in BATCH if name != "output"},
    ArtificerEstimateBatchOperator: {
        name: BATCH[name] for name in BATCH if name not in ("output", "job_name")
    },
    ArtificerChainOperator: {
        "project_id": TEXT,
        **{name: BATCH[name] for name in BATCH if name != "job_name"},
    },
    ArtificerChatOperator: dict.fromkeys(
        ("message", "conversation_id", "model", "system_prompt", "project_id"), TEXT
    ),
    ArtificerExportConversationsOperator: {"output": TEXT, "format": TEXT, "conversation_id": TEXT},
    ArtificerExtractTextOperator: {"files": LIST, "output": TEXT},
    ArtificerAnalyzeImageOperator: {"files": LIST, "output": TEXT, "prompt": TEXT},
    ArtificerProcessPdfOperator: {"files": LIST, "output": TEXT},
    ArtificerCheckPdfOperator: {"files": TEXT, "output": TEXT},
    ArtificerStartBatchOperator: {"job_id": TEXT},
    ArtificerPauseBatchOperator: {"job_id": TEXT},
    ArtificerResumeBatchOperator: {"job_id": TEXT},
    ArtificerCancelBatchOperator: {"job_id": TEXT},
    ArtificerDeleteBatchOperator: {"job_id": TEXT},
    ArtificerGetBatchResultsOperator: {"job_id": TEXT, "output": TEXT},
    ArtificerCreateProjectOperator: {"project_name": TEXT, "description": TEXT},
    ArtificerDeleteProjectOperator: {"project_id": TEXT},
    ArtificerUploadDocumentsOperator: {"files": LIST, "project_id": TEXT},
    ArtificerSearchOperator: {"query": TEXT, "project_id": TEXT},
    ArtificerPlanPartsOperator: {"items": TEXT},
    ArtificerGatherOperator: {"manifests": [{"path": TEXT}], "output": TEXT},
    ArtificerBatchSensor: {"job_id": LIST},
}
EACH = [(kind, name) for kind, arguments in HANDED.items() for name in arguments]
#: What is given to each that cannot do without, by the author of the DAG.
OWN: dict[str, Any] = {
    "items": "/items.jsonl",
    "phases": [{"name": "p"}],
    "output": "/rows",
    "message": "Hello.",
    "query": "Who?",
    "files": "/inbox",
    "job_id": "j1",
    "manifests": [],
    "tasks": 2,
}


def needed(kind: type[BaseOperator], beside: str) -> dict[str, Any]:
    """Say what else an operator is given."""
    known = [parameter for base in kind.__mro__ for parameter in parameters(base)]
    return {name: OWN[name] for name in OWN if name in known and name != beside}


def parameters(kind: type) -> Iterable[str]:
    return inspect.signature(kind).parameters if kind.__module__.startswith("artificer_") else ()


class TaskInstance(SimpleNamespace):
    """A task instance to whom another left something."""

    map_index = 0
    left: Any

    def xcom_pull(self, **_: object) -> object:
        return self.left

    def get_relevant_upstream_map_indexes(self, **_: object) -> None:
        return None


@pytest.fixture
def dag() -> Iterator[DAG]:
    with DAG("of_a_stranger", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as made:
        yield made


@task
def stranger() -> Any:
    """Leave something that was never looked at."""


def rendered(dag: DAG, one: Any, left: object) -> BaseOperator:
    """Have Airflow render the fields of a task; give what is run then."""
    context = {
        "dag": dag,
        "task": one,
        "ti": TaskInstance(left=left),
        "params": {},
        "dag_run": SimpleNamespace(conf={}),
    }
    one.render_template_fields(cast("Context", context))
    return cast("BaseOperator", context["task"])


def has(done: BaseOperator, name: str) -> object:
    """Read an argument as the operator has it when it runs."""
    return getattr(done, "output_path" if name == "output" else name)


@pytest.mark.parametrize(("kind", "name"), EACH, ids=str)
def test_what_a_mapped_task_is_handed_is_no_template(dag: DAG, kind: type[BaseOperator], name: str) -> None:
    one = kind.partial(task_id="t", **needed(kind, name)).expand(**{name: cast("Any", stranger())})
    assert has(rendered(dag, one, [HANDED[kind][name]]), name) == HANDED[kind][name]


@pytest.mark.parametrize(("kind", "name"), EACH, ids=str)
def test_nor_is_what_a_task_takes_out_of_another_s_output(
    dag: DAG, kind: type[BaseOperator], name: str
) -> None:
    given: dict[str, Any] = {name: stranger(), **needed(kind, name)}
    one = kind(task_id="t", **given)
    assert has(rendered(dag, one, HANDED[kind][name]), name) == HANDED[kind][name]


@pytest.mark.parametrize("kind", [ArtificerRunBatchOperator, ArtificerCreateBatchOperator])
def test_a_list_of_items_is_no_template_beside_what_is_mapped(dag: DAG, kind: type[BaseOperator]) -> None:
    one = kind.partial(task_id="t", **{**needed(kind, "prompt"), "items": LIST})
    done = rendered(dag, one.expand(prompt=["{{ 1 + 1 }}", "b"]), None)
    assert has(done, "items") == LIST
    assert has(done, "prompt") == "2", "a prompt of the author's is one"


def test_the_ids_that_a_trigger_carries_are_no_templates(dag: DAG) -> None:
    sensor = ArtificerBatchSensor(task_id="t", job_id="{{ 1 + 1 }}", deferrable=True, start_from_trigger=True)
    trigger = ArtificerWaitTrigger("artificer_default", job_ids=[*LIST])
    trigger.task_instance = cast("Any", SimpleNamespace(task_id="t", task=sensor))
    trigger.render_template_fields(cast("Context", {}))
    assert [*trigger.job_ids] == LIST
    theirs = ArtificerWaitTrigger("artificer_default", job_id=sensor.job_id)
    theirs.task_instance = trigger.task_instance
    theirs.render_template_fields(cast("Context", {}))
    assert theirs.job_id == "2", "the sensor's own is one"


def test_each_operator_is_tried_here() -> None:
    found: set[type[BaseOperator]] = set()
    for package in (operators, sensors):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if issubclass(kind, BaseOperator) and kind.__name__.startswith("Artificer"):
                    found.add(kind)
    found.discard(ArtificerOperator)
    assert found == set(HANDED)
    for kind in found:
        arguments = {"output_path" if name == "output" else name for name in HANDED[kind]}
        assert set(kind.template_fields) <= arguments | {"artificer_conn_id"}, kind
