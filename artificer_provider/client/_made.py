"""What both clients are made of: where the engine is, what differs from call to call, who is asked."""

from __future__ import annotations

import time
from abc import abstractmethod
from copy import copy
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar

from artificer_provider.client._line import Line
from artificer_provider.client._pace import Budget
from artificer_provider.client._settings import (
    Options,
    Seconds,
    Secret,
    address,
    engine_url,
    positive,
    worker_address,
)
from artificer_provider.client._tls import Trust, trust
from artificer_provider.client._transport import AsyncPools, Call, Pools
from artificer_provider.client._worker import Worker
from artificer_provider.client.dialects.trpc import TrpcDialect

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from artificer_provider.client._core import Request
    from artificer_provider.client._pace import Limiter
    from artificer_provider.client._retry import Patience
    from artificer_provider.client.dialects.wire import WireRequest

H = TypeVar("H")
AnyPools = TypeVar("AnyPools", Pools, AsyncPools)


def refusing(sentence: str) -> Callable[..., NoReturn]:
    """Make what stands in the place of a method that only the other client has."""

    def refuse(*_: object) -> NoReturn:
        raise TypeError(sentence)

    return refuse


class Made(Generic[H, AnyPools]):
    """How either client is made; ``H`` is the httpx client that its user may bring."""

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        typescript_api_url: str | None = None,
        python_worker_url: str | None = None,
        dialect: str = "auto",
        timeout: Seconds | None = None,
        connect_timeout: Seconds | None = None,
        retries: int | None = None,
        deadline: Seconds | None = None,
        rate_budget: int | None = None,
        limiter: Limiter | None = None,
        verify: bool = True,
        ca: str | os.PathLike[str] | None = None,
        http_client: H | None = None,
    ) -> None:
        api_key = Secret.of(api_key)  # before anything can go wrong here, and this be listed
        self._options = Options().but(timeout, retries, deadline)
        where = address(engine_url(base_url, typescript_api_url), api_key, dialect)
        worker = worker_address(python_worker_url, where)
        connect = float("inf") if connect_timeout is None else positive("connect_timeout", connect_timeout)
        self._line = Line(where, rate_budget, limiter, connect_within=connect)
        self._worker = None if worker is None else Worker(worker)
        self._pools: AnyPools = self._new_pools(
            http_client, trust(ca, verify=verify, has_own_client=http_client is not None)
        )

    @abstractmethod
    def _new_pools(self, given: H | None, trust: Trust) -> AnyPools: ...

    def with_options(
        self, *, timeout: Seconds | None = None, retries: int | None = None, deadline: Seconds | None = None
    ) -> Self:
        """
        Make a client that differs in what is given, and shares connections and rate budget with this one.

        :param timeout: as for the client, and so are the others.
        """
        twin = copy(self)
        # The nouns that were used already know this client, and not the other.
        for noun in [name for name in vars(twin) if not name.startswith("_")]:
            delattr(twin, noun)
        twin._options = self._options.but(timeout, retries, deadline)  # noqa: SLF001 - of this class
        return twin

    @property
    def dialect(self) -> str | None:
        """How the engine speaks, ``rest`` or ``trpc``; None as long as ``auto`` has not asked it."""
        known = self._line.dialect
        return None if known is None else known.name

    @property
    def trpc_prefix(self) -> str | None:
        """
        Where an engine that speaks ``trpc`` has its procedures: at the root (empty), or ``/api/trpc``.

        None when it speaks ``rest``, and as long as ``auto`` has not asked it.
        """
        known = self._line.dialect
        return known.prefix if isinstance(known, TrpcDialect) else None

    @property
    def calls_a_minute(self) -> int | None:
        """How many calls this client sends in a minute at most; None where nothing bounds that."""
        limiter = self._line.limiter
        return limiter.calls_a_minute if isinstance(limiter, Budget) else None

    @property
    def calls_left(self) -> int | None:
        """
        How many calls the engine said were left of this minute when it last answered.

        None where it never said, or counts none.
        """
        return self._line.calls_left

    @property
    def worker(self) -> Worker | None:
        """The worker for images and PDFs, with its counts; None unless the client was given one."""
        return self._worker

    def _begin(self) -> Patience:
        return self._options.patience(time.monotonic)

    def _call(
        self, request: Request[Any], wire: WireRequest, patience: Patience, line: Line | None = None
    ) -> Call:
        return Call(line or self._line, self._options, request, wire, patience)

    def _asked_first(self, request: Request[Any]) -> Worker | None:
        return self._worker if self._worker is not None and self._worker.takes(request) else None
