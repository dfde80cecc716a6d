"""The phases of a job, as the command line says them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from artificer_provider.cli._errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Phase = dict[str, Any]

_SAID = re.compile(r"(?P<name>[^=:]+)(?:=(?P<system_prompt>.+)|:(?P<task_type>.+))?", re.DOTALL)


def read_phases(said: Sequence[str], file: Path | None, model: str | None) -> list[Phase]:
    """
    Put the phases together.

    :param said: what ``--phase`` said, each ``NAME``, ``NAME=PROMPT`` or ``NAME:TASK``.
    :param file: a JSON file of a list of phases, in their place.
    :param model: who answers in phases that name no model.
    :raises CommandError: when there are none, or they cannot be read.
    """
    if bool(said) == bool(file):
        raise CommandError("Name the phases: --phase NAME:TASK, once for each, or --phases FILE; not both.")
    phases = [_phase(text) for text in said] if file is None else _from_file(file)
    return [{"model": model, **phase} for phase in phases] if model else phases


def _phase(text: str) -> Phase:
    match = _SAID.fullmatch(text)
    if match is None:
        raise CommandError(f"--phase {text!r} is none: write NAME, NAME=PROMPT or NAME:TASK.")
    return {key: value for key, value in match.groupdict().items() if value is not None}


def _from_file(file: Path) -> list[Phase]:
    try:
        found: object = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise CommandError(f"{file} is no JSON: {error}.") from error
    phases = cast("list[object]", found) if isinstance(found, list) else []
    if not phases or not all(isinstance(phase, dict) for phase in phases):
        raise CommandError(
            f'{file} holds no list of phases: write [{{"name": "summarize", "task_type": "summarize"}}].'
        )
    return cast("list[Phase]", phases)
