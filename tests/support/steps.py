"""Tells of each step of an operator and its trigger in the process that they run in, hooked from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from artificer_provider.batch import watch
from artificer_provider.client import Artificer
from artificer_provider.client.errors import NotCarriedError
from artificer_provider.operators import _formats, _landing, _store
from artificer_provider.operators.batch import ArtificerRunBatchOperator
from support.airflow import step_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO

    from artificer_provider.batch.plan import Json
    from artificer_provider.client._core import Request
    from artificer_provider.operators._formats import Format

    Reached = Callable[[str], None]


def hook(reached: Reached) -> None:
    """
    Have all steps told, from now on.

    :param reached: called with the name of each, as :mod:`support.kill_plan` lists them.
    """
    _hook_writes(reached)
    _hook_calls(reached)
    _hook_landing(reached)
    defer, verdict = ArtificerRunBatchOperator.defer, watch.Fleet.verdict

    def deferring(self: ArtificerRunBatchOperator, **kwargs: Any) -> None:
        reached("before the deferral")
        defer(self, **kwargs)

    def judged(self: watch.Fleet, now: float, looked_at: float) -> watch.Wake | None:
        wake = verdict(self, now, looked_at)
        reached("waiting" if wake is None else "woken")
        return wake

    _put(ArtificerRunBatchOperator, "defer", deferring)
    _put(watch.Fleet, "verdict", judged)


def _hook_writes(reached: Reached) -> None:
    write = _store.TaskStateStore.set

    def writing(self: _store.TaskStateStore, key: str, value: dict[str, Json]) -> None:
        step = step_of(key, value)
        reached(f"before writing {step}")
        write(self, key, value)
        reached(f"after writing {step}")

    _put(_store.TaskStateStore, "set", writing)


def _hook_calls(reached: Reached) -> None:
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


def _hook_landing(reached: Reached) -> None:
    write_rows, write_manifest = _landing.Landing.write_rows, _landing.Landing.write_manifest
    written, move = _formats.written, ObjectStoragePath.replace

    def writing(form: Format, records: Iterator[Mapping[str, Any]], file: IO[bytes], *more: Any) -> None:
        def told() -> Iterator[Mapping[str, Any]]:
            for number, record in enumerate(records):
                if number == 1:
                    file.flush()
                    reached("with rows half written")
                yield record

        written(form, told(), file, *more)

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
