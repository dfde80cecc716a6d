"""
``@task.llm_batch`` of the common-ai provider on an engine: ``model_id="artificer:<model>"``.

That provider finds this adapter by an entry point, and decides when it submits, polls, lands and cancels. It
hands on of a connection no more than host and password, and its states are ours, collapsed.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from airflow.providers.common.ai.batch.base import (
    BatchAdapter,
    BatchState,
    ExtractedOutput,
    RawResultItem,
    SubmitResult,
)
from airflow.providers.common.ai.exceptions import (
    LLMBatchInputError,
    LLMBatchJobError,
    LLMBatchLimitExceededError,
    LLMBatchModelMismatchError,
)

from artificer_provider import configured
from artificer_provider.batch.layout import Bounds
from artificer_provider.batch.plan import Item, Phase, checked_item
from artificer_provider.batch.results import RowStatus, judge, reason
from artificer_provider.client import Artificer, limits
from artificer_provider.client.errors import (
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from artificer_provider.client.states import JobStatus
from artificer_provider.hooks.settings import base_url as engine_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.providers.common.ai.batch.base import BatchRequest, BatchStatus
    from airflow.providers.common.ai.batch.output_schema import OutputSpec

    from artificer_provider.client.models.batch import BatchJob, BatchJobResult

#: The one phase that every request goes through.
PHASE: Final = "answer"
#: The model that stands for whichever the engine has by default.
ANY_MODEL: Final = "default"
#: What of a request's parameters a phase carries.
CARRIED: Final = ("temperature", "task_type", "parameters", "validation")

#: By how much an engine's clock may differ from a worker's.
_SKEW = timedelta(minutes=5)
#: Jobs of one name that were given up, one after the other, before something else is wrong.
_MOST_GENERATIONS = 100
_NAME = re.compile(r"common-ai ([0-9a-f]{16})-")
_FENCED = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)
_GONE = 410
_STATES: Mapping[JobStatus, BatchStatus] = {
    JobStatus.COMPLETED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "cancelled",
}


class ArtificerBatchAdapter(BatchAdapter):
    """
    Submits the requests of an ``LLMBatchOperator`` as one batch job of an engine that speaks ``rest``.

    The same requests of the same task instance make one job, whatever becomes of replies: it is created under
    an idempotency key before it is started. A job that was cancelled, or failed with nothing done, is
    followed by another.

    :param api_key: the connection's password.
    :param base_url: the connection's host: the whole address of the engine.
    :param client: a client to use in place of one of its own.
    """

    name = "artificer"
    conn_types = frozenset({"artificer"})
    max_requests = limits.MAX_ITEMS
    max_payload_bytes = Bounds().bytes
    allows_per_request_model = False

    def __init__(
        self, *, api_key: str | None = None, base_url: str | None = None, client: Artificer | None = None
    ) -> None:
        with _told():
            made = client or Artificer(
                api_key,
                engine_url("of llm_conn_id", base_url, None, None),
                rate_budget=configured.calls_a_minute(),
            )
        super().__init__(client=made)
        self._engine = made

    def build_output_directive(self, spec: OutputSpec) -> dict[str, Any]:
        """Ask for JSON in words: a phase has no field for a schema. Each answer is checked when landed."""
        if not spec.is_structured:
            return {}
        schema = json.dumps(spec.json_schema, ensure_ascii=False)
        return {"system_prompt": f"Answer with JSON alone, which is valid by this JSON Schema:\n{schema}"}

    def validate_requests(
        self,
        requests: list[BatchRequest],
        *,
        model: str,
        output_spec: OutputSpec,
        idempotency_key: str,
        **kwargs: Any,  # noqa: ANN401 - as the base class has it
    ) -> None:
        """
        Refuse what makes no job, before anything is sent.

        :raises LLMBatchInputError: naming the request, or the field that a phase does not carry.
        """
        self.check_custom_id_length(idempotency_key, len(requests))
        if len(requests) > self.max_requests:
            raise LLMBatchLimitExceededError(
                f"There are {len(requests):,} requests; one job of an engine takes {self.max_requests:,}. "
                "Split them over mapped task instances with .expand()."
            )
        with _told():
            self._phase(requests, model, output_spec, kwargs)
            for index, item in enumerate(_items(requests)):
                checked_item(item, f"requests[{index}]")
        size = sum(len(json.dumps(item.to_wire())) + 1 for item in _items(requests))
        if size > self.max_payload_bytes:
            raise LLMBatchLimitExceededError(
                f"The requests are {size:,} bytes; one job of an engine takes {self.max_payload_bytes:,}. "
                "Split them over mapped task instances with .expand()."
            )

    def submit(
        self,
        requests: list[BatchRequest],
        *,
        model: str,
        idempotency_key: str,
        input_fingerprint: str,
        output_spec: OutputSpec,
        **kwargs: Any,  # noqa: ANN401 - as the base class has it
    ) -> SubmitResult:
        """
        Create the job and start it, or find the one that an earlier try of these requests made.

        :raises LLMBatchInputError: when the engine does not take it.
        :raises ArtificerError: when the engine cannot be asked; a retry finds what was made.
        """
        name = _job_name(idempotency_key, input_fingerprint)
        items = [item.to_wire() for item in _items(requests)]
        with _told():
            phase = self._phase(requests, model, output_spec, kwargs).to_wire()
            for generation in range(_MOST_GENERATIONS):
                if (job := self._job(f"{name} g{generation}", items, phase)) is not None:
                    return SubmitResult(job.id, None)
        raise LLMBatchJobError(f"All {_MOST_GENERATIONS} jobs named {name!r} were cancelled or failed.")

    def _job(self, name: str, items: list[dict[str, Any]], phase: dict[str, Any]) -> BatchJob | None:
        """Have a job that runs or ran; None for one that was given up."""
        try:
            made = self._engine.batch.create(
                name, items, [phase], options={"auto_start": False}, idempotency_key=name
            )
            # Under a key used before, the reply is the first one: it does not say where the job stands now.
            job = self._engine.batch.get(made.id)
        except NotFoundError as gone:
            if gone.status_code == _GONE:
                return None
            raise
        if job.status is JobStatus.PENDING:
            return self._engine.batch.start(job.id)
        return None if _was_given_up(job) else job

    def _phase(
        self, requests: Sequence[BatchRequest], model: str, spec: OutputSpec, batch: Mapping[str, Any]
    ) -> Phase:
        """Make the phase that all requests go through; a job has one for all of them."""
        said = [self._asked(request, index, model, batch) for index, request in enumerate(requests)]
        for index, asked in enumerate(said):
            for field in (field for field in asked if asked[field] != said[0][field]):
                raise LLMBatchModelMismatchError(
                    f"requests[{index}] has another {field} than requests[0]: one job of an engine has one "
                    "for all. Give each its own task instance with .expand()."
                )
        params = cast("dict[str, Any]", said[0]["params"])
        for name in params:
            if name not in CARRIED:
                raise LLMBatchInputError(
                    f"request_params has {name!r}, which a phase of an engine does not carry; it knows "
                    f"{', '.join(CARRIED)}."
                )
        told = (said[0]["system_prompt"], self.build_output_directive(spec).get("system_prompt"))
        asked_for = said[0]["model"]
        return Phase.read(
            {
                **params,
                "name": PHASE,
                "model": None if asked_for == ANY_MODEL else asked_for,
                "system_prompt": "\n\n".join(part for part in told if part) or None,
                "max_tokens": said[0]["max_tokens"],
            },
            "the request",
        )

    def _asked(
        self, request: BatchRequest, index: int, model: str, batch: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "model": self.resolve_request_model(
                request.get("model"), default_bare_model=model, request_index=index
            ),
            "system_prompt": request.get("system_prompt") or batch.get("system_prompt") or "",
            "max_tokens": request.get("max_tokens") or batch.get("max_tokens"),
            "params": {**(batch.get("request_params") or {}), **(request.get("params") or {})},
        }

    def get_batch(self, batch_id: str) -> BatchState:
        """
        Say where the job stands. One that failed after it did some of its items counts as completed.

        :raises NotFoundError: with status 404 or 410, when there is no such job.
        """
        job = self._engine.batch.get(batch_id)
        left = max(job.total_items - job.completed_items - job.failed_items, 0)
        return BatchState(
            status=_status(job),
            counts={
                "succeeded": job.completed_items,
                "errored": job.failed_items,
                "expired": 0,
                "cancelled": left if job.status is JobStatus.CANCELLED else 0,
            },
            error_message=job.error,
        )

    def cancel_batch(self, batch_id: str) -> None:
        """Cancel the job; one that has ended already stays as it is."""
        with suppress(ConflictError):
            self._engine.batch.cancel(batch_id)

    def iter_results(self, batch_id: str) -> Iterator[RawResultItem]:
        """
        Stream the job's rows.

        :raises NotFoundError: at once, when there is no such job.
        """
        job = self._engine.batch.get(batch_id)
        key = found[1] if (found := _NAME.match(job.name)) else job.id
        return (_result(row, key, job.status) for row in self._engine.batch.iter_results(batch_id))

    def extract_output(self, raw: RawResultItem, spec: OutputSpec) -> ExtractedOutput:
        """Give the answer; of a structured one the JSON, though a model put a fence around it."""
        if not isinstance(raw.raw, str):
            return ExtractedOutput(kind="absent")
        if not spec.is_structured:
            return ExtractedOutput(kind="text", text=raw.raw)
        fenced = _FENCED.fullmatch(raw.raw)
        return ExtractedOutput(kind="json_text", text=fenced[1] if fenced else raw.raw)

    def find_orphaned_batch(
        self, idempotency_key: str, input_fingerprint: str, not_before: str
    ) -> str | None:
        """
        Find the job of a try that died before it was told the job's id.

        One that was never started has cost nothing, and is deleted: then its try cannot start it any more.
        """
        name = _job_name(idempotency_key, input_fingerprint)
        since = datetime.fromisoformat(not_before) - _SKEW if not_before else None
        for job in self._engine.batch.iter_jobs():
            if since is not None and job.created_at is not None and job.created_at < since:
                return None
            if job.name.startswith(f"{name} g") and not _was_given_up(job) and not self._is_cleared(job):
                return job.id
        return None

    def _is_cleared(self, job: BatchJob) -> bool:
        """Delete a job that was not started; one that runs after all is left."""
        if job.status is not JobStatus.PENDING:
            return False
        try:
            self._engine.batch.delete(job.id)
        except ConflictError:
            return False
        except NotFoundError:
            pass
        return True


@contextmanager
def _told() -> Iterator[None]:
    """Tell what nothing mends but another input as what that provider calls it."""
    try:
        yield
    except (ConfigurationError, InvalidRequestError) as error:
        raise LLMBatchInputError(error.message) from error


def _items(requests: Sequence[BatchRequest]) -> Iterator[Item]:
    return (Item(request["prompt"]) for request in requests)


def _job_name(key: str, fingerprint: str) -> str:
    """Name the job of these requests; the namespace tells it from that of another Airflow on the engine."""
    whose = hashlib.sha256(f"{configured.namespace()}\0{key}\0{fingerprint}".encode()).hexdigest()
    return f"common-ai {key}-{whose[:16]}"


def _was_given_up(job: BatchJob) -> bool:
    return job.status is JobStatus.CANCELLED or _status(job) == "failed"


def _status(job: BatchJob) -> BatchStatus:
    # To that provider a failed batch is one of which nothing was billed, and that a retry submits again.
    if job.status is JobStatus.FAILED and job.completed_items:
        return "completed"
    return _STATES.get(job.status, "in_progress")


def _result(row: BatchJobResult, key: str, job: JobStatus) -> RawResultItem:
    status = judge(row, (PHASE,))
    is_cut = status is RowStatus.UNPROCESSED and job is JobStatus.CANCELLED
    is_good = status is RowStatus.SUCCEEDED
    why = {"type": status.value, "message": reason(row, status), "provider_code": None, "stage": "provider"}
    return RawResultItem(
        custom_id=f"{key}-{row.item_index}",
        index=row.item_index,
        provider_status="success" if is_good else "cancelled" if is_cut else "errored",
        model=row.phase_models.get(PHASE),
        usage=_usage(row),
        finish_reason=None,
        error=None if is_good else why,
        raw=row.phase_outputs.get(PHASE) if is_good else None,
    )


def _usage(row: BatchJobResult) -> dict[str, int] | None:
    """Say what a request took, in whole numbers, as that provider has it."""
    took = {
        "total_tokens": row.tokens_used,
        "cost_microdollars": None if row.cost_incurred is None else round(row.cost_incurred * 1_000_000),
    }
    return {name: value for name, value in took.items() if value is not None} or None
