"""API keys: what one is, when it is good, and where it is kept."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from artificer_provider.engine.addresses import is_within, read_network
from artificer_provider.engine.scopes import EVERYTHING

if TYPE_CHECKING:
    import sqlite3

    from artificer_provider.engine.addresses import Address, Network

SECRET_BYTES = 32
#: Whose rows those are that were made without a key, or under the one of ARTIFICER_ENGINE_API_KEY.
LOCAL_OWNER: Final = "local"
#: What looks like a key, whole or in part. Sixteen digits are no accident.
#: Ours are hexadecimal; one that an engine is started with need not be. A `task_…` is none.
LOOKS_LIKE_KEY: Final = re.compile(r"(?<![0-9a-z])sk_[0-9a-z]{16,}", re.IGNORECASE)

_COLUMNS = "id, name, owner, scopes, addresses, calls_a_minute, created_at, expires_at, revoked_at"


class State(StrEnum):
    """What a key is good for at a moment."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Key:
    """
    A key as it is kept: everything but the key itself.

    :param owner: whose rows it sees and makes.
    :param scopes: what it may do.
    :param addresses: the networks it may be used from; none means any.
    :param calls_a_minute: how often it may be used; None means as often as one likes.
    """

    id: str
    name: str
    created_at: datetime
    owner: str = LOCAL_OWNER
    scopes: tuple[str, ...] = (EVERYTHING,)
    addresses: tuple[Network, ...] = ()
    calls_a_minute: int | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> State:
        """Say what it is good for."""
        if self.revoked_at is not None:
            return State.REVOKED
        is_over = self.expires_at is not None and self.expires_at <= now
        return State.EXPIRED if is_over else State.ACTIVE

    def goes_from(self, address: Address | None) -> bool:
        """Tell whether it may be used from an address."""
        return not self.addresses or is_within(address, self.addresses)


def new_secret() -> str:
    """Make the key itself, which is told once and kept nowhere."""
    return f"sk_{secrets.token_hex(SECRET_BYTES)}"


def new_id() -> str:
    """Make a name for a key that may stand in logs and lists."""
    return f"key_{secrets.token_hex(6)}"


def hashed(secret: str) -> str:
    """Give the form in which a key is kept."""
    # A slow hash protects what people think up, since that can be guessed; 256 random bits cannot, so a fast
    # one is as safe, and costs a request nothing. Looking a key up by it gives nothing away: who sends a key
    # cannot choose its hash, so how long it takes to compare says nothing of the keys that are kept.
    return hashlib.sha256(secret.encode()).hexdigest()


def add(connection: sqlite3.Connection, key: Key, secret: str) -> None:
    """Keep a key."""
    connection.execute(
        f"INSERT INTO api_keys ({_COLUMNS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own column names
        (
            key.id,
            key.name,
            key.owner,
            json.dumps(key.scopes),
            json.dumps([str(network) for network in key.addresses]),
            key.calls_a_minute,
            _written(key.created_at),
            _written(key.expires_at),
            _written(key.revoked_at),
            hashed(secret),
        ),
    )


def exist(connection: sqlite3.Connection) -> bool:
    """Tell whether there is any key, good or not: the end of the last one must not open the engine to all."""
    found: int = connection.execute("SELECT EXISTS (SELECT 1 FROM api_keys)").fetchone()[0]
    return bool(found)


def by_secret(connection: sqlite3.Connection, secret: str) -> Key | None:
    """Find the key that somebody sent."""
    return _one(connection, "hash", hashed(secret))


def by_id(connection: sqlite3.Connection, key_id: str) -> Key | None:
    """Find a key by its name in lists."""
    return _one(connection, "id", key_id)


def every(connection: sqlite3.Connection) -> list[Key]:
    """Read all keys, the oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")  # noqa: S608 - our own column names
    return [_read(row) for row in rows]


def revoke(connection: sqlite3.Connection, key: Key, now: datetime) -> Key:
    """Make a key good for nothing; one that was revoked before stays as it was."""
    if key.revoked_at is not None:
        return key
    connection.execute("UPDATE api_keys SET revoked_at = ? WHERE id = ?", (_written(now), key.id))
    return replace(key, revoked_at=now)


def rotate(
    connection: sqlite3.Connection, key: Key, secret: str, *, now: datetime, grace: timedelta
) -> tuple[Key, Key]:
    """
    Put another key in a key's place, which may do the same as long.

    :param secret: the other key.
    :param grace: how long the old one is still good, if it is not over before.
    :returns: the new key, and what became of the old one.
    """
    successor = replace(key, id=new_id(), created_at=now)
    add(connection, successor, secret)
    if not grace:
        return successor, revoke(connection, key, now)
    ends = min(now + grace, key.expires_at or datetime.max.replace(tzinfo=UTC))
    connection.execute("UPDATE api_keys SET expires_at = ? WHERE id = ?", (_written(ends), key.id))
    return successor, replace(key, expires_at=ends)


def _one(connection: sqlite3.Connection, column: str, value: str) -> Key | None:
    query = f"SELECT {_COLUMNS} FROM api_keys WHERE {column} = ?"  # noqa: S608 - our own column names
    row = connection.execute(query, (value,)).fetchone()
    return None if row is None else _read(row)


def _read(row: sqlite3.Row) -> Key:
    return _key(*row)


@lru_cache(maxsize=1024)  # reading the parts takes as long as finding the row
def _key(  # noqa: PLR0917 - the columns, in their order
    key_id: str,
    name: str,
    owner: str,
    scopes: str,
    addresses: str,
    calls_a_minute: int | None,
    created_at: str,
    expires_at: str | None,
    revoked_at: str | None,
) -> Key:
    return Key(
        id=key_id,
        name=name,
        created_at=datetime.fromisoformat(created_at),
        owner=owner,
        scopes=tuple(json.loads(scopes)),
        addresses=tuple(read_network(network) for network in json.loads(addresses)),
        calls_a_minute=calls_a_minute,
        expires_at=_moment(expires_at),
        revoked_at=_moment(revoked_at),
    )


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)
