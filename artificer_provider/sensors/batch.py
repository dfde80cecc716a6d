"""Wait for a batch job that something else started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, BaseSensorOperator, conf

from artificer_provider.batch.watch import Reason, Terms, Wake, Watch
from artificer_provider.client.errors import ArtificerError
from artificer_provider.client.states import JobStatus
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.triggers.batch import ArtificerBatchTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from artificer_provider.batch.plan import Json


class ArtificerBatchSensor(BaseSensorOperator):
    """
    Wait until a batch job has COMPLETED; fail when it ends in any other way.

    COMPLETED says that the engine is done, not that every item has an answer: look at the rows for that.

    :param job_id: the job.
    :param artificer_conn_id: the connection to the engine.
    :param deferrable: wait in the triggerer, without a worker slot.
    """

    template_fields: Sequence[str] = ("artificer_conn_id", "job_id")

    def __init__(
        self,
        *,
        job_id: str,
        artificer_conn_id: str = ArtificerHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,  # noqa: ANN401 - BaseSensorOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.artificer_conn_id = artificer_conn_id
        self.deferrable = deferrable

    def execute(self, context: Context) -> None:
        """Wait here, or in the triggerer."""
        if not self.deferrable:
            super().execute(context)
        elif not self.poke(context):
            self.defer(
                trigger=ArtificerBatchTrigger.of(
                    self.artificer_conn_id,
                    [self.job_id],
                    Terms(self.poke_interval, deadline=time.time() + self.timeout),
                ),
                method_name="execute_complete",
            )

    def execute_complete(self, context: Context, event: dict[str, Json]) -> None:
        """Go on after the deferral."""
        self._conclude(Wake.from_json(event))

    def poke(self, context: Context) -> bool:
        """Look once."""
        watch = Watch(self.job_id, poll_interval=self.poke_interval, deadline=None)
        try:
            with ArtificerHook(self.artificer_conn_id).get_conn() as client:
                decision = watch.on_job(client.batch.get(self.job_id), time.time())
        except ArtificerError as error:
            self.log.warning("%s", error.message)
            decision = watch.on_error(error, time.time())
        if isinstance(decision, Wake):
            self._conclude(decision)
            return True
        return False

    def _conclude(self, wake: Wake) -> None:
        if wake.reason is Reason.ENDED and wake.status == JobStatus.COMPLETED:
            self.log.info("Job %s is COMPLETED.", wake.job_id)
            return
        if wake.reason is Reason.ENDED:
            raise AirflowException(f"Job {wake.job_id} ended {wake.status}.")
        why = wake.message or f"Job {wake.job_id} is still {wake.status} when the sensor's time is over."
        raise AirflowException(f"{why} The sensor stops waiting ({wake.reason}); the job was left as it is.")
