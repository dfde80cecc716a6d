"""What is wrong with a connection, told by the error it ended with, in a sentence without a key."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    ArtificerTimeoutError,
    AuthenticationError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StatusError,
)
from artificer_provider.hooks.places import address_in, is_this_machine, place_of, pointed_at

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_WAY = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})
# OpenSSL's numbers, X509_V_ERR_…
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME = frozenset({62, 64})


def problem(error: ArtificerError, base_url: str, *, has_key: bool) -> str:
    """Say what is wrong, and what to do."""
    if isinstance(error, ArtificerConnectionError):
        return _unreached(error, base_url)
    if isinstance(error, StatusError) and (said := _refused(error, base_url, has_key=has_key)):
        return said
    return f"What answers at {base_url} is no engine. {error.message}"


def _refused(error: StatusError, base_url: str, *, has_key: bool) -> str | None:
    reason = error.reason if error.reason.endswith((".", "!", "?")) else f"{error.reason}."
    match error:
        case AuthenticationError():
            return _unknown_key(reason, base_url) if has_key else _no_key(base_url)
        case PermissionDeniedError():
            return _forbidden(reason, base_url)
        case RateLimitError():
            return f"The engine at {base_url} takes no more calls for now (429): {reason}"
        case ServerError():
            return f"The engine at {base_url} is there, and fails ({error.status_code}): {reason}"
        case StatusError(location=str(location)):
            return (
                f"{base_url} redirects to {pointed_at(location)} ({error.status_code}), where the key is not "
                "sent. If that is the engine, put it in the connection."
            )
    return None


def _no_key(base_url: str) -> str:
    return f"The engine at {base_url} asks for an API key (401): put one into the connection."


def _unknown_key(reason: str, base_url: str) -> str:
    return (
        f"The engine at {base_url} does not take the API key (401): {reason} One that was copied in part, "
        "has expired, was revoked or is bound to other addresses is refused like this."
    )


def _forbidden(reason: str, base_url: str) -> str:
    address = address_in(reason)
    if address is None:
        return f"The engine at {base_url} knows the key, and refuses it (403): {reason}"
    return (
        f"The engine at {base_url} lets nobody in from {address}, which is where it sees Airflow (403): have "
        f"that address added to those it allows. {reason}"
    )


def _unreached(error: ArtificerConnectionError, base_url: str) -> str:
    causes = list(_causes(error))
    for cause in causes:
        if said := _by_cause(cause, base_url):
            return said
    place = place_of(base_url)
    if not isinstance(error, ArtificerTimeoutError):
        return f"{place} ends the connection without an answer: is that an engine? {error.message}"
    if was_connected(error):
        return f"{place} takes the connection, and does not answer in time: is that an engine?"
    return f"{place} does not take a connection in time: is there a firewall between, or is it another port?"


def _by_cause(cause: BaseException, base_url: str) -> str | None:
    place = place_of(base_url)
    match cause:
        case socket.gaierror():
            return (
                f"No address is known for the name {urlsplit(base_url).hostname!r} ({cause.strerror}): check "
                "the base URL, and the DNS of the machine that runs Airflow."
            )
        case ssl.SSLError():
            return _tls(cause, base_url)
        case ConnectionRefusedError():
            here = " That is the machine or container that runs Airflow itself."
            return (
                f"{place} refuses the connection: nothing listens there. Is the engine running, and is the "
                f"port right?{here if is_this_machine(base_url) else ''}"
            )
        case OSError() if cause.errno in _NO_WAY:
            return f"There is no way from here to {place} ({cause.strerror})."
    return None


def _tls(error: ssl.SSLError, base_url: str) -> str:
    place = place_of(base_url)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error, base_url)
    if error.reason in _NO_TLS:
        plain = base_url.replace("https://", "http://", 1)
        return f"{place} speaks plain http, not TLS: write {plain}, if the network between is safe."
    return f"No TLS connection comes about with {place} ({error.reason or error})."


def _certificate(error: ssl.SSLCertVerificationError, base_url: str) -> str:
    code, of = error.verify_code, f"The certificate of {place_of(base_url)}"
    if code in _UNKNOWN_AUTHORITY:
        return (
            f"{of} is signed by an authority that is not known here ({error.verify_message}): put the "
            "authority's certificate into the CA field."
        )
    if code == _EXPIRED:
        return f"{of} has expired: who runs the engine has to renew it."
    if code == _NOT_YET_VALID:
        return f"{of} is not valid yet: is the clock of this machine right?"
    if code in _OTHER_NAME:
        return f"{of} is for another name ({error.verify_message.rstrip('.')}): use the name that it is for."
    return f"{of} is not good ({error.verify_message})."


def was_connected(error: ArtificerConnectionError) -> bool:
    """Tell whether a connection came about before the error did."""
    # A client that only asks for the dialect says of each error that nothing was sent: the cause knows more.
    return not any("Connect" in type(cause).__name__ for cause in list(_causes(error))[1:])


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
