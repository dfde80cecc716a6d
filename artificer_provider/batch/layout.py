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
#: What stands around items and phases at most: a name of 200 characters, each escaped, and the fields' names.
FRAME_BYTES = 2_000
_SEPARATOR = b"\0"
#: Never to be changed: a run under way is known by the hash of what this writes.
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Bounds:
    """
    What one job may hold.

    :param bytes: of its body, as it is sent.
    """

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

    Each line counts as JSON with every character beyond ASCII escaped, which is never less than what is sent.

    :raises ConfigurationError: when there are no items, one is none, or one alone is too large for a job.
    """
    tail = _of_work(work)
    room = _room(bounds, tail)
    shards: list[Shard] = []
    whole = hashlib.sha256()
    first = count = size = place = after = chars = 0
    part = hashlib.sha256()
    for number, read in enumerate(source.read()):
        line = _of_item(read.item)
        if len(line) > room:
            raise ConfigurationError(
                f"Item {number} takes {len(line):,} bytes; a job of this engine takes {room:,} besides its "
                "phases. Shorten it, or split it into several items."
            )
        if count == bounds.items or size + len(line) > room:
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


@dataclass(frozen=True, slots=True)
class Lot:
    """
    What one job is made of.

    :param items: as they are sent.
    :param fingerprint: of what would be billed for them.
    """

    items: list[dict[str, Json]]
    fingerprint: str


def lot_of(source: Source, shard: Shard, work: Work) -> Lot:
    """
    Read the items of one shard again.

    :raises ConfigurationError: when they are no longer those that the run was laid out with.
    """
    lot = gathered((read.item for read in islice(source.read(shard.place), shard.count)), work)
    if lot.fingerprint != shard.fingerprint:
        raise ConfigurationError(
            f"The items from {shard.first} on are not those that this run began with: the input changed "
            "while it ran. Jobs that were started go on; clear the task to run it with what is there now."
        )
    return lot


def gathered(items: Iterable[Item], work: Work) -> Lot:
    """Hash what would be billed for items, and keep them as they are sent."""
    digest = hashlib.sha256()
    wires: list[dict[str, Json]] = []
    for item in items:
        digest.update(_of_item(item))
        wires.append(item.to_wire())
    digest.update(_of_work(work))
    return Lot(wires, digest.hexdigest())


def _room(bounds: Bounds, tail: bytes) -> int:
    """Say how many bytes are left for items."""
    room = bounds.bytes - len(tail) - FRAME_BYTES
    if room <= 0:
        raise ConfigurationError(
            f"The phases take {len(tail):,} bytes; a job of this engine takes {bounds.bytes:,} in all, and "
            "no item fits in."
        )
    return room


def _shard(first: int, count: int, place: int, part: _Digest, tail: bytes) -> Shard:
    part.update(tail)
    return Shard(first, count, place, part.hexdigest())


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def _of_item(item: Item) -> bytes:
    """Write an item as :func:`_written` would; the encoder is quicker with a text alone than in a mapping."""
    text = _canonical(item.input)
    if item.metadata is None:
        return f'{{"input":{text}}}\0'.encode()
    return f'{{"input":{text},"metadata":{_canonical(item.metadata)}}}\0'.encode()


def _of_work(work: Work) -> bytes:
    project = b"" if work.project_id is None else _written({"project_id": work.project_id})
    return b"".join(_written(part.to_wire()) for part in (*work.phases, work.options)) + project


def _written(value: dict[str, Json]) -> bytes:
    return _canonical(value).encode() + _SEPARATOR
