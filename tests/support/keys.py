"""Keys in an engine's data directory, made there as another process makes them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from artificer_provider.engine import key_usage, keys
from artificer_provider.engine.addresses import read_network
from artificer_provider.engine.store import DATABASE, connect
from support.trpc import Trpc

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from support.engine import Engine


class Holder(NamedTuple):
    """Somebody with a key: its id, the key itself, and clients that send it."""

    key_id: str
    secret: str
    http: httpx.Client
    trpc: Trpc


def give_key(engine: Engine, *, addresses: tuple[str, ...] = (), **fields: Any) -> Holder:
    """Make a key in the database of a running engine."""
    key = keys.Key(
        **{"id": keys.new_id(), "name": "of a test", "created_at": datetime.now(UTC), **fields},
        addresses=tuple(map(read_network, addresses)),
    )
    secret = keys.new_secret()
    with closing(connect(engine.data / DATABASE)) as connection:
        keys.add(connection, key, secret)
    http = engine.client(Authorization=f"Bearer {secret}")
    return Holder(key.id, secret, http, Trpc(http))


def used(data: Path, key_id: str) -> tuple[int, int]:
    """Read how many calls of a key are kept, and how many of them were refused."""
    with closing(connect(data / DATABASE)) as connection:
        days = key_usage.by_day(connection, key_id).values()
    return sum(day.calls for day in days), sum(day.refused for day in days)
