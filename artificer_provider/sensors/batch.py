"""
Wait for batch jobs that something else started.

A DAG that is parsed imports this, so it loads nothing of the client before a task runs.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    conf,
)

from artificer_provider import configured
from artificer_provider.batch.until import COMPLETED, Verdict, read_job_ids, read_until
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.links import JOB_AND_ROWS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from artificer_provider.batch.plan import Json
    from artificer_provider.batch.progress import Standing
    from artificer_provider.batch.watch import Wake
    from artificer_provider.client import Artificer

#: The one way to an XCom that a triggerer has.
_PULL = "{{ ti.xcom_pull(task_ids='create', map_indexes=-1) }}"


class ArtificerBatchSensor(BaseSensorOperator):
    """
    Wait until batch jobs are so far; fail as soon as one of them can never be.

    It starts, cancels and lands nothing: whatever becomes of the task, the jobs are left as they are. A job
    that ended otherwise fails the task without a retry; with ``soft_fail`` it is skipped. An engine out of
    reach is asked again until ``timeout``; deferred, for as long as ``[artificer] max_unreachable`` says (an
    hour).

    :param job_id: the jobs, all of which have to get there: an id, a list of ids, or the output of an
        operator of this package.
    :param until: what each is waited for. ``completed``: it ended COMPLETED, so the engine is done, which
        does not mean that every item has an answer: look at the rows for that. ``any_terminal``: it ended,
        whichever way. ``percent:50``: so much of its items are done or failed, by the engine's own count. A
        deployed engine counts an item as done that is through any phase: of a job with several, 100 % says
        no more than that the first is over.
    :param artificer_conn_id: the connection to the engine.
    :param deferrable: wait in the triggerer, without a worker slot. ``mode`` is of no use then, and
        ``timeout`` is counted by the wall clock from the first look.
    :param start_from_trigger: do without the first look in a worker: the scheduler hands the task to the
        triggerer at once (Airflow 3.3; below it, and for a mapped task, it starts as any other). A worker is
        saved for each, but the whole DAG travels to the triggerer with the task, and its templates are
        rendered there, on the loop that all triggers share. ``job_id`` must be text or a list of texts
        (templates), such as ``"{{ ti.xcom_pull(task_ids='create', map_indexes=-1) }}"``.
    :raises ConfigurationError: naming the argument that makes no sense.
    """

    template_fields: Sequence[str] = ("artificer_conn_id", "job_id")
    operator_extra_links: Collection[BaseOperatorLink] = JOB_AND_ROWS

    def __init__(
        self,
        *,
        job_id: str | Sequence[str],
        until: str = COMPLETED,
        artificer_conn_id: str = ArtificerHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_from_trigger: bool = False,
        **kwargs: Any,  # noqa: ANN401 - BaseSensorOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.until = read_until(until).text
        self.artificer_conn_id = artificer_conn_id
        self.deferrable = deferrable
        #: What the log was told last: a look that shows nothing new is not worth a line.
        self._stood: dict[str, Standing] = {}
        self._told_error: str | None = None
        if start_from_trigger:
            self._start_from_trigger()

    def pre_execute(self, context: Context) -> None:
        """
        Show the links and the jobs, which are known already.

        A sensor that starts in the triggerer shows them when a worker takes up its end: before that no
        worker has seen it, and a triggerer has nothing of the task but its trigger.
        """
        from artificer_provider.client.errors import ConfigurationError
        from artificer_provider.operators._shown import goes_on, show_jobs, show_links

        super().pre_execute(context)
        show_links(context, self)
        if goes_on(context) and not self.start_from_trigger:
            return
        with suppress(ConfigurationError):  # what is no job id is refused by the look at it
            show_jobs(context, self.artificer_conn_id, self._jobs())

    def execute(self, context: Context) -> None:
        """Wait here, or in the triggerer."""
        if not self.deferrable:
            super().execute(context)
            return
        with self._skipping():
            if self.poke(context):
                return
            jobs = self._jobs()
        from artificer_provider.batch.watch import Terms
        from artificer_provider.triggers.wait import ArtificerWaitTrigger

        terms = Terms(
            self.poke_interval,
            deadline=time.time() + self.timeout,
            slots=0,
            until=self.until,
            max_unreachable=configured.max_unreachable().total_seconds(),
        )
        self.defer(
            trigger=ArtificerWaitTrigger.of(self.artificer_conn_id, jobs, terms),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Context, event: dict[str, Json]) -> None:
        """
        Go on after the deferral.

        :param event: what the trigger fired.
        """
        from artificer_provider.batch.watch import Wake

        self._conclude(Wake.from_json(event))

    def poke(self, context: Context) -> bool:
        """Look once at every job, with one client."""
        from artificer_provider.client.errors import ArtificerError

        try:
            jobs = self._jobs()
            with ArtificerHook(self.artificer_conn_id).get_conn() as client:
                return self._all_there(client, jobs)
        except ArtificerError as error:
            if not error.retryable:
                raise AirflowFailException(_given_up(error.message)) from error
            if error.message != self._told_error:
                self._told_error = error.message
                self.log.warning("%s The sensor asks again.", error.message)
            return False

    def _all_there(self, client: Artificer, jobs: Sequence[str]) -> bool:
        from artificer_provider.batch.progress import Standing

        until = read_until(self.until)
        waiting = 0
        for job_id in jobs:
            job = client.batch.get(job_id)
            verdict = until.verdict(job)
            if verdict is Verdict.NEVER:
                raise AirflowFailException(until.sentence(job_id, job))
            standing = Standing.of(job)
            if line := standing.line_after(self._stood.get(job_id)):
                self.log.info("Job %s is %s", job_id, line)
            self._stood[job_id] = standing
            waiting += verdict is Verdict.WAITING
        self._told_error = None
        return not waiting

    def _jobs(self) -> list[str]:
        return read_job_ids(self.job_id)

    def _conclude(self, wake: Wake) -> None:
        from artificer_provider.batch.watch import Reason

        # A trigger that an older release wrote fires ENDED whichever way the job ended.
        cut = wake.reason is Reason.ENDED and self.until == COMPLETED and wake.status != "COMPLETED"
        if wake.reason is Reason.OTHERWISE or cut:
            raise AirflowFailException(wake.message or f"Job {wake.job_id} ended {wake.status}.")
        if wake.reason is Reason.ENDED:
            what = f"The jobs are {wake.message}" if wake.message else f"Job {wake.job_id} is {wake.status}"
            self.log.info("%s: what was waited for (%s).", what, self.until)
            return
        if wake.reason is Reason.DEADLINE:
            raise AirflowSensorTimeout(
                f"Job {wake.job_id} is still {wake.status} when the sensor's {self.timeout:g} s are over; "
                "it was left as it is."
            )
        passes = wake.reason is Reason.UNREACHABLE
        why = _given_up(wake.message or f"The watch over job {wake.job_id} ended ({wake.reason}).")
        raise AirflowException(why) if passes else AirflowFailException(why)

    @contextmanager
    def _skipping(self) -> Iterator[None]:
        """Do for the look before a deferral what Airflow does for each of a sensor that waits in a worker."""
        try:
            yield
        except AirflowFailException as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def _start_from_trigger(self) -> None:
        from artificer_provider.triggers._airflow import start_in_triggerer

        self._refuse_what_no_triggerer_can_start()
        start_in_triggerer(
            self,
            "artificer_provider.triggers.wait.ArtificerWaitTrigger",
            {
                "artificer_conn_id": self.artificer_conn_id,
                "job_id": self.job_id,
                "poll_interval": self.poke_interval,
                "slots": 0,
                "until": self.until,
                "max_unreachable": configured.max_unreachable().total_seconds(),
            },
            timedelta(seconds=self.timeout),
        )

    def _refuse_what_no_triggerer_can_start(self) -> None:
        texts = [self.job_id] if isinstance(self.job_id, str) else self.job_id
        if not self.deferrable:
            problem = "start_from_trigger needs deferrable=True: the triggerer is to wait."
        elif not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            problem = (
                f"start_from_trigger takes no output of a task as job_id: write it as a template, {_PULL!r}."
            )
        elif any("xcom_pull" in text and "map_indexes" not in text for text in texts):
            # It asks for a slice of XComs, which a triggerer of Airflow 3.3 cannot: it would wait for ever.
            problem = f"start_from_trigger needs an xcom_pull that names map_indexes: write {_PULL!r}."
        else:
            return
        from artificer_provider.client.errors import ConfigurationError

        raise ConfigurationError(problem)


def _given_up(why: str) -> str:
    return f"{why} The sensor stops waiting; the jobs were left as they are."
