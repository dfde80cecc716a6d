"""A failure as Airflow should see it: whether a retry helps, and what was kept."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from artificer_provider.client.errors import ArtificerError, AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def told_to_airflow(kept: Callable[[], str]) -> Iterator[None]:
    """
    Turn an error of the client or of the storage into one that fails the task for good, or for this try.

    :param kept: asked when something fails: what is there by then, as a sentence for the message.
    """
    try:
        yield
    except ArtificerError as error:
        if error.retryable:
            raise AirflowException(
                f"{error.message} {kept()} This may pass: a retry goes on from here."
            ) from error
        where = " Its place is the connection's password." if isinstance(error, AuthenticationError) else ""
        raise AirflowFailException(
            f"{error.message}{where} {kept()} A retry would fail the same way until that is mended."
        ) from error
    except OSError as error:
        raise AirflowException(
            f"The storage failed: {error}. {kept()} This may pass: a retry goes on from here."
        ) from error


def nothing_started() -> str:
    """Say that a try failed before it came to a job."""
    return "No job was started by this try."
