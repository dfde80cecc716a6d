"""The procedures of ``usage``, ``monitoring`` and ``modelAdmin``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from artificer_provider.client import limits
from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.model_admin import SelectModel
from artificer_provider.client.models.monitoring import CheckModel
from artificer_provider.engine import clock, counting, monitoring
from artificer_provider.engine.trpc.envelope import UNDEFINED
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, taking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pydantic import BaseModel

    from artificer_provider.client.models.model_admin import Model
    from artificer_provider.client.models.monitoring import ModelCapabilities, ModelHealth
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Answer, Call, Rooms


class ListModels(Payload):
    """Which models to list."""

    provider: str | None = None
    limit: Annotated[int, Field(ge=1, le=limits.MAX_PAGE)] = 50


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """
    Make the procedures of ``usage``, ``monitoring`` and ``modelAdmin``.

    A deployed engine monitors for everybody; here what was used is its owner's, and the key is asked for.
    """

    def query(act: Callable[[Rooms, Caller], Awaitable[Value]]) -> Procedure:
        return Procedure(Kind.QUERY, protected(_without_input(partial(act, rooms))))

    def listing(answer: Answer) -> Procedure:
        return Procedure(Kind.QUERY, protected(answer))

    check = taking(CheckModel, partial(_check, rooms))
    return {
        "usage.getSessionStats": query(_session),
        "usage.getModelUsage": query(_roles),
        "monitoring.getModelMonitoring": query(_everything),
        "monitoring.getUsageStats": query(_usage),
        "monitoring.getHealthStatus": query(_health),
        "monitoring.getCapabilities": query(_capabilities),
        "monitoring.checkModelHealth": Procedure(Kind.MUTATION, protected(check)),
        "modelAdmin.refreshModels": Procedure(
            Kind.MUTATION, protected(_without_input(partial(_refresh, rooms)))
        ),
        "modelAdmin.getCacheStatus": query(_cache),
        "modelAdmin.listModels": listing(taking(ListModels, partial(_list, rooms))),
        "modelAdmin.testSelection": listing(taking(SelectModel, partial(_select, rooms))),
        "modelAdmin.getFallbackModels": query(_fallback),
    }


def _without_input(act: Callable[[Caller], Awaitable[Value]]) -> Answer:
    async def answer(call: Call) -> Value:
        return await act(call.caller)

    return answer


async def _session(rooms: Rooms, caller: Caller) -> Value:
    return _dumped(await rooms.store.read(partial(counting.session, owner=caller.owner)))


async def _roles(rooms: Rooms, caller: Caller) -> Value:
    return _dumped(await rooms.store.read(partial(counting.by_role, owner=caller.owner)))


async def _everything(rooms: Rooms, caller: Caller) -> Value:
    found = await monitoring.everything(rooms.answerers, rooms.store, caller.owner)
    return {
        "usage": [_dumped(each) for each in found.usage],
        "health": [_seen(each) for each in found.health],
        "capabilities": _named(found.capabilities),
        "timestamp": clock.now_as_written(),
    }


async def _usage(rooms: Rooms, caller: Caller) -> Value:
    found = await monitoring.usage(rooms.store, caller.owner)
    return {"usage": [_dumped(each) for each in found.usage], "timestamp": clock.now_as_written()}


async def _health(rooms: Rooms, _: Caller) -> Value:
    found = monitoring.health(rooms.answerers).health
    return {"health": [_seen(each) for each in found], "timestamp": clock.now_as_written()}


async def _capabilities(rooms: Rooms, _: Caller) -> Value:
    found = monitoring.capabilities(rooms.answerers).capabilities
    return {"capabilities": _named(found), "timestamp": clock.now_as_written()}


async def _check(rooms: Rooms, _: Caller, asked: CheckModel) -> Value:
    found = await monitoring.check(rooms.answerers, asked.model_id)
    return {"health": _seen(found.health), "timestamp": clock.now_as_written()}


async def _refresh(rooms: Rooms, _: Caller) -> Value:
    done = await monitoring.refresh(rooms.answerers)
    return {
        "success": True,
        "modelCount": done.model_count,
        "timestamp": clock.now_as_written(),
        "message": done.message,
    }


async def _cache(rooms: Rooms, _: Caller) -> Value:
    found = monitoring.cache(rooms.answerers)
    told = {"message"} if not found.cached else set(type(found).model_fields) - {"message"}
    shown: Value = found.model_dump(by_alias=True, include=told | {"cached"})
    return shown


async def _list(rooms: Rooms, _: Caller, asked: ListModels) -> Value:
    found = monitoring.models(rooms.answerers, asked.provider)[: asked.limit]
    return {"success": True, "models": _models(found), "total": len(found)}


async def _select(rooms: Rooms, _: Caller, asked: SelectModel) -> Value:
    found = monitoring.select(rooms.answerers, asked.requirements, show_all=asked.show_all is True)
    if found.message is not None:
        return {"success": False, "message": found.message}
    if found.selected is not None:
        return {"success": True, "selected": _dumped(found.selected)}
    return {"success": True, "matchCount": found.match_count, "matches": _models(found.matches)}


async def _fallback(_: Rooms, __: Caller) -> Value:
    return {"success": True, "models": []}


def _models(found: Iterable[Model]) -> Value:
    return [_dumped(each) for each in found]


def _named(found: dict[str, ModelCapabilities]) -> Value:
    return {name: _dumped(each) for name, each in found.items()}


def _seen(health: ModelHealth) -> Value:
    error = UNDEFINED if health.error is None else health.error
    shown: dict[str, Value] = {**health.model_dump(by_alias=True), "error": error}
    return shown


def _dumped(model: BaseModel) -> Value:
    shown: Value = model.model_dump(by_alias=True)
    return shown
