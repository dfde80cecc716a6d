from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artificer_provider.batch.layout import FRAME_BYTES, Bounds, Shard, gathered, lay_out, lot_of
from artificer_provider.batch.plan import Item, Options, Phase, Work
from artificer_provider.batch.sources import Listed
from artificer_provider.client.errors import ConfigurationError

WORK = Work((Phase("p", task_type="qa"),), Options(concurrency=2))
TEXTS = [f"text {number}" for number in range(25)]
#: What a body holds besides its items, and what it could.
AROUND = FRAME_BYTES + len('{"name":"p","task_type":"qa"}') + 1 + len('{"concurrency":2}') + 1


def shards(texts: list[object], **bounds: int) -> list[tuple[int, int]]:
    layout = lay_out(Listed(texts), WORK, Bounds(**bounds))
    return [(shard.first, shard.count) for shard in layout.shards]


def test_a_run_is_cut_by_the_number_of_its_items() -> None:
    assert shards([*TEXTS], items=10) == [(0, 10), (10, 10), (20, 5)]
    assert shards([*TEXTS], items=25) == [(0, 25)]


def test_and_by_their_bytes() -> None:
    line = len(json.dumps({"input": "x" * 100}, separators=(",", ":"))) + 1
    assert shards(["x" * 100] * 5, bytes=AROUND + 2 * line) == [(0, 2), (2, 2), (4, 1)]


def test_an_item_that_fits_into_no_job_is_named() -> None:
    with pytest.raises(
        ConfigurationError, match="Item 1 takes 513 bytes; a job of this engine takes 300 besides"
    ):
        shards(["x", "x" * 500], bytes=AROUND + 300)


def test_phases_that_leave_no_room_for_an_item_are_told() -> None:
    with pytest.raises(
        ConfigurationError, match="The phases take 48 bytes; a job of this engine takes 2,000"
    ):
        shards(["x"], bytes=2_000)


def test_a_run_without_items_is_none() -> None:
    with pytest.raises(ConfigurationError, match="There are no items"):
        lay_out(Listed([]), WORK, Bounds())


def test_a_shard_is_read_again_from_its_own_place() -> None:
    layout = lay_out(Listed(TEXTS), WORK, Bounds(items=10))
    assert [item["input"] for item in lot_of(Listed(TEXTS), layout.shards[1], WORK).items] == TEXTS[10:20]


def test_a_shard_whose_items_changed_is_not_billed_for_others() -> None:
    layout = lay_out(Listed(TEXTS), WORK, Bounds(items=10))
    changed = [*TEXTS]
    changed[15] = "other"
    assert len(lot_of(Listed(changed), layout.shards[0], WORK).items) == 10
    with pytest.raises(ConfigurationError, match="The items from 10 on are not those that this run began"):
        lot_of(Listed(changed), layout.shards[1], WORK)
    with pytest.raises(ConfigurationError, match="The items from 20 on"):
        lot_of(Listed(TEXTS[:-1]), layout.shards[2], WORK)


def test_what_is_billed_decides_the_fingerprint_and_how_it_is_cut_does_not() -> None:
    whole = lay_out(Listed(TEXTS), WORK, Bounds()).fingerprint
    assert lay_out(Listed(TEXTS), WORK, Bounds(items=3)).fingerprint == whole
    others = [
        lay_out(Listed(TEXTS[::-1]), WORK, Bounds()),
        lay_out(Listed(TEXTS[:-1]), WORK, Bounds()),
        lay_out(Listed([{"input": TEXTS[0], "metadata": {"k": 1}}, *TEXTS[1:]]), WORK, Bounds()),
        lay_out(Listed(TEXTS), replace(WORK, phases=(Phase("p"),)), Bounds()),
        lay_out(Listed(TEXTS), replace(WORK, options=Options()), Bounds()),
    ]
    assert len({whole, *(other.fingerprint for other in others)}) == 6


def test_the_fingerprint_of_one_shard_is_the_one_of_the_release_before() -> None:
    """A run that it began is gone on with."""
    digest = hashlib.sha256()
    for part in ({"input": "a"}, {"name": "p", "task_type": "qa"}, {"concurrency": 2}):
        digest.update(json.dumps(part, sort_keys=True, separators=(",", ":")).encode() + b"\0")
    layout = lay_out(Listed([Item("a")]), WORK, Bounds())
    assert layout.fingerprint == layout.shards[0].fingerprint == digest.hexdigest()


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text(), st.none() | st.dictionaries(st.text(), values))
@example(
    'quote " and \\ and \x7f\u2028\ud800\U0001f600', {"ü": [1e-7, 1e300, -0.0, 2**70], "": {"b": 1, "a": 2}}
)
@example("x", {})
def test_the_fingerprint_of_any_item_is_the_one_of_the_release_before(
    text: str, metadata: dict[str, Any] | None
) -> None:
    wire = {"input": text} if metadata is None else {"input": text, "metadata": metadata}
    digest = hashlib.sha256()
    for part in (wire, {"name": "p", "task_type": "qa"}, {"concurrency": 2}):
        digest.update(json.dumps(part, sort_keys=True, separators=(",", ":")).encode() + b"\0")
    lot = gathered([Item(text, metadata)], WORK)
    assert lot.fingerprint == digest.hexdigest()
    assert lot.items == [wire]


def test_a_shard_outlives_the_release_that_wrote_it() -> None:
    shard = Shard(10, 5, 321, "print")
    assert Shard.from_json(json.loads(json.dumps({**shard.to_json(), "of_a_newer_release": 1}))) == shard
