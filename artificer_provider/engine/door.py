"""Who is let in: every call's key is looked up, limited and counted here, whatever the dialect."""

from __future__ import annotations

import asyncio
import hmac
import logging
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.engine import key_usage, keys
from artificer_provider.engine.addresses import caller_address, is_within, read_address
from artificer_provider.engine.callers import Caller
from artificer_provider.engine.key_refusals import missing_scope, no_key, refusal_of, too_many, unknown_key
from artificer_provider.engine.rates import SlidingMinute
from artificer_provider.engine.scopes import is_allowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.engine.addresses import Network
    from artificer_provider.engine.errors import EngineError
    from artificer_provider.engine.store import Store

log = logging.getLogger(__name__)

#: Seconds between a call and its place in the database: what a crash can lose of the counts.
COUNTED_WITHIN = 3.0


class Visit:
    """
    One request, and who sent it.

    :param caller: whose rows it sees.
    :param refusal: why this caller is not let in; None when he is.
    """

    def __init__(
        self, door: Door, caller: Caller, key: keys.Key | None = None, refusal: EngineError | None = None
    ) -> None:
        self.caller = caller
        self.refusal = refusal
        self.headers: dict[str, str] = {}
        self._door = door
        self._key = key
        self._now = datetime.now(UTC)

    def count(self) -> None:
        """
        Count one call. A request of several is counted several times.

        :raises EngineError: 429 when there were too many.
        """
        key = self._key
        if key is None:
            return
        self._door.tally.call(key.id, self._now)
        self._door.keep_counts_soon()
        if self.refusal is not None or key.calls_a_minute is None:
            return
        allowance = self._door.minute_of(key.id, key.calls_a_minute).take(time.monotonic())
        more_at = datetime.now(UTC) + timedelta(seconds=allowance.seconds)
        self.headers |= {
            "X-RateLimit-Limit": str(key.calls_a_minute),
            "X-RateLimit-Remaining": str(allowance.left),
            "X-RateLimit-Reset": more_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if not allowance.is_allowed:
            raise self._refused(too_many(key, allowance.retry_after))

    def require(self, scope: str) -> None:
        """
        Make sure that the caller may do something.

        :raises EngineError: 401 or 403 when he may not.
        """
        if self.refusal is not None:
            raise self._refused(self.refusal)
        if self._key is not None and not is_allowed(scope, self._key.scopes):
            raise self._refused(missing_scope(self._key, scope))

    def _refused(self, error: EngineError) -> EngineError:
        if self._key is not None:
            self._door.tally.refuse(self._key.id, self._now)
        return error


class Door:
    """
    The keys as they are at this moment: what another process changes counts from the next request on.

    :param environment_key: a key that is good for everything and is not in the database; None for none.
    :param trusted: the proxies that are believed when they say for whom they call.
    """

    def __init__(self, store: Store, environment_key: str | None, trusted: Sequence[Network] = ()) -> None:
        self.tally = key_usage.Tally()
        self._store = store
        self._environment_key = environment_key
        self._trusted = trusted
        # Of its own, and asked on the event loop: a look-up by an index takes less than a change of threads.
        self._connection = store.connect()
        self._has_keys = environment_key is not None
        self._minutes: dict[str, SlidingMinute] = {}
        self._keeping: asyncio.Task[None] | None = None

    def asks_for_keys(self) -> bool:
        """Tell whether callers need a key: as soon as there is one, and from then on."""
        self._has_keys = self._has_keys or keys.exist(self._connection)
        return self._has_keys

    def visit(self, authorization: str | None, peer: str | None, forwarded: Sequence[str]) -> Visit:
        """
        Say who sent a request.

        :param authorization: the header of that name.
        :param peer: the address at the other end of the socket.
        :param forwarded: the ``X-Forwarded-For`` headers.
        """
        address = caller_address(peer, forwarded, self._trusted)
        seen = None if address is None else str(address)
        if not self.asks_for_keys():
            return Visit(self, Caller(scopes=(), address=seen))
        scheme, _, sent = (authorization or "").partition(" ")
        sent = sent.strip()
        if scheme.lower() != "bearer" or not sent:
            return Visit(self, Caller(scopes=(), address=seen), refusal=no_key())
        if self._is_environments(sent):
            return Visit(self, Caller(address=seen))
        key = keys.by_secret(self._connection, sent)
        if key is None:
            return Visit(self, Caller(scopes=(), address=seen), refusal=unknown_key())
        caller = Caller(key.owner, key.scopes, key.id, seen)
        return Visit(self, caller, key, refusal_of(key, address, datetime.now(UTC)))

    def is_trusted(self, peer: str | None) -> bool:
        """Tell whether the other end of a socket is a proxy of ours."""
        return bool(self._trusted) and is_within(read_address(peer or ""), self._trusted)

    def minute_of(self, key_id: str, most: int) -> SlidingMinute:
        """Give the calls of a key's last minute."""
        if key_id not in self._minutes:
            self._minutes[key_id] = SlidingMinute(most)
        return self._minutes[key_id]

    def keep_counts_soon(self) -> None:
        """Write what was counted to the database, with what else is counted until then."""
        if self._keeping is None:
            self._keeping = asyncio.get_running_loop().create_task(self._keep_counts())

    def close(self) -> None:
        """Keep the last counts. The engine's own connections may be closed already."""
        try:
            key_usage.add(self._connection, self.tally.take())
        except sqlite3.Error as error:
            log.warning("the last counts of the keys' usage are lost: %s", error)
        self._connection.close()

    async def _keep_counts(self) -> None:
        await asyncio.sleep(COUNTED_WITHIN)
        self._keeping = None
        counts = self.tally.take()
        try:
            await self._store.write(partial(key_usage.add, counts=counts))
        except sqlite3.Error as error:
            log.warning("the counts of the keys' usage are kept for later: %s", error)
            self.tally.give_back(counts)

    def _is_environments(self, sent: str) -> bool:
        ours = self._environment_key
        return ours is not None and hmac.compare_digest(sent.encode(), ours.encode())
