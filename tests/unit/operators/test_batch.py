"""What the operators check when the DAG is parsed, without a call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators.batch import ArtificerCreateBatchOperator, ArtificerRunBatchOperator

GOOD: dict[str, Any] = {"items": ["one"], "phases": [{"name": "p"}], "output": "/rows"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"items": []}, "There are no items"),
        ({"items": ["a" * 100_001]}, r"items\[0\]: the input has 100,001 characters"),
        ({"phases": [{"name": str(n)} for n in range(11)]}, "There are 11 phases"),
        ({"phases": [{"name": "p", "tasktype": "qa"}]}, r"phases\[0\] has a key 'tasktype'.*'task_type'"),
        ({"options": {"concurency": 2}}, "options has a key 'concurency'.*'concurrency'"),
        ({"output": ""}, "output is empty"),
        ({"poll_interval": 0}, "poll_interval is 0"),
        ({"timeout": timedelta(0)}, "timeout is 0:00:00"),
    ],
)
def test_what_can_be_checked_is_checked_when_the_dag_is_parsed(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        ArtificerRunBatchOperator(task_id="t", **{**GOOD, **changes})


def test_what_is_only_known_when_the_task_runs_is_not_checked_at_parse_time() -> None:
    ArtificerRunBatchOperator(
        task_id="t", items="{{ params.file }}", phases=[{"name": "p"}], output="/rows/{{ run_id }}"
    )


def test_bulk_text_is_no_template() -> None:
    context: Any = {"ds": "2026-01-01"}
    literal = ArtificerRunBatchOperator(task_id="t", job_name="j", **{**GOOD, "items": ["{{ 1 / 0 }}"]})
    literal.render_template_fields(context)
    assert literal.items == ["{{ 1 / 0 }}"]
    file = ArtificerRunBatchOperator(task_id="t", job_name="j", **{**GOOD, "items": "/in/{{ ds }}.jsonl"})
    file.render_template_fields(context)
    assert file.items == "/in/2026-01-01.jsonl"


def test_each_operator_renders_what_it_has() -> None:
    assert "output_path" in ArtificerRunBatchOperator.template_fields
    assert "output_path" not in ArtificerCreateBatchOperator.template_fields
