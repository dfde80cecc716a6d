"""Arguments, checked before anything is sent: all that is wrong in one error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from pydantic import ConfigDict, ValidationError

from artificer_provider.client.dialects.wire import place_of
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.client.models._base import Payload

if TYPE_CHECKING:
    from collections.abc import Iterator

M = TypeVar("M", bound="Payload")

BATCH = "/api/batch"

_TOLD = 10
_HALF_A_PAIR = re.compile(r"[\ud800-\udfff]")


def checked(model: type[M], doing: str, /, **fields: object) -> M:
    """
    Make a body of arguments.

    :param doing: what for, as in the sentence of an error: ``creating a batch job``.
    :raises ConfigurationError: with every problem and where it is.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = [(place_of(p["loc"]), p["msg"]) for p in error.errors(include_url=False, include_input=False)]
        raise refused(doing, found) from None


def refused(doing: str, problems: list[tuple[str, str]]) -> ConfigurationError:
    """Make the error that says what is wrong with the arguments of a call."""
    told = "; ".join(f"{where}: {what}" for where, what in problems[:_TOLD])
    more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
    return ConfigurationError(f"Failed {doing}, nothing was sent. {told}{more}.", problems=problems)


def in_range(doing: str, name: str, value: int, least: int, most: int) -> int:
    """
    Check a number.

    :raises ConfigurationError: when it is out of range.
    """
    if not least <= value <= most:
        raise refused(doing, [(name, f"is {value}, and must be {least} to {most}")])
    return value


def path(*parts: str) -> str:
    """
    Make a path of a fixed beginning and ids, none of which can leave its place in it.

    :raises ConfigurationError: when an id is none.
    """
    return "/".join((parts[0], *(quote(known_by(part), safe="") for part in parts[1:])))


def known_by(an_id: str) -> str:
    """
    Check an id.

    :raises ConfigurationError: when it is none.
    """
    if not an_id or an_id in (".", "..") or _HALF_A_PAIR.search(an_id):
        raise ConfigurationError(f"{an_id!r} is no id.")
    return an_id


def header(doing: str, name: str, value: str | None) -> str | None:
    """
    Check what goes into a header, where a line break would begin another.

    :raises ConfigurationError: when no header can carry it.
    """
    if value is not None and not (value.strip() and value.isascii() and value.isprintable()):
        raise refused(doing, [(name, f"is {value!r}, and must be printable ASCII")])
    return value


class Told(Payload):
    """What ``trpc`` is told: a body, and beside it what ``rest`` says in the path."""

    model_config = ConfigDict(extra="allow")


def told(body: Payload, **beside: object) -> Told:
    """
    Make what ``trpc`` is told.

    :param beside: as that wire spells it: ``conversationId=…``.
    """
    return Told(**beside, **body.model_dump(by_alias=True, exclude_none=True))


def beyond(model: Payload, carried: frozenset[str], where: str = "") -> Iterator[str]:
    """Name the fields that were given and that a wire which carries only some has no place for."""
    for name, field in type(model).model_fields.items():
        if name not in carried and getattr(model, name) is not None:
            yield f"{where}{field.alias or name}"
