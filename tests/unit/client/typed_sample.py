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
    StreamCutError,
    StreamError,
    WaitTimeoutError,
)
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
from artificer_provider.client.models.chat import ChatChunk
from artificer_provider.client.models.health import Health
from artificer_provider.client.models.images import ImageAnalysis, OcrResult, PdfCheck, PdfProcessingResult
from artificer_provider.client.models.orchestration import (
    ChainExecutionResult,
    ChainMessage,
    ChainProgress,
    PhaseAnswer,
    ProcessedText,
    RoutingAnalytics,
)
from artificer_provider.client.states import ItemStatus, JobStatus
from artificer_provider.client.streams import AsyncEventStream, EventStream

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
    await client.aclose()


def stream(client: Artificer) -> None:
    answer = client.chat.stream("c", "Hello", use_rag=False)
    assert_type(answer, EventStream[ChatChunk])
    for chunk in answer:
        assert_type(chunk, ChatChunk)
        assert_type(chunk.metadata.message_id, str | None)
    assert_type(answer.text, str)
    with client.orchestration.stream("c", "Hello") as steps:
        assert_type(steps, EventStream[ChainProgress])
        assert_type(next(steps), ChainProgress)
    try:
        list(client.chat.stream("c", "Hello"))
    except StreamCutError as error:
        assert_type(error.text, str)
    except StreamError as error:
        assert_type(error.events, int)
        assert_type(error.reason, str)
        assert_type(error.begun, bool)


async def stream_async(client: AsyncArtificer) -> None:
    answer = client.chat.stream("c", "Hello")
    assert_type(answer, AsyncEventStream[ChatChunk])
    async for chunk in answer:
        assert_type(chunk, ChatChunk)
    assert_type(answer.text, str)
    async with client.orchestration.stream("c", "Hello") as steps:
        assert_type(steps, AsyncEventStream[ChainProgress])
        assert_type(await anext(steps), ChainProgress)
