"""Keys as they are kept, with a clock of the test's own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from artificer_provider.engine import key_usage, keys
from artificer_provider.engine.addresses import read_address, read_network
from artificer_provider.engine.key_refusals import refusal_of
from artificer_provider.engine.keys import Key, State
from artificer_provider.engine.store import connect, prepare

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect(tmp_path / "engine.sqlite3")
    prepare(connection, tmp_path / "engine.sqlite3")
    yield connection
    connection.close()


def made(database: sqlite3.Connection, **fields: object) -> tuple[Key, str]:
    key = Key(**{"id": keys.new_id(), "name": "n", "created_at": NOW, **fields})  # type: ignore[arg-type]  # fields of a test
    secret = keys.new_secret()
    keys.add(database, key, secret)
    return key, secret


def test_a_key_is_random_and_kept_only_as_its_hash(database: sqlite3.Connection) -> None:
    key, secret = made(database)
    assert secret.startswith("sk_")
    assert len(bytes.fromhex(secret[3:])) == 32
    assert made(database)[1] != secret
    dumped = "\n".join(database.iterdump())
    assert key.id in dumped
    assert secret not in dumped
    assert secret[3:] not in dumped


def test_a_key_is_found_by_itself_alone(database: sqlite3.Connection) -> None:
    networks = (read_network("10.0.0.0/8"), read_network("2001:db8::/32"))
    key, secret = made(
        database,
        owner="lab",
        scopes=("batch:read",),
        addresses=networks,
        calls_a_minute=7,
        expires_at=NOW + SECOND,
    )
    assert keys.by_secret(database, secret) == key == keys.by_id(database, key.id)
    for other in (secret[:-1], secret.upper(), f"{secret} ", secret[3:], "", "é"):
        assert keys.by_secret(database, other) is None


def test_a_key_is_good_until_it_expires(database: sqlite3.Connection) -> None:
    key, _ = made(database, expires_at=NOW)
    assert (key.state(NOW - SECOND), key.state(NOW)) == (State.ACTIVE, State.EXPIRED)
    assert made(database)[0].state(NOW + timedelta(days=36_500)) is State.ACTIVE


def test_a_revoked_key_is_revoked_for_ever_and_since_then(database: sqlite3.Connection) -> None:
    key, _ = made(database, expires_at=NOW)
    assert keys.revoke(database, key, NOW).state(NOW) is State.REVOKED
    again = keys.by_id(database, key.id)
    assert again is not None
    assert keys.revoke(database, again, NOW + SECOND).revoked_at == NOW
    assert keys.exist(database)


def test_a_rotated_key_leaves_one_that_may_do_the_same(database: sqlite3.Connection) -> None:
    rights = {"owner": "lab", "scopes": ("batch",), "calls_a_minute": 7, "expires_at": NOW + 9 * SECOND}
    old, secret = made(database, **rights)
    other = keys.new_secret()
    new, ended = keys.rotate(database, old, other, now=NOW, grace=timedelta(0))
    assert new.id != old.id
    assert {name: getattr(new, name) for name in rights} == rights
    assert keys.by_secret(database, other) == new
    assert keys.by_secret(database, secret) == ended
    assert ended.state(NOW) is State.REVOKED


@pytest.mark.parametrize(("before", "ends"), [(None, 60), (90, 60), (30, 30)])
def test_grace_ends_an_old_key_later_but_never_later_than_it_would_have(
    database: sqlite3.Connection, before: int | None, ends: int
) -> None:
    old, secret = made(database, expires_at=None if before is None else NOW + before * SECOND)
    keys.rotate(database, old, keys.new_secret(), now=NOW, grace=60 * SECOND)
    kept = keys.by_secret(database, secret)
    assert kept is not None
    assert kept.expires_at == NOW + ends * SECOND


@pytest.mark.parametrize(
    ("fields", "address", "code"),
    [
        ({}, "192.0.2.1", None),
        ({}, "", None),
        ({"expires_at": NOW}, "192.0.2.1", "expired_key"),
        ({"revoked_at": NOW, "expires_at": NOW}, "192.0.2.1", "revoked_key"),
        ({"addresses": (read_network("10.0.0.0/8"),)}, "10.9.9.9", None),
        ({"addresses": (read_network("10.0.0.0/8"),)}, "::ffff:10.9.9.9", None),
        ({"addresses": (read_network("10.0.0.0/8"),)}, "192.0.2.1", "forbidden_address"),
        ({"addresses": (read_network("10.0.0.0/8"),)}, "", "forbidden_address"),
    ],
)
def test_a_key_is_refused_with_the_reason(fields: dict[str, object], address: str, code: str | None) -> None:
    key = Key(**{"id": "key_1", "name": "n", "created_at": NOW, **fields})  # type: ignore[arg-type]  # fields of a test
    refusal = refusal_of(key, read_address(address), NOW)
    assert (None if refusal is None else refusal.code) == code
    if code == "forbidden_address":
        assert refusal is not None
        assert (address or "unknown address") in refusal.message


def test_usage_is_counted_by_the_day(database: sqlite3.Connection) -> None:
    key, _ = made(database)
    today = datetime.now(UTC).replace(hour=23, minute=59, second=59)
    tally = key_usage.Tally()
    for _ in range(3):
        tally.call(key.id, today)
    tally.refuse(key.id, today)
    tally.call(key.id, today + 2 * SECOND)
    key_usage.add(database, tally.take())
    assert not tally.take()
    tally.call(key.id, today)
    key_usage.add(database, tally.take())
    days = key_usage.by_day(database, key.id)
    assert [(count.calls, count.refused) for count in days.values()] == [(1, 0), (4, 1)]
    assert list(days)[1] == today.date().isoformat()


def test_counts_that_could_not_be_kept_are_kept_later(database: sqlite3.Connection) -> None:
    key, _ = made(database)
    now, tally = datetime.now(UTC), key_usage.Tally()
    tally.call(key.id, now)
    lost = tally.take()
    tally.call(key.id, now + SECOND)
    tally.give_back(lost)
    key_usage.add(database, tally.take())
    assert sum(count.calls for count in key_usage.by_day(database, key.id).values()) == 2


def test_days_that_are_long_gone_are_dropped(database: sqlite3.Connection) -> None:
    key, _ = made(database)
    tally, now = key_usage.Tally(), datetime.now(UTC)
    for days in (0, 400, 401):
        tally.call(key.id, now - timedelta(days=days))
    key_usage.add(database, tally.take())
    assert len(key_usage.by_day(database, key.id)) == 2


def test_two_that_make_the_tables_at_once_make_them_once(tmp_path: Path) -> None:
    for attempt in range(5):
        path, together = tmp_path / f"{attempt}.sqlite3", threading.Barrier(4)

        def make(path: Path = path, together: threading.Barrier = together) -> None:
            with closing(connect(path)) as connection:
                together.wait()
                prepare(connection, path)
                made(connection)

        with ThreadPoolExecutor(4) as threads:
            for one in [threads.submit(make) for _ in range(4)]:
                one.result()
        with closing(connect(path)) as connection:
            assert len(keys.every(connection)) == 4
