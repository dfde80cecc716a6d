from __future__ import annotations

import json
from dataclasses import replace

from artificer_provider.batch.estimate import Estimate
from artificer_provider.batch.layout import Shard
from artificer_provider.batch.record import Canary, Header, Landed, Outcome, ShardRecord, from_first_release

HEADER = Header("artificer_default", "print", shards=2, items=15, chars=99, since=1.5, rounds=1)
LANDED = Landed("rows", {"succeeded": 2, "failed": 1}, 0.5, 7, ["m"], ["item 2: no"])
RECORD = ShardRecord(Shard(10, 3, 321, "print"), fingerprint="print", job_id="j1", start_sent_at=2.5)


def stored(record: Header | ShardRecord) -> object:
    """Give what a store has of a record that a newer release wrote."""
    return json.loads(json.dumps({**record.to_json(), "of_a_newer_release": 1}))


def test_a_record_outlives_the_release_that_wrote_it() -> None:
    ended = replace(HEADER, outcome=Outcome.BUDGET, stopping=Outcome.DEADLINE)
    landed = replace(RECORD, landed=LANDED, earlier=("j0",), spent=None)
    assert Header.from_json(stored(HEADER)) == HEADER
    assert Header.from_json(stored(ended)) == ended
    asked = replace(HEADER, estimate=Estimate(0.5, 2.5), canary=Canary.SENT, job_bytes=450_000)
    assert Header.from_json(stored(asked)) == asked
    assert ShardRecord.from_json(stored(RECORD)) == RECORD
    assert ShardRecord.from_json(stored(landed)) == landed
    assert Header.from_json(None) is None
    assert ShardRecord.from_json(None) is None


def test_what_a_release_without_shards_began_is_gone_on_with() -> None:
    written = {"version": 1, "conn_id": "c", "fingerprint": "print", "generation": 2, "job_id": "j9"}
    found = from_first_release({**written, "start_sent_at": 3.5, "failed": False})
    assert found is not None
    header, record = found
    assert (header.conn_id, header.fingerprint, header.shards, header.outcome) == ("c", "print", 1, None)
    assert (record.job_id, record.generation, record.start_sent_at) == ("j9", 2, 3.5)
    failed = from_first_release({**written, "failed": True})
    assert failed is not None
    assert failed[0].outcome is Outcome.FAILED
    assert from_first_release(HEADER.to_json()) is None


def test_a_new_generation_knows_nothing_of_the_old_job() -> None:
    renewed = RECORD.renewed()
    assert (renewed.generation, renewed.job_id, renewed.start_sent_at) == (1, None, None)
    assert renewed.fingerprint == RECORD.fingerprint


def test_a_new_round_keeps_the_jobs_before_it_and_what_they_cost() -> None:
    again = replace(RECORD, landed=LANDED, generation=2).next_round()
    assert (again.round, again.earlier, again.spent) == (1, ("j1",), 0.5)
    assert (again.generation, again.job_id, again.fingerprint, again.landed) == (0, None, None, None)
    assert replace(again, job_id="j2").jobs == ("j1", "j2")


def test_items_without_a_good_answer_are_counted_and_so_are_those_without_a_row() -> None:
    assert RECORD.unsuccessful == 3
    assert replace(RECORD, landed=LANDED).unsuccessful == 1
