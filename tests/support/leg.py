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
from typing import Any, cast

from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from artificer_provider.batch import submit, watch
from artificer_provider.client.resources import _jobs
from artificer_provider.operators import _submit
from artificer_provider.operators.batch import ArtificerRunBatchOperator
from artificer_provider.triggers.batch import ArtificerBatchTrigger
from support.airflow import TaskInstanceDouble, context
from support.airflow_names import deserialize, serialize
from support.shared_store import SharedStore
from support.steps import hook

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
    hook(reached)
    try:
        told = _watched(leg) if leg.part == "watch" else _worked(leg)
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


def _worked(leg: Leg) -> dict[str, Any]:
    arguments = dict(leg.arguments)
    if "timeout" in arguments:
        arguments["timeout"] = timedelta(seconds=arguments["timeout"])
    task = ArtificerRunBatchOperator(**arguments)
    store = SharedStore(Path(leg.store), leg.own_try)
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


#: What a process is killed with, and stopped.
KILL, STOP = int(signal.SIGKILL), int(signal.SIGSTOP)
