"""How a run is cut into jobs that an engine takes, in one pass over its items."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from artificer_provider.batch.plan import as_mapping
from artificer_provider.client import limits
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from artificer_provider.batch.plan import Item, Json, Work
    from artificer_provider.batch.sources import Source

#: Bytes of a job's body that any engine takes but one behind a server that cuts at 1 MiB (WIRE §1).
MAX_JOB_BYTES = 32 * 1024 * 1024
SMALL_JOB_BYTES = 900_000
_SEPARATOR = b"\0"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one job may hold."""

    items: int = limits.MAX_ITEMS
    bytes: int = MAX_JOB_BYTES

    def halved(self) -> Bounds:
        """Make jobs of half the size: the engine said that they are too large."""
        return Bounds(self.items, self.bytes // 2)


@dataclass(frozen=True, slots=True)
class Shard:
    """
    The part of a run that one job is made of.

    :param first: the index of its first item in the run.
    :param place: where its source goes on to read them.
    :param fingerprint: of what would be billed for it.
    """

    first: int
    count: int
    place: int
    fingerprint: str

    def to_json(self) -> dict[str, Json]:
        """Write it for a store of JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read what :meth:`to_json` wrote; fields of a newer release are left out."""
        stored = as_mapping(value)
        return cls(**cast("dict[str, Any]", {name: stored[name] for name in cls.__dataclass_fields__}))


@dataclass(frozen=True, slots=True)
class Layout:
    """
    A run, cut into shards.

    :param fingerprint: of all that would be billed, however it is cut.
    :param chars: how many characters the items have in all.
    """

    fingerprint: str
    shards: tuple[Shard, ...]
    chars: int

    @property
    def items(self) -> int:
        """How many there are in all."""
        return sum(shard.count for shard in self.shards)


def lay_out(source: Source, work: Work, bounds: Bounds) -> Layout:
    """
    Cut a run into shards. Nothing is held but the shards.

    :raises ConfigurationError: when there are no items, one is none, or one alone is too large for a job.
    """
    tail = _of_work(work)
    shards: list[Shard] = []
    whole = hashlib.sha256()
    first = count = size = place = after = chars = 0
    part = hashlib.sha256()
    for number, read in enumerate(source.read()):
        line = _of_item(read.item)
        if len(line) > bounds.bytes:
            raise ConfigurationError(
                f"Item {number} takes {len(line):,} bytes; a job of this engine takes {bounds.bytes:,}."
            )
        if count == bounds.items or size + len(line) > bounds.bytes:
            shards.append(_shard(first, count, place, part, tail))
            first, count, size, place = number, 0, 0, after
            part = hashlib.sha256()
        part.update(line)
        whole.update(line)
        count, size, after, chars = count + 1, size + len(line), read.after, chars + len(read.item.input)
    if not count:
        raise ConfigurationError("There are no items: a batch job needs at least one.")
    shards.append(_shard(first, count, place, part, tail))
    whole.update(tail)
    return Layout(whole.hexdigest(), tuple(shards), chars)


def items_of(source: Source, shard: Shard, work: Work) -> list[Item]:
    """
    Read the items of one shard again.

    :raises ConfigurationError: when they are no longer those that the run was laid out with.
    """
    items = [read.item for read in islice(source.read(shard.place), shard.count)]
    digest = hashlib.sha256()
    for item in items:
        digest.update(_of_item(item))
    digest.update(_of_work(work))
    if digest.hexdigest() != shard.fingerprint:
        raise ConfigurationError(
            f"The items from {shard.first} on are not those that this run began with: the input changed "
            "while it ran. Jobs that were started go on; clear the task to run it with what is there now."
        )
    return items


def fingerprint_of(items: Iterable[Item], work: Work) -> str:
    """Hash what would be billed for items that stand in no source: those that are done over."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(_of_item(item))
    digest.update(_of_work(work))
    return digest.hexdigest()


def _shard(first: int, count: int, place: int, part: _Digest, tail: bytes) -> Shard:
    part.update(tail)
    return Shard(first, count, place, part.hexdigest())


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def _of_item(item: Item) -> bytes:
    return _written(item.to_wire())


def _of_work(work: Work) -> bytes:
    project = b"" if work.project_id is None else _written({"project_id": work.project_id})
    return b"".join(_written(part.to_wire()) for part in (*work.phases, work.options)) + project


def _written(value: dict[str, Json]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + _SEPARATOR
