"""
OpenLineage: what a task read and wrote, and what it came to.

Airflow's listener asks for it, in a process of its own: nothing is read here, and nobody is called.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.openlineage.utils.utils import translate_airflow_asset
from airflow.providers.common.compat.sdk import Asset
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from attrs import define
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    documentation_job,
    external_query_run,
    output_statistics_output_dataset,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from openlineage.client.event_v2 import Dataset

    from artificer_provider.batch.plan import Json
    from artificer_provider.operators._base import ArtificerOperator

#: What our run facet stands under.
RUN = "artificer_run"
#: Datasets that a task names as its inputs at most.
MAX_INPUTS = 100

#: One storage under several names: OpenLineage's own.
_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "abfss", "adl": "abfss"}
_MANIFEST = "/manifest.json"


@define
class ArtificerRunFacet(RunFacet):
    """
    What a run came to, as its manifest says. Its schema is that of any run facet, which allows more.

    :param engine: the engine's address.
    :param outcome: how it ended; ``unfinished`` where a later try goes on with it.
    :param counts: items by what became of them.
    :param cost: US dollars; None where the engine does not say.
    :param jobIds: the first of them; ``jobCount`` says how many there are.
    """

    engine: str | None
    outcome: str | None
    items: int | None
    counts: dict[str, int]
    cost: float | None
    tokens: int | None
    models: list[str]
    jobIds: list[str]  # noqa: N815 - as OpenLineage writes names
    jobCount: int | None  # noqa: N815
    manifest: str | None


def lineage_of(operator: ArtificerOperator) -> OperatorLineage[Dataset, RunFacet | JobFacet]:
    """Tell what an operator reads and writes, and, once it has run, what came of it."""
    report = operator.report
    landed = (report and report.landed()) or {}
    engine, project = (report.engine, report.project) if report else (None, None)
    inputs = [InputDataset(*dataset_at(place)) for place in _read(operator.reads(), landed)]
    if engine and project:
        host = engine.partition("://")[2].strip("/")
        inputs.append(InputDataset(f"artificer://{host}", f"projects/{project}"))
    output: str | None = getattr(operator, "output_path", None)
    outputs = [] if output is None else [OutputDataset(*dataset_at(output), outputFacets=_statistics(landed))]
    return OperatorLineage(
        inputs=_with_declared(inputs, operator.inlets),
        outputs=_with_declared(outputs, operator.outlets),
        run_facets=_run_facets(landed, engine),
        job_facets={"documentation": _documentation(operator)},
    )


def dataset_at(place: str) -> tuple[str, str]:
    """Give the namespace and the name of a file or a folder, by OpenLineage's rules for its storage."""
    scheme, _, rest = place.rpartition("://")
    if scheme in ("", "file"):
        return "file", str(Path(rest).absolute())
    host, _, path = rest.partition("/")
    if scheme in ("http", "https"):  # a query may hold a signature
        path = path.partition("?")[0]
    name = path.strip("/")
    host = host.rpartition("@")[2]  # what stands before is a connection of Airflow's, or a login
    rooted = scheme == "hdfs" or not name
    return f"{_SCHEMES.get(scheme, scheme)}://{host}", f"/{name}" if rooted else name


def _read(places: Iterable[str], landed: Mapping[str, Json]) -> list[str]:
    """Name what was read: as the arguments say, and the runs that were gathered."""
    gathered = cast("list[str]", landed.get("manifests") or [])
    named = [*places, *(place.removesuffix(_MANIFEST) for place in gathered)]
    return list(dict.fromkeys(named))[:MAX_INPUTS]


def _with_declared(found: Iterable[Dataset], declared: Iterable[object]) -> list[Dataset]:
    """Add what the DAG's author declared, as Airflow does for an operator that says nothing itself."""
    return list({(one.namespace, one.name): one for one in (*_converted(declared), *found)}.values())


def _converted(declared: Iterable[object]) -> Iterator[Dataset]:
    for one in declared:
        # In the release beside Airflow 3.1 the conversion passes assets over.
        if isinstance(one, Asset):
            dataset = translate_airflow_asset(one, None)
        else:
            dataset = ExtractorManager.convert_to_ol_dataset(one)
        if dataset is not None:
            yield dataset


def _statistics(landed: Mapping[str, Json]) -> dict[str, Any]:
    """Say how much is in a folder, where that is known."""
    rows, size, files = (_number(landed.get(name)) for name in ("rows", "size", "file_count"))
    if (rows, size, files) == (None, None, None):
        return {}
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    return {"outputStatistics": statistics(rowCount=rows, size=size, fileCount=files)}


def _run_facets(landed: Mapping[str, Json], engine: str | None) -> dict[str, RunFacet | JobFacet]:
    if engine is None and not landed:
        return {}
    said = cast("Mapping[str, Any]", landed)
    jobs = said.get("job_ids") or []
    facets: dict[str, RunFacet | JobFacet] = {
        RUN: ArtificerRunFacet(
            engine=engine,
            outcome=said.get("outcome"),
            items=said.get("items"),
            counts=said.get("counts") or {},
            cost=said.get("cost"),
            tokens=said.get("tokens"),
            models=said.get("models") or [],
            jobIds=jobs,
            jobCount=said.get("job_count"),
            manifest=said.get("manifest"),
        )
    }
    if jobs and engine is not None:
        facets["externalQuery"] = external_query_run.ExternalQueryRunFacet(jobs[0], engine)
    return facets


def _documentation(operator: ArtificerOperator) -> documentation_job.DocumentationJobFacet:
    """Say what a task does, for one whose author did not: the first sentences of its operator's."""
    said = (inspect.getdoc(type(operator)) or operator.task_type).partition("\n\n")[0]
    return documentation_job.DocumentationJobFacet(" ".join(said.split()), contentType="text/plain")


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) else None
