"""A run whose items are worked on here, a call for each phase, on an engine whose batches do not serve."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from artificer_provider.batch.chain import Chained, Chaining, check_dialect, check_work, total
from artificer_provider.batch.record import Landed
from artificer_provider.batch.results import Tally
from artificer_provider.operators._chain_rows import Shard
from artificer_provider.operators._chain_work import Engine
from artificer_provider.operators._worked import WorkedRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow.sdk.types import Logger

    from artificer_provider.batch.plan import Json
    from artificer_provider.client import AsyncArtificer
    from artificer_provider.operators._asked import Asked
    from artificer_provider.operators._chain_rows import ChainRow
    from artificer_provider.operators._hands import Hand
    from artificer_provider.operators._landing import Landing
    from artificer_provider.operators._ledger import Ledger


def run_by_chain(
    *, asked: Asked, ledger: Ledger, landing: Landing, log: Logger, permanent: type[AirflowException]
) -> dict[str, Json]:
    """
    Run the items of a task through its phases, a call for each, and land their rows.

    :param permanent: what a failure that waiting does not mend is raised as.
    :return: the manifest, in short.
    :raises AirflowException: when a retry may help.
    :raises AirflowFailException: when it cannot, or must not.
    """
    run = ChainRun(asked=asked, ledger=ledger, landing=landing, log=log, permanent=permanent)
    return run.to_the_end()


class ChainRun(WorkedRun[Chained, Shard]):
    """A run by chain."""

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
        self._chaining = chaining or Chaining(asked.work.options.concurrency or Chaining().concurrency)
        super().__init__(
            asked=asked,
            ledger=ledger,
            landing=landing,
            log=log,
            hands=self._chaining.concurrency,
            permanent=permanent,
        )

    def begin(self) -> None:
        """Begin a try, of what calls of a chain carry."""
        check_work(self._asked.work)
        super().begin()

    async def _meet(self, client: AsyncArtificer) -> None:
        await client.health()  # and learn how it speaks
        check_dialect(self._asked.work, client.dialect)

    def _hand_for(self, client: AsyncArtificer) -> Callable[[Shard], Hand[Chained]]:
        engine = Engine(client, self._asked.work, self._chaining)
        return lambda shard: partial(engine.chain, answered=shard.answered)

    def _shard(self, number: int) -> Shard:
        record = self._ledger.shards[number]
        mark = f"{number:04}-{record.shard.fingerprint[:16]}-g{record.generation}"
        return Shard(self._landing.parts(mark), self._phases)

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
