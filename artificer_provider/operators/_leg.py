"""One leg of a task on a worker: from its begin, or the end of a wait, to the next wait or to its result."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, Stats

from artificer_provider.batch.layout import Bounds, lay_out, lot_of
from artificer_provider.batch.record import Outcome
from artificer_provider.batch.watch import Fleet, Reason, Wake
from artificer_provider.client.errors import ArtificerError, ConfigurationError
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.metrics import tell_run
from artificer_provider.operators._canary import batches_reach_a_model
from artificer_provider.operators._cutting import bounds_of
from artificer_provider.operators._errors import told_to_airflow
from artificer_provider.operators._kill import Kill
from artificer_provider.operators._prices import estimate_of, hold_against_budget
from artificer_provider.operators._run import Run
from artificer_provider.operators._submit import Submission
from artificer_provider.operators._told import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from airflow.sdk.types import Logger

    from artificer_provider.batch.identity import RunKey
    from artificer_provider.batch.plan import Json, Work
    from artificer_provider.batch.sources import Source
    from artificer_provider.client import Artificer
    from artificer_provider.operators._asked import Asked
    from artificer_provider.operators._landing import Landing, Manifest
    from artificer_provider.operators._ledger import Ledger

_TOLD_FAILURES = 5
_TOLD_JOBS = 5


def create_and_start(
    *, hook: ArtificerHook, ledger: Ledger, source: Source, work: Work, name: str, log: Logger
) -> str:
    """
    Create one job and start it, or find the one of an earlier try; return its id.

    :raises ArtificerError: when the engine cannot be asked, or refuses.
    """
    ledger.show_jobs()
    with hook.get_conn() as client:
        bounds = bounds_of(client, Bounds())
        layout = lay_out(source, work, bounds)
        if len(layout.shards) > 1:
            raise ConfigurationError(
                f"There are {layout.items:,} items of {layout.chars:,} characters, which is more than one "
                f"job takes (at most {bounds.items:,} items and {bounds.bytes:,} bytes): "
                "ArtificerRunBatchOperator makes several."
            )
        if ledger.header is None or ledger.header.fingerprint != layout.fingerprint:
            ledger.open(hook.artificer_conn_id, layout, ledger.next_generation)
        Submission(
            client=client,
            ledger=ledger,
            number=0,
            lot=partial(lot_of, source, layout.shards[0], work),
            work=work,
            name=name,
            log=log,
        ).bring_to_run()
        return str(ledger.shards[0].job_id)


class Leg:
    """
    A leg of a run.

    :param task: the task instance, as Airflow runs it.
    :param wait: waits for the jobs of the run; where that is not done here, it does not come back.
    :param permanent: what a failure that waiting does not mend is raised as.
    """

    def __init__(
        self,
        *,
        asked: Asked,
        ledger: Ledger,
        landing: Landing,
        wait: Callable[[Run], Wake],
        permanent: type[AirflowException],
        task: RuntimeTaskInstance,
        log: Logger,
    ) -> None:
        self._task = task
        self._asked = asked
        self._ledger = ledger
        self._landing = landing
        self._wait = wait
        self._permanent = permanent
        self._log = log
        #: What a kill does, from when there is a run.
        self.kill: Kill | None = None

    def begin(self) -> dict[str, Json]:
        """
        Begin a try: bring the jobs to run, and carry on from there.

        :return: the manifest, in short.
        :raises AirflowException: when a retry may help.
        :raises AirflowFailException: when it cannot, or must not.
        """
        with self._under_way() as run:
            self._landing.prepare()
            with told_to_airflow(run.kept, self._permanent):
                run.begin()
                if not self._ledger.has_jobs:
                    self._hold_against_budget(run.client)
                    if not batches_reach_a_model(run.client, self._asked, self._ledger, self._log):
                        return self._by_chain()
                return self._carry_on(run)

    def go_on(self, wake: Wake) -> dict[str, Json]:
        """
        Go on after a wait that was not done here.

        :param wake: what it ended with.
        :return: as :meth:`begin`, and the same is raised.
        """
        if wake.reason in (Reason.REFUSED, Reason.UNREACHABLE):
            raise AirflowException(
                f"{wake.message} The watch over job {wake.job_id} ended ({wake.reason}); nothing was landed. "
                "A retry looks for the job again and goes on with it while it is there."
            )
        with self._under_way() as run, told_to_airflow(run.kept, self._permanent):
            run.resume()
            run.heed(wake)
            return self._carry_on(run)

    def after_timeout(self) -> str:
        """Cancel what runs, since Airflow's own time for a deferral is over; say what was kept."""
        with self._under_way() as run, told_to_airflow(run.kept, self._permanent):
            jobs = run.call_off()
        if not jobs:
            return (
                "Airflow keeps no record of the jobs: they were left, and a retry finds them by their names."
            )
        return (
            f"Cancelled: {', '.join(jobs[:_TOLD_JOBS])} ({len(jobs)} in all). Nothing was landed; the "
            "answers that are there are kept. A retry lands them, and does over, and bills, what has no good "
            "answer."
        )

    @contextmanager
    def _under_way(self) -> Iterator[Run]:
        settings = ArtificerHook(self._asked.conn_id).settings()
        with settings.client() as client:
            run = Run(
                client=client,
                clients=lambda conn_id: ArtificerHook(conn_id).get_conn(),
                ledger=self._ledger,
                landing=self._landing,
                asked=self._asked,
                log=self._log,
            )
            self.kill = Kill(run, settings, self._task)
            yield run

    def _hold_against_budget(self, client: Artificer) -> None:
        header = self._ledger.begun
        found = header.estimate or estimate_of(client, self._asked.work, header, self._log)
        if found is not None:
            hold_against_budget(found, self._asked.policy.max_cost, self._log)
            self._ledger.note(replace(header, estimate=found))

    def _by_chain(self) -> dict[str, Json]:
        from artificer_provider.operators._chain_run import run_by_chain

        return run_by_chain(
            asked=self._asked,
            ledger=self._ledger,
            landing=self._landing,
            log=self._log,
            permanent=self._permanent,
        )

    def _carry_on(self, run: Run) -> dict[str, Json]:
        while not run.advance():
            run.heed(self._wait(run))
        return concluded(run, self._landing, self._log)


def concluded(run: Run, landing: Landing, log: Logger) -> dict[str, Json]:
    """
    Write the manifest of a run that is done, tell of it, and give the verdict.

    :return: the manifest, in short.
    :raises AirflowFailException: when the run failed, with all rows landed.
    """
    manifest = run.result()
    place = landing.write_manifest(manifest)
    failures = run.first_failures()
    since = run.header.since
    took = None if since is None else time.time() - since
    log.info("%s", told(manifest, failures, place, took))
    if took is not None:  # else it had ended before, and is only landed again
        _tell_metrics(run.key, manifest, took)
    run.end(manifest)
    if manifest.outcome != Outcome.SUCCEEDED:
        raise AirflowFailException(_verdict(manifest, failures, place))
    return manifest.to_xcom(place)


def _tell_metrics(run: RunKey, manifest: Manifest, took: float | None) -> None:
    tell_run(
        Stats,
        {"dag_id": run.dag_id, "task_id": run.task_id},
        outcome=manifest.outcome,
        counts=manifest.counts,
        cost=manifest.cost,
        tokens=manifest.tokens,
        took=took,
    )


def look_on(run: Run) -> Wake:
    """Wait on the worker: look at the jobs of a run until it is time to wake."""
    fleet = Fleet(run.running(), run.terms())
    while True:
        for job_id in fleet.open:
            away = fleet.outage.since
            try:
                job = run.client.batch.get(job_id)
            except ArtificerError as error:
                if away is None:
                    run.log.warning("%s The task goes on waiting; its jobs are left.", error.message)
                fleet.on_error(job_id, error, time.time())
                continue
            if away is not None:
                run.log.info("The engine answers again, after %.0f s.", time.time() - away)
            if line := fleet.on_job(job_id, job, time.time()):
                run.log.info("%s", line)
        for line in fleet.warnings(time.time()):
            run.log.warning("%s", line)
        decision = fleet.decide(time.time())
        if isinstance(decision, Wake):
            return decision
        time.sleep(decision)


_WHY = {
    Outcome.FAILED: "",
    Outcome.BUDGET: "It cost more than max_cost and was cancelled. ",
    Outcome.DEADLINE: "It took too long and was cancelled. ",
    Outcome.UNPRICED: (
        "The engine does not say what it costs, so max_cost cannot be watched, and it was cancelled (set "
        "on_unknown_cost='ignore' to run it without a limit). "
    ),
}


def _verdict(manifest: Manifest, failures: Sequence[str], place: str) -> str:
    """Say why the run failed, what was kept, and what comes next."""
    good = manifest.counts["succeeded"]
    first = "; ".join(failures[:_TOLD_FAILURES]) or "the engine sent no rows for them"
    jobs = ", ".join(manifest.job_ids[:_TOLD_JOBS]) or "none"
    return (
        f"{manifest.items - good} of {manifest.items} items have no good answer (jobs: {jobs}). "
        f"{_WHY[Outcome(manifest.outcome)]}First: {first}. All rows are beside {place}, {good} of them good. "
        "Airflow does not retry this; clear the task to do over what has no good answer."
    )
