"""The records of one run, as they are kept: read once, and written before each step that can bill."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from artificer_provider.batch.identity import JobKey, RunKey
from artificer_provider.batch.record import (
    HEADER,
    Canary,
    Header,
    ShardRecord,
    from_first_release,
    shard_key,
)
from artificer_provider.operators._store import ClosedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from artificer_provider.batch.layout import Layout
    from artificer_provider.operators._store import RunStore


class Ledger:
    """
    What is known of a run.

    :param store: where it is kept.
    :param run: whose records these are.
    :param show: shows people the jobs, by the connection they are made with; it never raises.
    """

    def __init__(
        self, store: RunStore, run: RunKey, show: Callable[[str, Sequence[str]], None] | None = None
    ) -> None:
        self._store = store
        self.run = run
        self._show = show
        self.header: Header | None = None
        self.shards: list[ShardRecord] = []
        #: Whether an earlier try may have made jobs that are not written down here.
        self.may_have_forgotten = not store.outlives_a_try
        self.max_tries = store.max_tries
        self._load()

    def open(self, conn_id: str, layout: Layout, generation: int = 0) -> None:
        """
        Write down how a run is laid out, before anything is made.

        :param generation: of its jobs: beyond those of a run of this task that was given up.
        """
        # The header last: where it stands, all shards do.
        self._write_shards(layout, generation)
        # A canary job that may be there still is cleared away, also where the run begins anew.
        left = Canary.SENT if self.header is not None and self.header.canary is Canary.SENT else None
        shards, items = len(layout.shards), layout.items
        self.note(Header(conn_id, layout.fingerprint, shards, items, layout.chars, canary=left))

    def lay_out_anew(self, header: Header, layout: Layout) -> None:
        """
        Write down another layout of a run that has no job yet.

        :param header: what holds for the run from now on, but for the number of shards.
        """
        generation = self.next_generation
        # A try that dies among the shards leaves no mixture: without a number of shards none of them counts.
        self.note(replace(header, shards=0))
        self._write_shards(layout, generation)
        self.note(replace(header, shards=len(layout.shards)))

    def note(self, header: Header) -> None:
        """Write down what holds for the whole run."""
        self._store.set(HEADER, header.to_json())
        self.header = header

    def note_shard(self, number: int, record: ShardRecord) -> None:
        """Write down what is known of a shard. A try that was superseded ends here."""
        had = self.shards[number].jobs
        self._store.set(shard_key(number), record.to_json())
        self.shards[number] = record
        if record.jobs != had:
            self.show_jobs()

    def close(self, why: str) -> None:
        """Let nothing follow that has to be written down before, and so nothing that bills."""
        self._store = ClosedStore(why)

    def key(self, number: int, fingerprint: str) -> JobKey:
        """Identify the job of a shard's present round."""
        record = self.shards[number]
        return JobKey(
            self.run, fingerprint, record.generation, record.round, number, max(1, len(self.shards))
        )

    @property
    def begun(self) -> Header:
        """What holds for the whole run, which has begun."""
        if self.header is None:
            raise RuntimeError("the run has not begun")
        return self.header

    @property
    def has_jobs(self) -> bool:
        """Whether a job of the run is there, as far as it is known here."""
        return any(record.jobs for record in self.shards)

    @property
    def job_ids(self) -> list[str]:
        """Every job of the run that is written down."""
        return [job for record in self.shards for job in record.jobs]

    def show_jobs(self) -> None:
        """Show people the jobs there are, which the begin of a try takes from their sight."""
        if self._show is not None and (jobs := self.job_ids):
            self._show(self.begun.conn_id, jobs)

    @property
    def next_generation(self) -> int:
        """The generation of jobs that no job of this run has had."""
        return max((record.generation for record in self.shards), default=-1) + 1

    def take_over(self, layout: Layout) -> None:
        """Complete the record of a run that a release without shards began."""
        if self.header is not None and self.header.items == 0 and len(layout.shards) == 1:
            self.note_shard(0, replace(self.shards[0], shard=layout.shards[0]))
            self.note(replace(self.header, items=layout.items, chars=layout.chars))

    def _load(self) -> None:
        stored = self._store.get(HEADER)
        if (old := from_first_release(stored)) is not None:
            self.header, self.shards = old[0], [old[1]]
            return
        header = Header.from_json(stored)
        if header is None:
            return
        found = [ShardRecord.from_json(self._store.get(shard_key(number))) for number in range(header.shards)]
        self.shards = [record for record in found if record is not None]
        self.header = header

    def _write_shards(self, layout: Layout, generation: int) -> None:
        self.shards = [ShardRecord(shard, generation) for shard in layout.shards]
        for number, record in enumerate(self.shards):
            self._store.set(shard_key(number), record.to_json())
