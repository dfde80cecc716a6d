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
    Timeline,
    TimelinePoint,
)
from artificer_provider.client.models.chat import ChatChunk, ChatReply
from artificer_provider.client.models.conversations import Conversation, ConversationSummary
from artificer_provider.client.models.export import Exported, ExportFormat
from artificer_provider.client.models.health import Health
from artificer_provider.client.models.images import ImageAnalysis, OcrResult, PdfCheck, PdfProcessingResult
from artificer_provider.client.models.messages import Message
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
    ChainProgress,
    PhaseAnswer,
    ProcessedText,
    RoutingAnalytics,
)
from artificer_provider.client.models.pages import JobList, RowsPage
from artificer_provider.client.models.projects import (
    Document,
    DocumentMatch,
    DocumentProposal,
    DocumentStats,
    Project,
)
from artificer_provider.client.models.search import (
    EmbeddingStats,
    ReindexedDocument,
    SearchHealth,
    SearchResults,
)
from artificer_provider.client.models.usage import ModelUsage, SessionStats
from artificer_provider.client.states import ExportFormatName, ItemStatus, JobStatus, Role
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
    assert_type(client.batch.get_results_page(job.id, limit=10, status=ItemStatus.FAILED), RowsPage)
    assert_type(client.batch.list_page(status=JobStatus.FAILED).jobs, list[BatchJob])
    assert_type(client.batch.get_timeline(job.id, points=50).points, list[TimelinePoint])
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


def converse(client: Artificer) -> None:
    talk = client.conversations.create(title="T", temperature=0.5)
    assert_type(talk, Conversation)
    assert_type(talk.messages, list[Message])
    assert_type(client.conversations.list(limit=5, project_id="p"), list[ConversationSummary])
    assert_type(client.conversations.iter(), Iterator[ConversationSummary])
    assert_type(client.conversations.get(talk.id), Conversation)
    assert_type(client.conversations.update(talk.id, max_tokens=100), Conversation)
    assert_type(client.conversations.name_after(talk.id, "Hello"), Conversation)
    assert_type(client.conversations.send_message(talk.id, "Hello"), ChatReply)
    assert_type(client.chat.send(talk.id, "Why?", use_rag=True), ChatReply)
    assert_type(client.chat.get_messages(talk.id), list[Message])
    said = client.messages.create(talk.id, "user", "Hello")
    assert_type(said.role, Role)
    client.messages.create(talk.id, Role.ASSISTANT, "Hello")
    assert_type(client.messages.list(talk.id, offset=1), list[Message])
    assert_type(client.messages.iter(talk.id), Iterator[Message])
    assert_type(client.messages.update(said.id, "Hi"), Message)
    assert_type(client.messages.delete(said.id), None)
    assert_type(client.conversations.delete(talk.id), None)


def use_projects(client: Artificer) -> None:
    project = client.projects.create("P", settings={"colour": "red"})
    assert_type(project, Project)
    assert_type(client.projects.list(), list[Project])
    assert_type(client.projects.iter(), Iterator[Project])
    assert_type(client.projects.get(project.id), Project)
    assert_type(client.projects.update(project.id, name="Q"), Project)
    assert_type(client.projects.add_conversation(project.id, "c"), ConversationSummary)
    assert_type(client.projects.list_conversations(project.id), list[ConversationSummary])
    assert_type(client.projects.iter_conversations(project.id), Iterator[ConversationSummary])
    assert_type(client.projects.upload_document(project.id, Path("a.md")), Document)
    assert_type(client.projects.upload_document(project.id, b"text", "a.txt"), Document)
    assert_type(client.projects.list_documents(project.id), list[Document])
    assert_type(client.projects.iter_documents(project.id), Iterator[Document])
    assert_type(client.projects.get_document_stats(project.id), DocumentStats)
    assert_type(client.projects.search_documents(project.id, "q", limit=3), list[DocumentMatch])
    assert_type(client.projects.get_document("d"), Document)
    assert_type(client.projects.update_document("d", "text", reason="better"), Document)
    assert_type(client.projects.propose_document_update("d", "", "longer"), DocumentProposal)
    assert_type(client.projects.delete_document("d"), None)
    assert_type(client.search.documents(project.id, "q", document_ids=["d"]), SearchResults)
    assert_type(client.search.get_stats(project.id), EmbeddingStats)
    assert_type(client.search.reindex("d"), ReindexedDocument)
    assert_type(client.search.health(), SearchHealth)
    assert_type(client.projects.delete(project.id), None)


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
    assert_type(await client.batch.get_results_page(job.id), RowsPage)
    assert_type(await client.batch.list_page(), JobList)
    assert_type(await client.batch.get_timeline(job.id), Timeline)
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
    await converse_async(client)
    await client.aclose()


async def converse_async(client: AsyncArtificer) -> None:
    assert_type(await client.chat.send("c", "Why?"), ChatReply)
    assert_type(await client.conversations.create(), Conversation)
    assert_type(await client.messages.list("c"), list[Message])
    assert_type(client.messages.iter("c"), AsyncIterator[Message])
    assert_type(await client.projects.upload_document("p", Path("a.md")), Document)
    assert_type(await client.projects.delete("p"), None)
    async for document in client.projects.iter_documents("p"):
        assert_type(document, Document)
    assert_type(await client.search.documents("p", "q"), SearchResults)


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
