"""A retry policy (Airflow 3.3): what cannot pass fails at once, and a rate limit waits as long as it says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy

from artificer_provider.batch.outage import passes
from artificer_provider.client.errors import ArtificerError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class ArtificerRetryPolicy(RetryPolicy):
    """
    Decide by the error of the client whether a retry can help, and when.

    It is what the operators of this provider have unless they are given another, and serves a task of your
    own that calls the client: ``@task(retries=3, retry_policy=ArtificerRetryPolicy())``. It fails a task
    earlier than its ``retries`` say, and never later; of other errors it leaves the decision to Airflow.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """
        Decide after a try that failed.

        :param exception: what it failed with; what that was raised from counts.
        """
        error = _of_client(exception)
        if error is None:
            return RetryDecision.default()
        if not passes(error):
            return RetryDecision.fail(f"{type(error).__name__} does not pass by waiting.")
        seconds = getattr(error, "retry_after", None)
        if seconds is None:
            return RetryDecision.default()
        return RetryDecision.retry(timedelta(seconds=seconds), f"The engine asks to wait {seconds:g} s.")

    def serialize(self) -> dict[str, object]:
        """Write it for a DAG that is serialized; it has nothing to keep."""
        return {"__type": type(self).__name__}

    @classmethod
    def deserialize(cls, data: dict[str, object]) -> ArtificerRetryPolicy:
        """Read what :meth:`serialize` wrote."""
        return cls()


def _of_client(exception: BaseException | None) -> ArtificerError | None:
    """Find the client's error behind what a task failed with."""
    seen: set[int] = set()
    while exception is not None and id(exception) not in seen:
        if isinstance(exception, ArtificerError):
            return exception
        seen.add(id(exception))
        exception = exception.__cause__
    return None
