"""What the chain operator checks when the DAG is parsed, without a call."""

from __future__ import annotations

from typing import Any

import pytest

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators.chain import ArtificerChainOperator

GOOD: dict[str, Any] = {"task_id": "t", "items": ["one"], "phases": [{"name": "p"}], "output": "/rows"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"phases": []}, "There are no phases"),
        ({"phases": [{"name": "p", "max_tokens": 5}]}, r"phases\[0\]\.maxTokens: a chain cannot carry it"),
        ({"phases": [{"name": "p", "use_rag": True}]}, r"phases\[0\]\.useRAG needs a project_id"),
        ({"items": []}, "There are no items"),
        ({"items": "one text", "output": ""}, "output is empty"),
        ({"concurrency": 0}, "concurrency is 0: it must be 1 to 50"),
        ({"min_score": 11}, "min_score is 11"),
        ({"score_retries": -1}, "score_retries is -1"),
        ({"max_items_per_file": 0}, "max_items_per_file is 0"),
        ({"max_cost": -1}, "max_cost is -1"),
        ({"output_format": "xml"}, "output_format is 'xml'"),
        ({"options": {"concurrency": 3}}, "a chain has concurrency beside them"),
    ],
)
def test_what_can_be_checked_is_checked_when_the_dag_is_parsed(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        ArtificerChainOperator(**{**GOOD, **changes})


def test_what_is_only_known_when_the_task_runs_is_not_checked_at_parse_time() -> None:
    task = ArtificerChainOperator(**{**GOOD, "items": "{{ params.file }}", "phases": "{{ params.phases }}"})
    assert {"items", "phases", "output_path", "project_id"} <= set(task.template_fields)
