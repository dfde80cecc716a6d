"""Our clients, on each of the wires that our engine speaks."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from artificer_provider.client import Artificer, AsyncArtificer
from support.blocking import Blocking
from support.scripted_server import Reply
from support.shared import API_KEY
from support.wire import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artificer_provider.client._worker import Worker
    from artificer_provider.client.models.batch import BatchJob

UNPACED = 100_000  # calls a minute


@dataclass(frozen=True)
class Wire:
    """
    :param path: what stands behind the engine's address in the base URL.
    """

    dialect: str
    path: str = ""

    @property
    def is_trpc(self) -> bool:
        return self.dialect == "trpc"

    def unsaid(self, *fields: str) -> set[str]:
        """Give the fields of which only ``rest`` says something."""
        return set(fields) if self.is_trpc else set()

    def reply(self, value: object, part: str | None = None) -> Reply:
        """
        Say a value as an engine does on this wire.

        :param part: under which name ``trpc`` says it, beside its success.
        """
        if not self.is_trpc:
            return Reply(body=value)
        return answer(value if part is None else {"success": True, part: value})


REST, TRPC, TRPC_OF_NEXT = Wire("rest"), Wire("trpc"), Wire("trpc", "/api/trpc")
AUTO, AUTO_OF_NEXT = Wire("auto"), Wire("auto", "/api/trpc")
SYNC, ASYNC = KINDS = ("sync", "async")
#: The clients that must all do the same. What the two kinds share is the wire, so async need not speak all.
SPEAKERS = {
    "rest": (SYNC, REST),
    "trpc": (SYNC, TRPC),
    "trpc at api/trpc": (SYNC, TRPC_OF_NEXT),
    "auto": (SYNC, AUTO),
    "async rest": (ASYNC, REST),
    "async trpc": (ASYNC, TRPC),
}
#: Of which one is of each dialect and each kind: the others' tests are slow ones.
FIRST_TO_SPEAK = ("rest", "auto", "async trpc")


@contextmanager
def open_client(kind: str, url: str, wire: Wire = TRPC, **options: Any) -> Iterator[Artificer]:
    """
    Open a client of either kind, to be used as a synchronous one.

    :param url: the engine's address.
    """
    given = {"retries": 0, "rate_budget": UNPACED, "api_key": API_KEY, **options}
    given |= {"base_url": url + wire.path, "dialect": wire.dialect}
    if kind == SYNC:
        with Artificer(**given) as client:
            yield client
        return
    with asyncio.Runner() as runner:

        async def made() -> AsyncArtificer:
            return AsyncArtificer(**given)

        waited_for = runner.run(made())
        try:
            yield cast("Artificer", Blocking(waited_for, runner))
        finally:
            runner.run(waited_for.aclose())


def worker_of(client: Artificer) -> Worker:
    """Give the worker of a client, or of one that is waited for."""
    found: Any = client.worker
    assert found is not None
    worker: Worker = getattr(found, "_target", found)
    return worker


def unsaid_of(found: object, *fields: str) -> set[str]:
    """Give those of the fields that are None."""
    return {name for name in fields if getattr(found, name) is None}


def finished(client: Artificer, job_id: str) -> BatchJob:
    return client.batch.wait(job_id, timeout=30, poll_interval=0.02)
