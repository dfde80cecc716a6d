"""What a run came to, out of its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.batch.layout import Shard
from artificer_provider.batch.policy import allowed_of
from artificer_provider.batch.record import Header, Landed, Outcome, ShardRecord
from artificer_provider.batch.results import RowStatus, Tally
from artificer_provider.operators._landing import Manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.client import Artificer
    from artificer_provider.operators._landing import Landing


def manifest_of(
    run: str, path: str, header: Header, records: Sequence[ShardRecord], allowed: int
) -> Manifest:
    """
    Put together what a run came to.

    :param run: the digest of its key.
    :param path: the folder of its rows.
    :param allowed: how many items may be without a good answer.
    """
    landed = [record.landed for record in records if record.landed]
    counts = {status.value: sum(one.counts.get(status, 0) for one in landed) for status in RowStatus}
    counts[RowStatus.UNPROCESSED] += header.items - sum(counts.values())
    too_many = header.items - counts[RowStatus.SUCCEEDED] > allowed
    outcome = header.stopping or (Outcome.FAILED if too_many else Outcome.SUCCEEDED)
    return Manifest(
        run=run,
        path=path,
        outcome=outcome.value,
        files=[one.file for one in landed],
        job_ids=[job for record in records for job in record.jobs],
        items=header.items,
        counts=counts,
        cost=_total([one.cost for one in landed]),
        tokens=_whole(_total([one.tokens for one in landed])),
        models=sorted({model for one in landed for model in one.models}),
        rounds=header.rounds,
        estimate=None if header.estimate is None else header.estimate.to_json(),
        phase_costs={
            name: _total([one.phase_costs.get(name, 0.0) for one in landed])
            for name in dict.fromkeys(name for one in landed for name in one.phase_costs)
        },
        rows=sum(sum(one.counts.values()) for one in landed),
        size=_whole(_total([one.size for one in landed])),
    )


def landed_as(file: str, tally: Tally, size: int | None) -> Landed:
    """
    Put together what a file of rows came to, once all of them have passed.

    :param size: its bytes.
    """
    return Landed(
        file=file,
        counts={status.value: count for status, count in tally.counts.items()},
        cost=tally.cost,
        tokens=tally.tokens,
        models=sorted(tally.models),
        failures=tally.first_failures,
        size=size,
    )


def land_job(
    client: Artificer,
    landing: Landing,
    job_id: str,
    phases: tuple[str, ...],
    max_failed: int | float,  # noqa: PYI041 - see Policy
) -> tuple[Manifest, list[str]]:
    """
    Land the rows that a job has, and say what they come to, with the first reasons of failures.

    :param phases: the names of its phases, each of which a good row has an answer of.
    """
    job = client.batch.get(job_id)
    tally = Tally(phases)
    file = landing.write_rows(0, 1, tally.records(client.batch.iter_results(job_id)))
    landed = landed_as(file, tally, landing.sizes.get(file))
    record = ShardRecord(Shard(0, job.total_items, 0, ""), job_id=job_id, landed=landed)
    header = Header("", "", 1, job.total_items)
    allowed = allowed_of(max_failed, job.total_items)
    return manifest_of(landing.run, landing.path, header, [record], allowed), landed.failures


def _total(parts: list[float | None] | list[int | None]) -> float | None:
    """Add what is known of every part; unknown when one is not, never too small."""
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
