"""What outlives a process: read by this release whoever wrote it, and written as an older one reads it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from artificer_provider.batch.layout import Shard
from artificer_provider.batch.record import Header, Landed, Outcome, ShardRecord
from artificer_provider.batch.until import ANY_TERMINAL
from artificer_provider.batch.watch import Reason, Terms, Wake
from artificer_provider.triggers.batch import ArtificerBatchTrigger
from artificer_provider.triggers.wait import ArtificerWaitTrigger

HEADER = Header("c", "print", shards=2, items=7, since=1.5, outcome=Outcome.FAILED, max_tries=2)
RECORD = ShardRecord(
    Shard(0, 3, 30, "print"),
    job_id="j1",
    earlier=("j0",),
    landed=Landed("rows.jsonl", {"succeeded": 3}, 0.5, 9, ["small"], []),
)
NEW: dict[str, Any] = {"version": 9, "of_next_year": {"deep": [1]}}


def kept(written: object) -> dict[str, Any]:
    """Give what a store hands back: JSON."""
    found: dict[str, Any] = json.loads(json.dumps(written))
    return found


def test_the_records_of_a_newer_release_are_read_without_what_is_new_in_them() -> None:
    assert Header.from_json({**kept(HEADER.to_json()), **NEW}) == HEADER
    written = {**kept(RECORD.to_json()), **NEW}
    written["landed"] |= NEW
    assert ShardRecord.from_json(written) == RECORD


def test_so_is_the_event_of_a_newer_trigger() -> None:
    wake = Wake(Reason.STALLED, "j1", "RUNNING", "Nothing has changed.")
    assert Wake.from_json({**kept(wake.to_json()), **NEW}) == wake


@pytest.mark.parametrize(
    ("written", "job_ids"),
    [
        ({"job_id": "j1", "version": 1}, ["j1"]),
        (
            {"job_ids": ["j1", "j2"], "max_stalled": 60.0, "slots": 2, "more": True, "version": 2},
            ["j1", "j2"],
        ),
        ({"job_ids": ["j1"], **asdict(Terms(5.0, until=ANY_TERMINAL)), "version": 3}, ["j1"]),
    ],
)
def test_a_trigger_of_each_version_is_gone_on_with(written: dict[str, Any], job_ids: list[str]) -> None:
    trigger = ArtificerBatchTrigger("c", **written)
    assert [*trigger.job_ids] == job_ids
    assert trigger.serialize()[1]["version"] == 3


@pytest.mark.parametrize("kind", [ArtificerBatchTrigger, ArtificerWaitTrigger])
def test_a_trigger_with_terms_that_are_not_known_here_is_not_made(kind: type[ArtificerBatchTrigger]) -> None:
    """Airflow then fails the try, and the jobs are left; with other terms it could spend what it must not."""
    written = {**kept(kind("c", job_ids=["j1"]).serialize()[1]), "of_next_year": 1}
    with pytest.raises(TypeError, match="of_next_year"):
        kind(**written)


def test_what_is_written_has_these_names_and_no_others() -> None:
    """A name that is new here is one that an older release does not know: tell of it in the docs."""
    assert set(HEADER.to_json()) == {
        *("version", "conn_id", "fingerprint", "shards", "items", "chars", "since", "rounds", "revived"),
        *("stopping", "outcome", "max_tries", "job_bytes", "estimate", "canary"),
    }
    assert set(RECORD.to_json()) == {
        *("version", "shard", "generation", "round", "fingerprint", "job_id", "start_sent_at", "fenced"),
        *("earlier", "spent", "landed"),
    }
    assert set(ArtificerBatchTrigger("c", job_ids=["j1"]).serialize()[1]) == {
        *("artificer_conn_id", "job_ids", "poll_interval", "deadline", "max_stalled", "slots", "more"),
        *("cost_left", "needs_prices", "until", "max_unreachable", "version"),
    }
    assert set(Wake(Reason.ENDED, "j1").to_json()) == {"version", "reason", "job_id", "status", "message"}
