"""One small job before the spend tells whether a batch on this engine reaches a model (WIRE §6.7)."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from artificer_provider.batch.policy import Fallback
from artificer_provider.batch.record import Canary
from artificer_provider.batch.results import RowStatus, judge, reason
from artificer_provider.client.errors import (
    ArtificerError,
    ConflictError,
    EngineAnswerError,
    NotFoundError,
    ReplyError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJobResult
    from artificer_provider.operators._asked import Asked
    from artificer_provider.operators._ledger import Ledger

#: What is asked: harmless, short, and answered in a word or two.
QUESTION = "Answer with one word: yes."
#: Seconds for its answer: a deployed engine gives an item up after 300 (WIRE §6.6).
TIMEOUT = 330.0
_POLL_INTERVAL = 5.0
#: Jobs that are gone through for one that an earlier try left; it is among the youngest.
_LOOKED_THROUGH = 300

_log = logging.getLogger(__name__)


def batches_reach_a_model(client: Artificer, asked: Asked, ledger: Ledger, log: Logger) -> bool:
    """
    Tell whether a run may go as a batch: only a deployed engine is asked, once per connection and version.

    False comes back only where the task says what is done instead.

    :raises EngineAnswerError: when a batch reaches no model, and the task names nothing to fall back on.
    :raises ArtificerError: when the engine cannot be asked, or gave neither an answer nor an apology.
    """
    if client.dialect != "trpc" or not asked.policy.canary:
        return True
    falls_back = asked.policy.fallback is Fallback.CHAIN
    known = ledger.begun.canary
    if known is Canary.APOLOGY and falls_back:  # as the run began, so it goes on
        return False
    version = _version(client)
    if known is Canary.ANSWERED or (version is not None and _remembered(asked.conn_id) == version):
        return True
    job = CanaryJob(client, ledger, asked, log)
    verdict = job.verdict()
    if verdict is Canary.ANSWERED:
        if version is not None:
            _remember(asked.conn_id, version)
        return True
    if not falls_back:
        raise EngineAnswerError(
            "A batch on this engine reaches no model: its canary job was answered with "
            f"{job.answer[:200]!r}, as deployed engines answer whose batches never send the first phase to a "
            "model, or whose model failed. Write fallback='chain' to have each item answered by calls of its "
            "own, run it on an engine whose batches work, or write canary=False to run it here all the same.",
            answer=job.answer,
            retryable=False,
        )
    log.warning("A batch on this engine reaches no model (%r): the items go by chain.", job.answer[:200])
    return False


class CanaryJob:
    """
    A job of one item and one phase, which is read and deleted.

    :param ledger: of the run that it goes before.
    """

    def __init__(self, client: Artificer, ledger: Ledger, asked: Asked, log: Logger) -> None:
        self._client = client
        self._ledger = ledger
        # As the run begins: an engine may need a task type, or not take the phase at all.
        self._phase = replace(asked.work.phases[0], validation=None)
        self._poll_interval = min(_POLL_INTERVAL, asked.policy.poll_interval)
        self._log = log
        #: What the engine gave for an answer.
        self.answer = ""

    @property
    def name(self) -> str:
        """What it is known by: the mark of no job of the run ends like it."""
        return f"canary af-{self._ledger.run.digest()[:16]}-canary"

    def verdict(self) -> Canary:
        """
        Have the job run, write down what it says, and delete it.

        :raises ArtificerError: when the engine cannot be asked, or gave neither an answer nor an apology.
        """
        if self._ledger.begun.canary is Canary.SENT or self._ledger.may_have_forgotten:
            self._clear_away()
        self._note(Canary.SENT)
        items, phases, options = [{"input": QUESTION}], [self._phase.to_wire()], {"auto_start": False}
        job_id = self._client.batch.create(self.name, items, phases, options=options).id
        try:
            row = self._row_of(job_id)
        finally:
            self._delete(job_id)
        verdict = self._judged(row)
        cost = "an unknown cost" if row.cost_incurred is None else f"${row.cost_incurred:.6f}"
        self._log.info("The canary job ended (%s), at %s that is not the run's.", verdict, cost)
        self._note(verdict)
        return verdict

    def _note(self, canary: Canary) -> None:
        self._ledger.note(replace(self._ledger.begun, canary=canary))

    def _row_of(self, job_id: str) -> BatchJobResult:
        self._client.batch.start(job_id)
        try:
            self._client.batch.wait(job_id, timeout=TIMEOUT, poll_interval=self._poll_interval)
        except WaitTimeoutError as silence:
            raise ArtificerError(
                f"The engine did not answer the canary job within {TIMEOUT:g} s; it is deleted.",
                retryable=True,
            ) from silence
        row = next(iter(self._client.batch.iter_results(job_id)), None)
        if row is None:
            raise ReplyError(f"The engine gave no row for the canary job {job_id}.", job_id=job_id)
        return row

    def _judged(self, row: BatchJobResult) -> Canary:
        status = judge(row, (self._phase.name,))
        self.answer = row.phase_outputs.get(self._phase.name) or row.output or ""
        if status is RowStatus.SUCCEEDED:
            return Canary.ANSWERED
        if status is RowStatus.APOLOGY:
            return Canary.APOLOGY
        raise ArtificerError(
            f"The canary job had no answer ({reason(row, status)}): so would the run. canary=False skips it.",
            retryable=True,
        )

    def _clear_away(self) -> None:
        """Delete what an earlier try left, which was killed while it asked."""
        for looked, job in enumerate(self._client.batch.iter_jobs(), start=1):
            if job.name == self.name:
                self._delete(job.id)
            if looked == _LOOKED_THROUGH:
                break

    def _delete(self, job_id: str) -> None:
        """Delete it, whatever else went wrong: it must neither stay nor run on."""
        try:
            try:
                self._client.batch.delete(job_id)
            except ConflictError:  # it runs
                self._client.batch.cancel(job_id)
                self._client.batch.delete(job_id)
        except NotFoundError:
            return
        except ArtificerError as error:
            self._log.warning("The canary job %s is left on the engine: %s", job_id, error.message)


def _version(client: Artificer) -> str | None:
    """Ask which version the engine has; None where it does not say."""
    try:
        return client.health().version
    except ArtificerError:
        return None


def _variable(conn_id: str) -> str:
    return f"artificer_canary__{conn_id}"


def _remembered(conn_id: str) -> str | None:
    """Give the version of the engine that answered a canary last; None where nothing is remembered."""
    from airflow.providers.common.compat.sdk import Variable

    try:
        return str(Variable.get(_variable(conn_id), default=None) or "") or None
    except Exception as error:  # noqa: BLE001 - whatever keeps variables: a run does not depend on it
        _log.debug("Whether a canary was answered before is not known: %s", error)
        return None


def _remember(conn_id: str, version: str) -> None:
    """Keep it for other runs. An apology is not kept: it may pass."""
    from airflow.providers.common.compat.sdk import Variable

    try:
        Variable.set(_variable(conn_id), version, "The version of the engine that answered a canary job.")
    except Exception as error:  # noqa: BLE001 - as above: the next run asks again
        _log.debug("That the canary was answered is not kept for other runs: %s", error)
