"""A failure as Airflow should see it: whether a retry helps, and what was kept."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from artificer_provider.batch.outage import passes
from artificer_provider.client.errors import ArtificerError, AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def told_to_airflow(
    kept: Callable[[], str], permanent: type[AirflowException] = AirflowFailException
) -> Iterator[None]:
    """
    Turn an error of the client or of the storage into one that fails the task for good, or for this try.

    :param kept: asked when something fails: what is there by then, as a sentence for the message.
    :param permanent: what to raise where waiting does not help.
    """
    try:
        yield
    except ArtificerError as error:
        if passes(error):
            raise AirflowException(
                f"{error.message} {kept()} This may pass: a retry goes on from here."
            ) from error
        where = " Its place is the connection's password." if isinstance(error, AuthenticationError) else ""
        raise permanent(
            f"{error.message}{where} {kept()} A retry would fail the same way until that is mended."
        ) from error
    except OSError as error:
        raise AirflowException(
            f"The storage failed: {error}. {kept()} This may pass: a retry goes on from here."
        ) from error


def permanent_under(policy: object) -> type[AirflowException]:
    """
    Say what a failure that waiting does not mend is raised as.

    Airflow asks no retry policy about an ``AirflowFailException``: a policy of the user's has the word.

    :param policy: the task's; None below Airflow 3.3.
    """
    if policy is None:
        return AirflowFailException
    from artificer_provider.retry import ArtificerRetryPolicy

    return AirflowFailException if isinstance(policy, ArtificerRetryPolicy) else AirflowException
