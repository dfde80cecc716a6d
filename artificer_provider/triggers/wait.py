"""The trigger of a task that waits for jobs which are not its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.batch.until import read_job_ids
from artificer_provider.batch.watch import Reason, Wake
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.triggers._airflow import TriggerEvent
from artificer_provider.triggers.batch import ArtificerBatchTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class ArtificerWaitTrigger(ArtificerBatchTrigger):
    """
    Watch jobs as :class:`~artificer_provider.triggers.batch.ArtificerBatchTrigger` does, and never end one.

    :param artificer_conn_id: the connection.
    :param job_id: the jobs as the sensor was given them, a template where the sensor starts in the triggerer:
        Airflow renders what has the name of a template field of the task.
    :param arguments: what else the base takes.
    """

    def __init__(self, artificer_conn_id: str, *, job_id: object = None, **arguments: Any) -> None:  # noqa: ANN401 - the base's
        super().__init__(artificer_conn_id, **arguments)
        self.job_id = job_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Write what another process needs to go on watching."""
        given = {} if self.job_id is None else {"job_id": self.job_id}
        return "artificer_provider.triggers.wait.ArtificerWaitTrigger", {**super().serialize()[1], **given}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch, and fire one event."""
        if self.job_id is not None:
            try:
                self.job_ids = tuple(read_job_ids(self.job_id))
            except ConfigurationError as error:
                yield TriggerEvent(
                    Wake(Reason.REFUSED, str(self.job_id)[:80], message=error.message).to_json()
                )
                return
        async for event in super().run():
            yield event

    async def on_kill(self) -> None:
        """Leave the jobs: somebody else started them, and whoever ended this task ended a wait."""
