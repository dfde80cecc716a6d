"""A run whose items are worked on here, a call for each phase, on an engine whose batches do not serve."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from artificer_provider.batch.chain import Chained, Chaining, check_dialect, check_work, total
from artificer_provider.batch.record import Landed, Outcome
from artificer_provider.batch.results import Tally
from artificer_provider.batch.spending import cost_left, needs_prices
from artificer_provider.client.errors import ArtificerError
from artificer_provider.client.states import ItemStatus
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.operators._chain_rows import Shard
from artificer_provider.operators._chain_work import Engine, work_on
from artificer_provider.operators._errors import told_to_airflow
from artificer_provider.operators._leg import concluded
from artificer_provider.operators._run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow.sdk.types import Logger

    from artificer_provider.batch.plan import Item, Json
    from artificer_provider.client import AsyncArtificer
    from artificer_provider.operators._asked import Asked
    from artificer_provider.operators._chain_rows import ChainRow
    from artificer_provider.operators._landing import Landing
    from artificer_provider.operators._ledger import Ledger


def run_by_chain(
    *, asked: Asked, ledger: Ledger, landing: Landing, log: Logger, chaining: Chaining | None = None
) -> dict[str, Json]:
    """
    Run the items of a task through its phases, a call for each, and land their rows.

    :param chaining: how; unless given with as many items at once as the options say.
    :return: the manifest, in short.
    :raises AirflowException: when a retry may help.
    :raises AirflowFailException: when it cannot, or must not.
    """
    run = ChainRun(asked=asked, ledger=ledger, landing=landing, log=log, chaining=chaining)
    return run.to_the_end()


class ChainRun(Run):
    """A run by chain, as one leg on a worker sees it: it is worked on to its end."""

    def __init__(
        self,
        *,
        asked: Asked,
        ledger: Ledger,
        landing: Landing,
        log: Logger,
        chaining: Chaining | None = None,
        permanent: type[AirflowException] = AirflowFailException,
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
        options = asked.work.options
        self._chaining = chaining or Chaining(options.concurrency or Chaining().concurrency)
        self._progress = _Progress(log)
        self._permanent = permanent
        self._is_ended = False

    def to_the_end(self) -> dict[str, Json]:
        """
        Try once; see :func:`run_by_chain`.

        :return: the manifest, in short.
        """
        with self.client, told_to_airflow(self.kept, self._permanent):
            check_work(self._asked.work)
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
                    self._work(Engine(client, self._asked.work, self._chaining), runner)
                finally:
                    runner.run(client.aclose())
        self._land_the_rest()
        return True

    async def _opened(self) -> AsyncArtificer:
        client = await ArtificerHook(self._asked.conn_id).get_async_conn()
        try:
            await client.health()  # and learn how it speaks
            check_dialect(self._asked.work, client.dialect)
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

    def _work(self, engine: Engine, runner: asyncio.Runner) -> None:
        """Work on one shard after the other, until one stops the run."""
        for number in filter(self._is_open, range(len(self._ledger.shards))):
            record = self._ledger.shards[number]
            if record.landed is not None:
                self.log.info("%d items of shard %d are done over.", record.unsuccessful, number + 1)
                record = replace(record, round=record.round + 1, landed=None)
                self._ledger.note_shard(number, record)
            with self._shard(number) as shard:
                for round_ in range(record.round, self._rounds + 1):
                    if self.header.stopping is not None:
                        return
                    self._go_round(number, shard, round_, engine, runner)
                self._land_shard(number, shard)

    def _go_round(
        self, number: int, shard: Shard, round_: int, engine: Engine, runner: asyncio.Runner
    ) -> None:
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
            runner.run(work_on(chain([first], due), engine, gate, self._chaining.concurrency))
        except ArtificerError as error:
            if not error.retryable:
                self._write(number, shard)  # whoever mends it may look at what there is
            raise
        if self._is_ended:
            raise ArtificerError("The task was ended before its run was.", retryable=True)
        if gate.stop is not None:
            self.log.warning("The run is stopped (%s): no further item is begun.", gate.stop)
            self._ledger.note(replace(self.header, stopping=gate.stop))

    def _gate(self, number: int, shard: Shard) -> _Gate:
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

    def _shard(self, number: int) -> Shard:
        record = self._ledger.shards[number]
        mark = f"{number:04}-{record.shard.fingerprint[:16]}-g{record.generation}"
        shard = Shard(self._landing.parts(mark), self._phases)
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
                with self._shard(number) as shard:
                    self._land_shard(number, shard)

    def _land_shard(self, number: int, shard: Shard) -> None:
        landed = self._write(number, shard)
        self._ledger.note_shard(number, replace(self._ledger.shards[number], landed=landed))

    def _write(self, number: int, shard: Shard) -> Landed:
        tally = Tally(self._phases, self._asked.first + self._ledger.shards[number].shard.first)
        costs: dict[str, float | None] = {}
        rows = tally.records(_priced(shard.rows(self._inputs(number)), costs))
        return Landed(
            file=self._landing.write_rows(number, self.header.shards, rows),
            counts={status.value: count for status, count in tally.counts.items()},
            cost=tally.cost,
            tokens=tally.tokens,
            models=sorted(tally.models),
            failures=tally.first_failures,
            phase_costs=costs,
        )


def _priced(rows: Iterable[ChainRow], costs: dict[str, float | None]) -> Iterator[ChainRow]:
    """Add up what each phase cost, while rows pass."""
    for row in rows:
        for phase, cost in row.phase_costs.items():
            costs[phase] = total([costs.get(phase, 0.0), cost])
        yield row


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
class _Gate:
    """
    Lets an item through while the terms of the run allow it, and writes down what came of it.

    :param fence: called before more is paid for; raises in a try that was superseded.
    :param left: US dollars that may still be spent; None for no limit.
    :param stop: why no further item was begun, where there was one.
    """

    shard: Shard
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

    def answered(self, item: Chained) -> None:
        """Write down how far an item has come: what was paid for it is not paid again."""
        self.shard.add(item, is_whole=False)

    def done(self, item: Chained) -> Callable[[], None] | None:
        """Write an item's row down, and count what it cost."""
        before = self.shard.rows_made
        row = self.shard.add(item, is_whole=True)
        self.progress.add(self.shard.rows_made - before)
        self._is_unpriced |= row.status is ItemStatus.COMPLETED and row.cost_incurred is None
        if self.left is not None:
            self.left -= (row.cost_incurred or 0.0) - (item.paid.cost or 0.0)
        return self.shard.due_to_write()

    def _why_not(self) -> Outcome | None:
        if self.is_late():
            return Outcome.DEADLINE
        if self.needs_prices and self._is_unpriced:
            return Outcome.UNPRICED
        return Outcome.BUDGET if self.left is not None and self.left <= 0 else None
