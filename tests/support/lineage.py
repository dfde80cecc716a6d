"""OpenLineage's events, as a file transport wrote them, and their shapes as its own classes have them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    documentation_job,
    error_message_run,
    external_query_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
)

if TYPE_CHECKING:
    from pathlib import Path

#: The facets of the standard that our events hold.
STANDARD: dict[str, Any] = {
    "documentation": documentation_job.DocumentationJobFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "externalQuery": external_query_run.ExternalQueryRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "parent": parent_run.ParentRunFacet,
}


def events(file: Path, job: str) -> list[dict[str, Any]]:
    """Read the events of a task, each of which has the shape that OpenLineage gives it."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    found = [event for event in map(json.loads, lines) if event["job"]["name"] == job]
    for event in found:
        shaped(event)
    return found


def shaped(event: dict[str, Any]) -> None:
    """Refuse an event that OpenLineage's classes could not have made."""
    facets(event["run"])
    facets(event["job"])
    for one in (*event["inputs"], *event["outputs"]):
        assert one["namespace"]
        assert one["name"]
        facets(one)
        facets(one, "outputFacets")
    made = RunEvent(
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=Run(**event["run"]),
        job=Job(**event["job"]),
        eventType=RunState[event["eventType"]],
        inputs=[InputDataset(**one) for one in event["inputs"]],
        outputs=[OutputDataset(**one) for one in event["outputs"]],
    )
    assert made.schemaURL == event["schemaURL"]


def facets(holder: dict[str, Any], under: str = "facets") -> None:
    for name, facet in (holder.get(under) or {}).items():
        assert facet["_producer"].startswith("https://"), name
        assert facet["_schemaURL"].startswith("https://openlineage.io/spec/"), name
        if name in STANDARD:
            STANDARD[name](**{key: value for key, value in facet.items() if not key.startswith("_")})
