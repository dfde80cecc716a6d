"""What a client is made with, checked before anything is sent."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, SupportsIndex
from urllib.parse import urlsplit

from artificer_provider import __version__
from artificer_provider.client._retry import Patience
from artificer_provider.client.dialects.rest import RestDialect
from artificer_provider.client.dialects.trpc import TrpcDialect
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from artificer_provider.client.dialects.wire import Dialect

DEFAULT_BASE_URL = "http://localhost:3001"
DEFAULT_TIMEOUT = 30.0
DEFAULT_RETRIES = 2
TRPC_SUFFIX = "/api/trpc"
AUTHORIZATION = "Authorization"

#: Seconds, or a duration.
Seconds = float | timedelta


class DialectName(StrEnum):
    """How an engine is spoken to."""

    AUTO = "auto"  #: asks once per client
    REST = "rest"
    TRPC = "trpc"


class Secret(str):
    """A text that is sent and not shown: neither by ``repr`` nor by who lists a traceback's variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, key: SupportsIndex | slice) -> Secret:
        # Long texts are cut before they are listed.
        return Secret(super().__getitem__(key))

    @classmethod
    def of(cls, given: str | None) -> Secret | None:
        """Take a text that was given, if one was."""
        return None if given is None else cls(given)


@dataclass(frozen=True, slots=True)
class Options:
    """
    What can differ from call to call.

    :param timeout: seconds without a byte, and to connect, after which a try counts as failed.
    :param retries: how often a call that failed in passing is sent again.
    :param deadline: seconds for a whole call with all its retries; None for no limit.
    """

    timeout: float = DEFAULT_TIMEOUT
    retries: int = DEFAULT_RETRIES
    deadline: float | None = None

    def patience(self, clock: Callable[[], float]) -> Patience:
        """Begin a call now."""
        return Patience(self.retries, clock, None if self.deadline is None else clock() + self.deadline)

    def but(
        self, timeout: Seconds | None = None, retries: int | None = None, deadline: Seconds | None = None
    ) -> Options:
        """
        Change what is given, and keep the rest.

        :raises ConfigurationError: when a value makes no sense.
        """
        changed = self
        if timeout is not None:
            changed = replace(changed, timeout=positive("timeout", timeout))
        if deadline is not None:
            changed = replace(changed, deadline=positive("deadline", deadline))
        if retries is not None:
            if retries < 0:
                raise ConfigurationError(f"retries is {retries}: write 0 or more.")
            changed = replace(changed, retries=retries)
        return changed


@dataclass(frozen=True)
class Address:
    """
    Where an engine is, and how it is spoken to as far as that was said.

    :param root: the base URL without the ``/api/trpc`` that it may have been given with.
    """

    root: str
    dialect: Dialect | None
    headers: Mapping[str, str]


def address(base_url: str | None, api_key: str | None, dialect: str) -> Address:
    """
    Put together what was given and what the environment says.

    :raises ConfigurationError: when it cannot be used.
    """
    url = _checked_url("base URL", base_url or os.environ.get("ARTIFICER_BASE_URL") or DEFAULT_BASE_URL)
    prefix = TRPC_SUFFIX if url.endswith(TRPC_SUFFIX) else ""
    return Address(url.removesuffix(TRPC_SUFFIX), _dialect(dialect, prefix), _headers(api_key))


def engine_url(base_url: str | None, typescript_api_url: str | None) -> str | None:
    """
    Take the engine's URL under either of its names; the second is the seed plan's.

    :raises ConfigurationError: when both are given.
    """
    if base_url is not None and typescript_api_url is not None:
        raise ConfigurationError("base_url and typescript_api_url name the same thing: give one of them.")
    return typescript_api_url if base_url is None else base_url


def worker_address(url: str | None, engine: Address) -> Address | None:
    """
    Say where the worker for images and PDFs is; None where there is none.

    The key goes to it only when it is at the engine's own origin: it is the engine's, and nobody else's.

    :raises ConfigurationError: when the URL cannot be used.
    """
    given = url or os.environ.get("ARTIFICER_PYTHON_WORKER_URL")
    if not given:
        return None
    root = _checked_url("worker URL", given)
    headers = dict(engine.headers)
    if _origin(root) != _origin(engine.root):
        headers.pop(AUTHORIZATION, None)
    return Address(root, RestDialect(), headers)


def _origin(url: str) -> tuple[str, str | None, int]:
    """Take scheme, host and port of a URL, a port that goes without saying among them."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def as_seconds(duration: Seconds) -> float:
    """Take seconds or a duration as seconds."""
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)


def user_agent() -> str:
    """
    Name this process.

    A deployed engine counts calls per ``User-Agent`` (WIRE §3): the suffix gives each process its own count.
    """
    return f"airflow-provider-artificer/{__version__} ({_mark(os.getpid())})"


@lru_cache(maxsize=1)
def _mark(_pid: int) -> str:
    """Make a mark for a process; a fork has another pid, and so another mark."""
    return secrets.token_hex(4)


def _dialect(name: str, prefix: str) -> Dialect | None:
    try:
        known = DialectName(name)
    except ValueError:
        raise ConfigurationError(f"{name!r} is no dialect: write {', '.join(DialectName)}.") from None
    if known is DialectName.REST:
        return RestDialect()
    return TrpcDialect(prefix) if known is DialectName.TRPC else None


def _checked_url(name: str, given: str) -> str:
    url = given.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        reachable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, reachable = urlsplit(""), False
    if "@" in parts.netloc:
        raise ConfigurationError(f"The {name} holds a user or a password: give the key as api_key instead.")
    if not reachable or any(char.isspace() or not char.isprintable() for char in url):
        raise ConfigurationError(
            f"The {name} {_shown(url)!r} is not one: write http://host:port or https://host."
        )
    if parts.query or parts.fragment:
        raise ConfigurationError(
            f"The {name} {_shown(url)!r} has a query or a fragment behind it: leave that out."
        )
    return url


def _shown(url: str) -> str:
    """Cut a URL before and behind what may be a key that was put there by mistake."""
    return url.rpartition("@")[2].partition("?")[0].partition("#")[0]


def _headers(api_key: str | None) -> dict[str, str]:
    key = Secret((api_key or os.environ.get("ARTIFICER_API_KEY") or "").strip())
    headers = {"User-Agent": user_agent()}
    if key:
        if not (key.isascii() and key.isprintable()):
            raise ConfigurationError("The API key holds characters that no header can carry.")
        headers[AUTHORIZATION] = Secret(f"Bearer {key}")
    return headers


def positive(name: str, given: Seconds) -> float:
    """
    Take seconds or a duration as seconds.

    :raises ConfigurationError: when they are none.
    """
    seconds = as_seconds(given)
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"{name} is {seconds:g} s: write more than 0.")
    return seconds
