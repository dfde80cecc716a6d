"""What the operators over documents check when the DAG is parsed, without a call."""

from __future__ import annotations

from typing import Any

import pytest

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators.image import ArtificerAnalyzeImageOperator, ArtificerExtractTextOperator
from artificer_provider.operators.pdf import ArtificerCheckPdfOperator, ArtificerProcessPdfOperator

GOOD: dict[str, Any] = {"task_id": "t", "files": "/inbox/*.pdf", "output": "/rows"}


@pytest.mark.parametrize(
    "kind",
    [
        ArtificerProcessPdfOperator,
        ArtificerCheckPdfOperator,
        ArtificerExtractTextOperator,
        ArtificerAnalyzeImageOperator,
    ],
)
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"files": " "}, "files is empty"),
        ({"files": []}, "files is an empty list"),
        ({"files": ["/a.pdf", 3]}, r"files\[1\] is int"),
        ({"output": " "}, "output is empty"),
        ({"output_format": "xml"}, "output_format is 'xml'"),
        ({"concurrency": 0}, "concurrency is 0: it must be 1 to 50"),
        ({"max_failed": 1.5}, r"max_failed is 1\.5"),
        ({"max_cost": 0}, "max_cost is 0"),
        ({"retry_failed": -1}, "retry_failed is -1"),
    ],
)
def test_what_all_share_is_checked_when_the_dag_is_parsed(
    kind: Any, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        kind(**{**GOOD, **changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"local": "here"}, "local is 'here': write 'auto', 'never' or 'always'"),
        ({"local": "always", "force_ocr": True}, "exclude each other"),
        ({"min_text_threshold": -1}, "min_text_threshold is -1"),
        ({"dpi": 50}, "dpi is 50: write 72 to 400"),
        ({"max_pages": 0}, "max_pages is 0: write 1 to 5,000"),
    ],
)
def test_how_pdfs_are_read_is_checked_when_the_dag_is_parsed(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        ArtificerProcessPdfOperator(**{**GOOD, **changes})


def test_what_is_only_known_when_the_task_runs_is_rendered_then() -> None:
    task = ArtificerProcessPdfOperator(**{**GOOD, "files": "{{ params.inbox }}/*.pdf"})
    assert {"files", "output_path", "artificer_conn_id"} <= set(task.template_fields)
    assert "prompt" in ArtificerAnalyzeImageOperator.template_fields
