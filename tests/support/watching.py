"""What Airflow's triggerer does with event triggers, without the triggerer; and an engine behind a door."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import httpx
from airflow.triggers.shared_stream import SharedStreamManager

from support.scripted_server import Asked, Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.triggers.events import ArtificerBatchEventTrigger


class AssetStore:
    """Keeps values as Airflow's store of an asset does."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def aget(self, key: str) -> Any:
        return self.values.get(key)

    async def aset(self, key: str, value: Any) -> None:
        self.values[key] = json.loads(json.dumps(value))


def kept_in(trigger: ArtificerBatchEventTrigger, store: AssetStore) -> None:
    """Give a trigger the store of its one asset, as the triggerer does."""
    trigger.asset_state_store = SimpleNamespace(_by_name={"jobs": store})  # type: ignore[assignment] # a double


class Triggerer:
    """Airflow's own manager of shared streams, and what drives the triggers beside it."""

    def __init__(self) -> None:
        self.manager = SharedStreamManager()
        self.fired: list[dict[str, Any]] = []
        self.unconfirmed: list[int] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._keys: dict[int, Any] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self.manager.stop_all()

    def watch(self, trigger: ArtificerBatchEventTrigger, store: AssetStore) -> None:
        number = len(self._tasks)
        kept_in(trigger, store)
        self._tasks[number] = asyncio.create_task(self._drive(number, trigger))

    async def _drive(self, number: int, trigger: ArtificerBatchEventTrigger) -> None:
        key = trigger.shared_stream_key()
        stream = self.manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        events = trigger.filter_shared_stream(stream)
        try:
            async for event in events:
                seq = self.manager.bind_pending_event(trigger_id=number, key=key)
                assert seq is not None, "no acknowledgement is waited for"
                self.unconfirmed.append(seq)
                self.fired.append(event.payload)
        finally:
            await self.manager.unsubscribe(number, key)

    def persist(self) -> None:
        """Confirm what was fired, as the supervisor does when it is in the database."""
        self.manager.confirm_persisted(self.unconfirmed)
        self.unconfirmed.clear()

    def names(self) -> list[str]:
        return [event["name"] for event in self.fired]


async def until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Look again and again until something is so."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)
            return
    raise AssertionError(f"not within {seconds} s: {what}")


class Door:
    """Stands before an engine: counts what goes through, and can be shut with an answer of its own."""

    def __init__(self, server: ScriptedServer, url: str) -> None:
        self.server = server
        self.shut: Callable[[Asked], Reply | None] = lambda _: None
        self._http = httpx.Client(base_url=url, trust_env=False)
        server.otherwise = self._answer

    def close(self) -> None:
        self._http.close()

    def _answer(self, asked: Asked) -> Reply:
        if (shut := self.shut(asked)) is not None:
            return shut
        headers = {"Content-Type": "application/json"}
        reply = self._http.request(asked.method, asked.path, content=asked.body, headers=headers)
        headers |= {name: value for name, value in reply.headers.items() if name.startswith("x-")}
        return Reply(reply.status_code, raw=reply.content, headers=headers)
