"""A run whose items are worked on by the task itself: what chains and documents share."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from artificer_provider.batch.record import Outcome
from artificer_provider.batch.spending import cost_left, needs_prices
from artificer_provider.client.errors import ArtificerError
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.operators._errors import told_to_airflow
from artificer_provider.operators._hands import work_on
from artificer_provider.operators._leg import concluded
from artificer_provider.operators._run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow.providers.common.compat.sdk import AirflowException
    from airflow.sdk.types import Logger

    from artificer_provider.batch.plan import Item, Json
    from artificer_provider.batch.record import Landed
    from artificer_provider.client import AsyncArtificer
    from artificer_provider.operators._asked import Asked
    from artificer_provider.operators._hands import Hand
    from artificer_provider.operators._landing import Landing
    from artificer_provider.operators._ledger import Ledger


class Spent(NamedTuple):
    """What the work on an item cost: US dollars as far as they are known, and whether they are not."""

    cost: float
    is_unpriced: bool


T = TypeVar("T")


class Shard(Protocol[T]):
    """The items of one shard: which were worked on, and what came of them."""

    rows_made: int

    def close(self) -> None:
        """Write all that waits, and close what is open."""
        ...

    @property
    def cost(self) -> float:
        """What is known to have been paid by now, in US dollars."""
        ...

    def due(self, round_: int, items: Iterable[Item]) -> Iterator[T]:
        """Give what is to be worked on in a round."""
        ...

    def add(self, item: T) -> Spent:
        """Write down what came of an item."""
        ...

    def due_to_write(self) -> Callable[[], None] | None:
        """Say what is left to write, by a thread that may wait for a storage."""
        ...


S = TypeVar("S", bound=Shard[Any])


class WorkedRun(Run, Generic[T, S]):
    """
    A run as one leg on a worker sees it, which works on it to its end.

    :param hands: items under way at once.
    :param permanent: what a failure that waiting does not mend is raised as.
    """

    def __init__(
        self,
        *,
        asked: Asked,
        ledger: Ledger,
        landing: Landing,
        log: Logger,
        hands: int,
        permanent: type[AirflowException],
    ) -> None:
        super().__init__(
            # Nothing is billed through these: they end the jobs of a run that was a batch before.
            client=ArtificerHook(asked.conn_id).get_conn(),
            clients=lambda conn_id: ArtificerHook(conn_id).get_conn(),
            ledger=ledger,
            landing=landing,
            asked=asked,
            log=log,
        )
        self._hands = hands
        self._permanent = permanent
        self._progress = _Progress(log)
        self._is_ended = False

    async def _meet(self, client: AsyncArtificer) -> None:
        """Refuse an engine that cannot do it, before anything is billed."""
        raise NotImplementedError

    def _hand_for(self, client: AsyncArtificer) -> Callable[[S], Hand[T]]:
        """Give what works on the items of a shard."""
        raise NotImplementedError

    def _shard(self, number: int) -> S:
        """Read what is known of a shard."""
        raise NotImplementedError

    def _write(self, number: int, shard: S) -> Landed:
        """Land the rows of a shard."""
        raise NotImplementedError

    def to_the_end(self) -> dict[str, Json]:
        """
        Try once.

        :return: the manifest, in short.
        :raises AirflowException: when a retry may help.
        :raises AirflowFailException: when it cannot, or must not.
        """
        with self.client, told_to_airflow(self.kept, self._permanent):
            self._landing.prepare()
            self.begin()
            self.advance()
            return concluded(self, self._landing, self.log)

    def end_soon(self) -> None:
        """Begin no item any more: the task is being ended."""
        self._is_ended = True

    def kept(self) -> str:
        """Say what is there by now, for the message of an error."""
        if not self._progress.rows:
            return "No row was made by this run."
        return (
            f"{self._progress.rows:,} rows of this run are written down in {self._landing.path}, and are not "
            "paid again."
        )

    def advance(self) -> bool:
        """
        Work on all shards that are not done, and land their rows.

        :raises ArtificerError: when the engine cannot be asked; what was done is kept.
        """
        if self.header.stopping is None and any(map(self._is_open, range(len(self._ledger.shards)))):
            with asyncio.Runner() as runner:
                client = runner.run(self._opened())
                try:
                    self._work(self._hand_for(client), runner)
                finally:
                    runner.run(client.aclose())
        self._land_the_rest()
        return True

    async def _opened(self) -> AsyncArtificer:
        client = await ArtificerHook(self._asked.conn_id).get_async_conn()
        try:
            await self._meet(client)
        except BaseException:
            await client.aclose()
            raise
        return client

    @property
    def _rounds(self) -> int:
        """How often what has no good answer may be done over."""
        return self._policy.retry_failed + self.header.rounds

    def _is_open(self, number: int) -> bool:
        record = self._ledger.shards[number]
        return record.landed is None or (bool(record.unsuccessful) and record.round < self._rounds)

    def _work(self, hand_for: Callable[[S], Hand[T]], runner: asyncio.Runner) -> None:
        """Work on one shard after the other, until one stops the run."""
        for number in filter(self._is_open, range(len(self._ledger.shards))):
            record = self._ledger.shards[number]
            if record.landed is not None:
                self.log.info("%d items of shard %d are done over.", record.unsuccessful, number + 1)
                record = replace(record, round=record.round + 1, landed=None)
                self._ledger.note_shard(number, record)
            with closing(self._taken_up(number)) as shard:
                hand = hand_for(shard)
                for round_ in range(record.round, self._rounds + 1):
                    if self.header.stopping is not None:
                        return
                    self._go_round(number, shard, round_, hand, runner)
                self._land_shard(number, shard)

    def _go_round(self, number: int, shard: S, round_: int, hand: Hand[T], runner: asyncio.Runner) -> None:
        """Work on what is due of a shard in a round."""
        due = shard.due(round_, self._inputs(number))
        first = next(due, None)
        if first is None:
            return
        if self.header.since is None:
            self._ledger.note(replace(self.header, since=time.time()))
        self._ledger.note_shard(number, replace(self._ledger.shards[number], round=round_))
        gate = self._gate(number, shard)
        try:
            runner.run(work_on(chain([first], due), hand, gate, self._hands))
        except ArtificerError as error:
            if not error.retryable:
                self._write(number, shard)  # whoever mends it may look at what there is
            raise
        if self._is_ended:
            raise ArtificerError("The task was ended before its run was.", retryable=True)
        if gate.stop is not None:
            self.log.warning("The run is stopped (%s): no further item is begun.", gate.stop)
            self._ledger.note(replace(self.header, stopping=gate.stop))

    def _gate(self, number: int, shard: S) -> _Gate[T]:
        left = cost_left(self._policy, self._ledger.shards)
        return _Gate(
            shard=shard,
            # Refused to a try that was superseded: it pays for nothing more.
            fence=lambda: self._ledger.note_shard(number, self._ledger.shards[number]),
            left=None if left is None else left - shard.cost,
            needs_prices=left is not None and needs_prices(self._policy),
            is_late=self._is_late,
            is_ended=lambda: self._is_ended,
            progress=self._progress,
        )

    def _taken_up(self, number: int) -> S:
        shard = self._shard(number)
        others = sum(other.shard.count for other in self._ledger.shards if other.landed is not None)
        self._progress.go_on(others + shard.rows_made, self.header.items)
        return shard

    def _inputs(self, number: int) -> Iterator[Item]:
        shard = self._ledger.shards[number].shard
        return (read.item for read in islice(self._asked.source.read(shard.place), shard.count))

    def _land_the_rest(self) -> None:
        """Land the shards of a run that was stopped, as far as they came."""
        for number, record in enumerate(self._ledger.shards):
            if record.landed is None:
                with closing(self._taken_up(number)) as shard:
                    self._land_shard(number, shard)

    def _land_shard(self, number: int, shard: S) -> None:
        landed = self._write(number, shard)
        landed = replace(landed, size=self._landing.sizes.get(landed.file))
        self._ledger.note_shard(number, replace(self._ledger.shards[number], landed=landed))


class _Progress:
    """Tells the log how many items have a row, each tenth of them."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._told = 0
        self.rows = 0
        self._items = 0

    def go_on(self, rows: int, items: int) -> None:
        """Begin with what was there before."""
        self.rows, self._items = rows, items
        self._told = 10 * rows // items

    def add(self, rows: int) -> None:
        """Count rows that were made."""
        self.rows += rows
        tenths = 10 * self.rows // self._items
        if tenths > self._told:
            self._told = tenths
            self._log.info("%d of %d items have a row (%d %%).", self.rows, self._items, 10 * tenths)


@dataclass
class _Gate(Generic[T]):
    """
    Lets an item through while the terms of the run allow it, and writes down what came of it.

    :param fence: called before more is paid for; raises in a try that was superseded.
    :param left: US dollars that may still be spent; None for no limit.
    :param stop: why no further item was begun, where there was one.
    """

    shard: Shard[T]
    fence: Callable[[], None]
    left: float | None
    needs_prices: bool
    is_late: Callable[[], bool]
    is_ended: Callable[[], bool]
    progress: _Progress
    stop: Outcome | None = None
    _is_unpriced: bool = False

    def may_begin(self) -> bool:
        """Say whether one more may be begun."""
        if self.stop is None:
            self.stop = self._why_not()
        return self.stop is None and not self.is_ended()

    def before_block(self) -> None:
        """Make sure that this try is still the task's."""
        self.fence()

    def done(self, item: T) -> Callable[[], None] | None:
        """Write an item's row down, and count what it cost."""
        before = self.shard.rows_made
        spent = self.shard.add(item)
        self.progress.add(self.shard.rows_made - before)
        self._is_unpriced |= spent.is_unpriced
        if self.left is not None:
            self.left -= spent.cost
        return self.shard.due_to_write()

    def _why_not(self) -> Outcome | None:
        if self.is_late():
            return Outcome.DEADLINE
        if self.needs_prices and self._is_unpriced:
            return Outcome.UNPRICED
        return Outcome.BUDGET if self.left is not None and self.left <= 0 else None
