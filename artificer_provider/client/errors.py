"""
What can go wrong with a call, as a tree.

::

    ArtificerError
    ├── ConfigurationError            nothing was sent: an argument or a setting is wrong
    │   └── NotCarriedError           the dialect has no field for something that was asked for
    ├── ArtificerConnectionError      no reply: refused, cut, unknown host
    │   └── ArtificerTimeoutError     no reply in time
    ├── ReplyError                    a reply that is none of this API, or was cut
    ├── EngineAnswerError             a reply in which the engine apologises instead of answering
    ├── StreamError                   an answer that broke off while it was told; the text so far is in it
    │   └── StreamCutError            its stream ended without a word: cut, silent, not over in time
    ├── JobFailedError                a job that was waited for did not complete
    ├── WaitTimeoutError              the job has not ended in the time given; it goes on
    └── StatusError                   the engine said no
        ├── InvalidRequestError       400, 413, 422
        ├── AuthenticationError       401
        ├── PermissionDeniedError     403
        ├── NotFoundError             404, 410
        ├── ConflictError             409: the job's state does not allow it
        ├── RateLimitError            429
        └── ServerError               5xx
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.client.states import JobStatus


class ArtificerError(Exception):
    """
    Anything that went wrong with a call.

    :param message: a sentence for the person who reads it.
    :param retryable: whether the same call can succeed later without anybody changing anything.
    :param job_id: the job it was about.
    """

    def __init__(self, message: str, *, retryable: bool = False, job_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.job_id = job_id

    def __reduce__(self) -> tuple[object, ...]:
        # Pickled as usual, an error that needs keywords could not be made again in another process.
        return _remade, (type(self), self.message, vars(self))


def _remade(kind: type[ArtificerError], message: str, fields: dict[str, object]) -> ArtificerError:
    error = kind.__new__(kind, message)
    vars(error).update(fields)
    return error


class ConfigurationError(ArtificerError):
    """
    Nothing was sent: an argument or a setting is wrong, and the message names it.

    :param problems: all that is wrong, each as where it is and what it is; the message tells the first ten.
    """

    def __init__(self, message: str, *, problems: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


#: How a missing idempotency key is named among the fields of a :class:`NotCarriedError`.
IDEMPOTENCY_KEY = "Idempotency-Key"


class NotCarriedError(ConfigurationError):
    """
    Nothing was done: the engine's dialect has no field for something that was asked for, or it is too old.

    :param fields: what cannot be said, as the ``rest`` wire spells it.
    """

    def __init__(self, message: str, *, fields: Sequence[str]) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class ArtificerConnectionError(ArtificerError):
    """
    No reply came.

    :param sent: whether the engine may have got the call; False only when it surely has not.
    """

    def __init__(self, message: str, *, sent: bool, job_id: str | None = None) -> None:
        super().__init__(message, retryable=True, job_id=job_id)
        self.sent = sent


class ArtificerTimeoutError(ArtificerConnectionError):
    """No reply came in time."""


class ReplyError(ArtificerError):
    """A reply came that is none of this API: HTML, a cut body, a field of another type."""


class EngineAnswerError(ArtificerError):
    """
    The engine says that all is well, and gives something else than an answer (WIRE §5, §6.6).

    :param answer: what it gave: an apology, a blank, or what it invents in demo mode.
    """

    def __init__(
        self, message: str, *, answer: str, retryable: bool = True, job_id: str | None = None
    ) -> None:
        super().__init__(message, retryable=retryable, job_id=job_id)
        self.answer = answer


class StreamError(ArtificerError):
    """
    An answer broke off while it was told. It is not asked for again: the engine may have kept it already.

    :param text: the text so far.
    :param events: how many events were handed on.
    :param begun: whether the stream had begun; False when not even the reply's headers came.
    :param reason: what the engine said, in its own words; empty when it said nothing that can be read.
    """

    def __init__(
        self, message: str, *, text: str = "", events: int = 0, begun: bool = True, reason: str = ""
    ) -> None:
        super().__init__(message)
        self.text = text
        self.events = events
        self.begun = begun
        self.reason = reason


class StreamCutError(StreamError):
    """The stream ended without a word: the connection was cut, nothing came, or its time was over."""


class JobFailedError(ArtificerError):
    """
    A job that was waited for is FAILED or CANCELLED. Rows that are done are kept on the engine.

    :param status: what became of it.
    """

    def __init__(self, message: str, *, job_id: str, status: JobStatus) -> None:
        super().__init__(message, job_id=job_id)
        self.status = status


class WaitTimeoutError(ArtificerError):
    """
    The job has not ended in the time given. It goes on, and can be waited for again.

    :param last_status: where it stood when it was last seen; None when it was never seen.
    """

    def __init__(self, message: str, *, job_id: str, last_status: JobStatus | None) -> None:
        super().__init__(message, retryable=True, job_id=job_id)
        self.last_status = last_status


class StatusError(ArtificerError):
    """
    The engine said no.

    :param status_code: the HTTP status.
    :param code: the engine's own word for it, such as ``idempotency_mismatch``.
    :param reason: what the engine said, in its own words.
    :param request_id: what to look for in the engine's log.
    :param retry_after: seconds to wait, where the engine said so.
    :param body: the reply as it came, cut after 2,000 characters.
    :param location: where a redirect points, without its query. It is not followed: the key is for no other.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        code: str | None = None,
        reason: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        body: str = "",
        location: str | None = None,
        job_id: str | None = None,
    ) -> None:
        self.location = location
        self.status_code = status_code
        self.code = code
        self.reason = reason
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body
        super().__init__(message, retryable=self._passes(), job_id=job_id)

    def _passes(self) -> bool:
        """Tell whether waiting can mend it. By its kind where that says more: a 500 can be any (WIRE §2)."""
        return self.status_code in RETRYABLE_STATUSES


class InvalidRequestError(StatusError):
    """The engine does not take what was asked; the message names the fields."""


class AuthenticationError(StatusError):
    """The engine does not know the API key, or got none."""


class PermissionDeniedError(StatusError):
    """The API key is good, but not for this."""


class NotFoundError(StatusError):
    """The engine has no such thing, or no longer."""

    def _passes(self) -> bool:
        return False


class ConflictError(StatusError):
    """The state of the job does not allow it. A deployed engine says so with status 500 (WIRE §2)."""

    def _passes(self) -> bool:
        # With a time to wait, the first call under the same idempotency key is not over yet.
        return self.retry_after is not None


class RateLimitError(StatusError):
    """Too many calls; nothing was done."""

    def _passes(self) -> bool:
        return True


class ServerError(StatusError):
    """The engine failed."""


#: What waiting can mend, where the kind of error says no more.
RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})

_BY_STATUS: dict[int, type[StatusError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}


def error_class(status_code: int) -> type[StatusError]:
    """Name the error that a status stands for."""
    return _BY_STATUS.get(
        status_code, ServerError if status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else StatusError
    )
