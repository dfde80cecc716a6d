"""How users write it, checked by mypy and pyright in strict mode and never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    ConfigurationError,
    EngineAnswerError,
    JobFailedError,
    NotCarriedError,
    NotFoundError,
    RateLimitError,
    StatusError,
    WaitTimeoutError,
)
from artificer_provider.client.models.auth import Authenticated, Greeting, Identity
from artificer_provider.client.models.batch import (
    BatchAnalytics,
    BatchItem,
    BatchJob,
    BatchJobResult,
    BatchOptions,
    CleanedCheckpoints,
    JobChanges,
    PhaseConfig,
)
from artificer_provider.client.models.export import Exported, ExportFormat
from artificer_provider.client.models.health import Health
from artificer_provider.client.models.images import ImageAnalysis, OcrResult, PdfCheck, PdfProcessingResult
from artificer_provider.client.models.model_admin import Model, ModelCache, ModelSelection, RefreshedModels
from artificer_provider.client.models.monitoring import (
    CapabilitiesReport,
    HealthStatus,
    ModelMonitoring,
    UsageStats,
)
from artificer_provider.client.models.orchestration import (
    ChainExecutionResult,
    ChainMessage,
    PhaseAnswer,
    ProcessedText,
    RoutingAnalytics,
)
from artificer_provider.client.models.usage import ModelUsage, SessionStats
from artificer_provider.client.states import ExportFormatName, ItemStatus, JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pendulum


class OwnLimiter:
    """What a user writes to pace the calls."""

    def wait(self) -> float:
        return 0.0

    def heard(self, headers: Mapping[str, str]) -> None: ...


def make() -> None:
    with Artificer("key", "http://localhost:3001", retries=1, timeout=timedelta(seconds=5)) as client:
        assert_type(client, Artificer)
        assert_type(client.with_options(deadline=60), Artificer)
        assert_type(client.health(), Health)
    Artificer(dialect="trpc", limiter=OwnLimiter(), rate_budget=80).close()


def use_jobs(client: Artificer) -> None:
    job = client.batch.create("name", [{"input": "text"}], [PhaseConfig(name="p", task_type="qa")])
    assert_type(job, BatchJob)
    assert_type(job.status, JobStatus)
    assert_type(job.cost_incurred, float | None)
    moment: pendulum.DateTime | None = job.created_at
    client.batch.create("n", [BatchItem(input="x")], [{"name": "p"}], options=BatchOptions(concurrency=2))
    assert_type(client.batch.get(job.id), BatchJob)
    assert_type(client.batch.start(job.id), BatchJob)
    assert_type(client.batch.pause(job.id), BatchJob)
    assert_type(client.batch.wait(job.id, timeout=60, on_progress=print), BatchJob)
    assert_type(client.batch.wait(job.id, timeout=timedelta(hours=1)), BatchJob)
    assert_type(client.batch.list(status=JobStatus.RUNNING), list[BatchJob])
    assert_type(client.batch.find("name"), list[BatchJob])
    assert_type(client.batch.list_changes(), JobChanges)
    assert_type(client.batch.get_results(job.id), list[BatchJobResult])
    assert_type(client.batch.get_analytics(job.id), BatchAnalytics)
    assert_type(client.batch.cleanup(older_than_days=7), CleanedCheckpoints)
    assert_type(client.batch.delete(job.id), None)
    print(moment)  # noqa: T201 - as users do


def iterate(client: Artificer) -> None:
    assert_type(client.batch.iter_jobs(), Iterator[BatchJob])
    for job in client.batch.iter_jobs(name="n"):
        assert_type(job, BatchJob)
    for row in client.batch.iter_results("j", offset=10):
        assert_type(row, BatchJobResult)
        assert_type(row.status, ItemStatus)
        assert_type(row.phase_outputs, dict[str, str])
        assert_type(row.is_apology, bool)
    rows = client.batch.run("n", [{"input": "x"}], [{"name": "p"}], timeout=timedelta(minutes=5))
    assert_type(rows, Iterator[BatchJobResult])


def use_documents(client: Artificer) -> None:
    assert_type(client.images.extract_text_from_image(b"..."), OcrResult)
    assert_type(client.images.analyze_image("photo.png", prompt="What is it?"), ImageAnalysis)
    assert_type(client.images.process_pdf(Path("a.pdf"), {"force_ocr": True}), PdfProcessingResult)
    with Path("a.pdf").open("rb") as file:
        assert_type(client.images.check_pdf_needs_ocr(file, local="auto"), PdfCheck)


def use_orchestration(client: Artificer) -> None:
    assert_type(client.orchestration.execute("Why?", task_type="qa"), ChainExecutionResult)
    assert_type(client.orchestration.process_text("text", [{"name": "p"}]), ProcessedText)
    assert_type(client.orchestration.chain("text", [{"name": "p"}]), list[PhaseAnswer])
    assert_type(client.orchestration.chain_chat("c", "Hello"), ChainMessage)
    assert_type(client.orchestration.get_analytics(limit=5), RoutingAnalytics)


def use_exports(client: Artificer) -> None:
    assert_type(client.export.list_formats(), list[ExportFormat])
    assert_type(client.export.conversation("c", "html", include_costs=False), Exported)
    exported = client.export.all(ExportFormatName.OBSIDIAN, group_by_conversation=True)
    assert_type(exported.text, str | None)
    assert_type(client.usage.get_session_stats(), SessionStats)
    assert_type(client.usage.get_model_usage(), ModelUsage)


def use_models(client: Artificer) -> None:
    assert_type(client.monitoring.get_models(), ModelMonitoring)
    assert_type(client.monitoring.get_usage(), UsageStats)
    assert_type(client.monitoring.get_health(), HealthStatus)
    assert_type(client.monitoring.get_capabilities(), CapabilitiesReport)
    assert_type(client.monitoring.check_model("m").health.is_healthy, bool)
    assert_type(client.models.list(provider="openai", limit=5), list[Model])
    assert_type(client.models.refresh(), RefreshedModels)
    assert_type(client.models.get_cache_status(), ModelCache)
    assert_type(client.models.test_selection({"preferSpeed": True}), ModelSelection)
    assert_type(client.models.list_fallback(), list[Model])
    assert_type(client.auth.public(), Greeting)
    assert_type(client.auth.protected(), Authenticated)
    assert_type(client.auth.whoami(), Identity)


def use_a_worker() -> None:
    client = Artificer(typescript_api_url="http://engine:3001", python_worker_url="http://worker:8000")
    if client.worker is not None:
        assert_type(client.worker.fallbacks, int)


def fail(client: Artificer) -> None:
    try:
        client.batch.cancel("j")
    except NotFoundError as error:
        assert_type(error.job_id, str | None)
        assert_type(error.request_id, str | None)
    except RateLimitError as error:
        assert_type(error.retry_after, float | None)
    except StatusError as error:
        assert_type(error.status_code, int)
        assert_type(error.body, str)


def fail_otherwise(client: Artificer) -> None:
    try:
        client.batch.cancel("j")
    except NotCarriedError as error:
        assert_type(error.fields, tuple[str, ...])
    except ConfigurationError as error:
        assert_type(error.problems, tuple[tuple[str, str], ...])
    except EngineAnswerError as error:
        assert_type(error.answer, str)
    except JobFailedError as error:
        assert_type(error.status, JobStatus)
    except WaitTimeoutError as error:
        assert_type(error.last_status, JobStatus | None)
    except ArtificerConnectionError as error:
        assert_type(error.sent, bool)
    except ArtificerError as error:
        assert_type(error.retryable, bool)


async def use_async(client: AsyncArtificer) -> None:
    async with client as opened:
        assert_type(opened, AsyncArtificer)
        assert_type(opened.with_options(retries=0), AsyncArtificer)
    assert_type(await client.health(), Health)
    job = await client.batch.create("name", [{"input": "text"}], [{"name": "p"}])
    assert_type(job, BatchJob)
    assert_type(await client.batch.start(job.id), BatchJob)
    assert_type(await client.batch.wait(job.id, timeout=60), BatchJob)
    assert_type(await client.batch.delete(job.id), None)
    assert_type(await client.batch.find("n"), list[BatchJob])
    async for found in client.batch.iter_jobs():
        assert_type(found, BatchJob)
    async for row in client.batch.iter_results(job.id, offset=10):
        assert_type(row, BatchJobResult)
    rows = client.batch.run("n", [{"input": "x"}], [{"name": "p"}], timeout=60)
    assert_type(rows, AsyncIterator[BatchJobResult])
    assert_type(await client.images.process_pdf(b"%PDF-", local="never"), PdfProcessingResult)
    assert_type(await client.images.check_pdf_needs_ocr(b"%PDF-"), PdfCheck)
    assert_type(await client.orchestration.chain("text", [{"name": "p"}]), list[PhaseAnswer])
    assert_type(await client.orchestration.get_analytics(), RoutingAnalytics)
    assert_type(await client.orchestration.execute("Why?"), ChainExecutionResult)
    assert_type(await client.export.all("html"), Exported)
    assert_type(await client.models.list(), list[Model])
    assert_type(await client.auth.whoami(), Identity)
    await client.aclose()
