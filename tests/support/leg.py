"""
One leg of a try as a process of its own, which is killed or stopped when it reaches a step.

What runs is the operator and the trigger as they are. The steps are hooked from outside, in this process.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath, TaskDeferred
from airflow.sdk.serde import deserialize, serialize

from artificer_provider.batch import submit, watch
from artificer_provider.client import Artificer
from artificer_provider.client.errors import NotCarriedError
from artificer_provider.client.resources import _jobs
from artificer_provider.operators import _formats, _landing, _submit
from artificer_provider.operators.batch import ArtificerRunBatchOperator
from artificer_provider.triggers.batch import ArtificerBatchTrigger
from support.airflow import TaskInstanceDouble, context
from support.shared_store import SharedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO

    from artificer_provider.client._core import Request
    from artificer_provider.operators._formats import Format

#: How long a start that was sent may be under way, for these tests: a minute is none of theirs.
START_GRACE = 0.3


@dataclass(frozen=True)
class Leg:
    """
    What one process is to do.

    :param part: ``execute``, ``execute_complete`` with ``given`` for its event, or ``watch`` with the trigger
        that is ``given``.
    :param stops: by step, at which time that it is reached by any try this process gets ``signal``.
    """

    part: str
    store: str
    run_id: str
    own_try: int
    max_tries: int
    arguments: dict[str, Any]
    stops: dict[str, int]
    signal: int
    told: str
    given: Any = None


def main() -> None:
    """Do what the file says that is named on the command line, and say what came of it in another."""
    leg = Leg(**json.loads(Path(sys.argv[1]).read_text()))
    reached = functools.partial(_reached, leg, SharedStore(Path(leg.store)))
    _hasten()
    _hook(reached)
    try:
        told = _watched(leg) if leg.part == "watch" else _worked(leg, reached)
    except Exception as error:  # noqa: BLE001 - it is told
        traceback.print_exc()
        told = {"failed": str(error), "final": isinstance(error, AirflowFailException)}
    if leg.part != "watch" and "deferred" not in told:
        reached("before Airflow hears")
    aside = Path(f"{leg.told}.part")
    aside.write_text(json.dumps(told))
    aside.replace(leg.told)


def _reached(leg: Leg, store: SharedStore, step: str) -> None:
    # One that went on after it was superseded is not stopped a second time.
    if step in leg.stops and store.is_current(leg.own_try) and store.times(step) == leg.stops[step]:
        os.kill(os.getpid(), leg.signal)


def _worked(leg: Leg, reached: Callable[[str], None]) -> dict[str, Any]:
    arguments = dict(leg.arguments)
    if "timeout" in arguments:
        arguments["timeout"] = timedelta(seconds=arguments["timeout"])
    task = ArtificerRunBatchOperator(**arguments)
    store = SharedStore(Path(leg.store), leg.own_try, reached)
    instance = replace(
        TaskInstanceDouble(), run_id=leg.run_id, try_number=leg.own_try, max_tries=leg.max_tries
    )
    given = context(store, instance)  # type: ignore[arg-type] # of the same shape
    try:
        came = task.execute(given) if leg.part == "execute" else task.execute_complete(given, leg.given)
    except TaskDeferred as deferred:
        name, kwargs = deferred.trigger.serialize()
        return {"deferred": {"name": name, "kwargs": serialize(kwargs)}}
    return {"succeeded": json.loads(json.dumps(came))}


def _watched(leg: Leg) -> dict[str, Any]:
    assert leg.given["name"].endswith(f".{ArtificerBatchTrigger.__name__}")
    kwargs = cast("dict[str, Any]", deserialize(leg.given["kwargs"]))
    trigger = ArtificerBatchTrigger(**kwargs)

    async def first() -> object:
        return (await anext(aiter(trigger.run()))).payload

    return {"fired": asyncio.run(first())}


def _hasten() -> None:
    """Shorten what is waited for, never what is done."""
    submit.START_GRACE = START_GRACE
    _submit._LOOK_AGAIN = 0.05
    watch.FIRST_LOOK = 0.0
    _jobs.START_TIMEOUT = 0.2
    _jobs.FIRST_LOOK = 0.05


def _hook(reached: Callable[[str], None]) -> None:
    """Have each step told of that is no write: those the store tells itself."""
    _hook_calls(reached)
    _hook_landing(reached)
    defer, decide = ArtificerRunBatchOperator.defer, watch.Fleet.decide

    def deferring(self: ArtificerRunBatchOperator, **kwargs: Any) -> None:
        reached("before the deferral")
        defer(self, **kwargs)

    def decided(self: watch.Fleet, now: float) -> float | watch.Wake:
        decision = decide(self, now)
        reached("woken" if isinstance(decision, watch.Wake) else "waiting")
        return decision

    _put(ArtificerRunBatchOperator, "defer", deferring)
    _put(watch.Fleet, "decide", decided)


def _hook_calls(reached: Callable[[str], None]) -> None:
    send = Artificer.send

    def sending(self: Artificer, request: Request[Any]) -> object:
        name = _name_of(request)
        if name is None:
            return send(self, request)
        reached(f"before the call {name}")
        try:
            return send(self, request)
        except NotCarriedError:  # nothing was sent
            name = None
            raise
        finally:
            if name is not None:
                reached(f"after the call {name}")

    _put(Artificer, "send", sending)


def _name_of(request: Request[Any]) -> str | None:
    """Name a call that changes something."""
    if request.rest.method == "DELETE":
        return "delete"
    if request.rest.method != "POST":
        return None
    last = request.rest.path.rpartition("/")[2]
    return {"batch": "create"}.get(last, last)


def _hook_landing(reached: Callable[[str], None]) -> None:
    write_rows, write_manifest = _landing.Landing.write_rows, _landing.Landing.write_manifest
    written, move = _formats.written, ObjectStoragePath.replace

    def writing(form: Format, records: Iterator[Mapping[str, Any]], file: IO[bytes]) -> None:
        def told() -> Iterator[Mapping[str, Any]]:
            for number, record in enumerate(records):
                if number == 1:
                    file.flush()
                    reached("with rows half written")
                yield record

        written(form, told(), file)

    def moving(self: ObjectStoragePath, target: ObjectStoragePath, **kwargs: Any) -> object:
        what = "the manifest" if target.name == _landing.MANIFEST else "rows"
        reached(f"before moving {what}")
        moved = move(self, target, **kwargs)
        reached(f"after moving {what}")
        return moved

    def landing(self: _landing.Landing, *args: Any, **kwargs: Any) -> str:
        reached("before landing rows")
        return write_rows(self, *args, **kwargs)

    def ending(self: _landing.Landing, *args: Any, **kwargs: Any) -> str:
        reached("before the manifest")
        return write_manifest(self, *args, **kwargs)

    _put(_landing, "written", writing)
    _put(ObjectStoragePath, "replace", moving)
    _put(_landing.Landing, "write_rows", landing)
    _put(_landing.Landing, "write_manifest", ending)


def _put(owner: object, name: str, value: object) -> None:
    setattr(owner, name, value)


#: What a process is killed with, and stopped.
KILL, STOP = int(signal.SIGKILL), int(signal.SIGSTOP)
