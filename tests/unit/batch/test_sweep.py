"""How many calls it takes to see the watched jobs: against an engine that is a list."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer_provider.batch.sweep import (
    SOONEST,
    Changes,
    PageRead,
    Pages,
    Sight,
    Singles,
    depth,
    interval,
    listed,
)
from artificer_provider.client.states import JobStatus

RUNNING, COMPLETED = JobStatus.RUNNING, JobStatus.COMPLETED
BUDGET = 80


@dataclass(frozen=True)
class Row:
    id: str
    status: JobStatus = RUNNING


@dataclass(frozen=True)
class Told:
    jobs: list[Row]
    deleted: list[Row]
    next_cursor: str
    has_more: bool


@dataclass
class Engine:
    """
    :param jobs: newest first.
    :param feed: what changed, oldest first; None where no changes are told.
    """

    jobs: list[Row]
    feed: list[Row] | None = None
    deleted: list[Row] = field(default_factory=list)
    knows_cursors: bool = True
    asked: list[Any] = field(default_factory=list)
    read: dict[str, Row] = field(default_factory=dict)

    def look(self, sight: Sight, most: int | None = BUDGET, *, whole: bool = True) -> dict[str, Row]:
        """Carry a look out; give what was read of which job."""
        self.asked, self.read = [], {}
        steps, answer = sight.look(most, whole=whole), None
        while True:
            try:
                ask = steps.send(answer)
            except StopIteration:
                return self.read
            self.asked.append(ask)
            answer = self.answer(ask)

    def answer(self, ask: Any) -> Any:
        if isinstance(ask, Pages):
            return [self.page(status, offset) for status, offset in ask.places]
        if isinstance(ask, Singles):
            self.read |= {row.id: row for row in self.jobs if row.id in ask.job_ids}
            return set()
        if not self.knows_cursors:
            return None
        assert self.feed is not None
        begin = int(ask.cursor)
        told = self.feed[begin : begin + 100]
        self.read |= {row.id: row for row in told}
        gone, self.deleted = self.deleted, []
        return Told(told, gone, str(begin + len(told)), begin + len(told) < len(self.feed))

    def page(self, status: JobStatus | None, offset: int) -> PageRead:
        found = [row for row in self.jobs if status in (None, row.status)]
        rows = found[offset : offset + 100]
        self.read |= {row.id: row for row in rows}
        return PageRead(
            [row.id for row in rows], len(found), None if self.feed is None else str(len(self.feed))
        )

    def end(self, *job_ids: str) -> None:
        self.jobs = [replace(row, status=COMPLETED) if row.id in job_ids else row for row in self.jobs]


def ids(count: int, prefix: str = "j") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def rows(job_ids: list[str], status: JobStatus = RUNNING) -> list[Row]:
    return [Row(job_id, status) for job_id in reversed(job_ids)]


def watching(*job_ids: str) -> Sight:
    sight = Sight()
    for job_id in job_ids:
        sight.watch(job_id)
    return sight


def by_id(engine: Engine) -> list[str]:
    return [job_id for ask in engine.asked if isinstance(ask, Singles) for job_id in ask.job_ids]


def test_a_thousand_jobs_that_were_just_made_are_seen_with_ten_pages() -> None:
    mine = ids(1000)
    engine, sight = Engine(rows(mine)), watching(*mine)
    for _ in range(3):
        assert set(engine.look(sight)) >= set(mine)
        assert (len(engine.asked), sight.calls) == (1, 10)


def test_a_job_that_ended_is_seen_on_the_same_pages() -> None:
    mine = ids(1000)
    engine, sight = Engine(rows(mine)), watching(*mine)
    engine.look(sight)
    engine.end("j3", "j700")
    read = engine.look(sight)
    assert [job_id for job_id in mine if read[job_id].status is COMPLETED] == ["j3", "j700"]
    assert sight.calls == 10


def test_jobs_that_are_forgotten_as_soon_as_they_are_seen_to_have_ended_are_not_sought() -> None:
    mine = ids(1000)
    engine, sight = Engine(rows(mine)), watching(*mine)
    engine.look(sight)
    engine.end(*mine[100:120])
    steps = sight.look(BUDGET)
    pages = engine.answer(steps.send(None))
    for job_id in mine[100:120]:
        sight.forget(job_id)
    with pytest.raises(StopIteration):
        steps.send(pages)


def test_few_jobs_are_read_by_their_ids() -> None:
    mine = ids(5)
    others = ids(900, "other")
    engine, sight = Engine(rows(mine + others)), watching(*mine)
    assert set(engine.look(sight)) >= set(mine)
    assert set(engine.look(sight)) == set(mine)
    assert sorted(by_id(engine)) == mine
    assert sight.calls == 5


def test_jobs_between_many_of_others_are_found() -> None:
    mine = ids(150)
    others = ids(700, "other")
    engine, sight = Engine(rows(mine + others)), watching(*mine)
    assert set(engine.look(sight)) >= set(mine)
    assert sight.calls < 60
    engine.look(sight)
    assert set(engine.look(sight)) >= set(mine)
    assert sight.calls == 9


def test_jobs_that_others_push_down_are_seen_all_the_same() -> None:
    mine = ids(300)
    engine, sight = Engine(rows(mine)), watching(*mine)
    engine.look(sight)
    for burst in range(5):
        engine.jobs = rows(ids(130, f"new{burst}-")) + engine.jobs
        assert set(engine.look(sight)) >= set(mine)
        assert sight.calls <= 3 + 2 * (burst + 1) + 2


def test_what_lies_deep_below_ended_jobs_is_read_off_the_lists_by_status() -> None:
    mine = ids(60)
    engine, sight = Engine(rows(mine)), watching(*mine)
    engine.look(sight)
    engine.jobs = rows(ids(4000, "other"), COMPLETED) + engine.jobs
    for _ in range(4):
        engine.look(sight)
    assert set(engine.look(sight)) >= set(mine)
    assert sight.calls == 3
    assert {status for ask in engine.asked for status, _ in ask.places} == {
        RUNNING,
        JobStatus.PENDING,
        JobStatus.PAUSED,
    }


def test_a_job_that_is_missed_on_them_is_read_by_its_id() -> None:
    """It may have ended, or have moved to a page that was read already: a row has moved up meanwhile."""
    mine = ids(60)
    engine, sight = Engine(rows(ids(4000, "other"), COMPLETED) + rows(mine)), watching(*mine)
    for _ in range(4):
        engine.look(sight)
    assert None not in {status for ask in engine.asked for status, _ in ask.places}
    engine.end("j7")
    assert engine.look(sight)["j7"].status is COMPLETED
    assert by_id(engine) == ["j7"]


def test_never_more_are_read_by_their_ids_at_once_than_half_of_the_budget() -> None:
    mine = ids(500)
    engine, sight = Engine([]), watching(*mine)
    seen: set[str] = set()
    for _ in range(14):
        engine.look(sight)
        assert len(by_id(engine)) <= BUDGET / 2
        seen |= set(by_id(engine))
    assert seen == set(mine), "each has its turn"


def test_an_engine_that_tells_changes_is_asked_for_them_and_nothing_else() -> None:
    mine = ids(1000)
    engine, sight = Engine(rows(mine), feed=[Row("x")] * 50), watching(*mine)
    assert set(engine.look(sight, None)) >= set(mine)
    assert sight.calls == 10
    assert engine.look(sight, None) == {}
    assert engine.asked == [Changes("50")]
    assert engine.feed is not None
    engine.feed += [Row(job_id, COMPLETED) for job_id in mine[:250]]
    assert len(engine.look(sight, None)) == 250
    assert engine.asked == [Changes("50"), Changes("150"), Changes("250")]


def test_who_joins_then_is_read_once() -> None:
    mine = ids(10)
    engine, sight = Engine(rows(mine), feed=[]), watching(*mine)
    engine.look(sight, None)
    sight.watch("j3")
    assert set(engine.look(sight, None, whole=False)) == {"j3"}
    assert engine.asked == [Changes("0"), Singles(("j3",))]
    assert engine.look(sight, None) == {}


def test_what_could_not_be_read_is_read_again() -> None:
    engine, sight = Engine([], feed=[]), watching("j1")
    engine.look(sight, None)
    sight.watch("j2")
    steps = sight.look(None)
    steps.send(None)
    assert steps.send(Told([], [], "0", has_more=False)) == Singles(("j2",))
    with pytest.raises(StopIteration):
        steps.send({"j2"})
    engine.look(sight, None)
    assert by_id(engine) == ["j2"]


def test_a_deleted_job_is_looked_up_before_it_counts_as_gone() -> None:
    engine, sight = Engine(rows(ids(3)), feed=[]), watching("j0", "j1")
    engine.look(sight, None)
    engine.deleted = [Row("j1"), Row("j2")]
    engine.look(sight, None)
    assert by_id(engine) == ["j1"]


def test_after_a_cursor_that_is_not_known_any_more_all_are_read_again() -> None:
    mine = ids(300)
    engine, sight = Engine(rows(mine), feed=[]), watching(*mine)
    engine.look(sight, None)
    engine.knows_cursors = False
    assert set(engine.look(sight, None)) == set(mine)
    assert engine.asked == [Changes("0"), Pages(listed(0, 3))]
    engine.knows_cursors = True
    engine.look(sight, None)
    assert engine.asked == [Changes("0")]


def test_what_nobody_watches_any_more_is_not_asked_for() -> None:
    engine, sight = Engine(rows(ids(3))), watching("j0", "j1")
    engine.look(sight)
    sight.forget("j0")
    engine.look(sight)
    assert by_id(engine) == ["j1"] or sight.calls == 1
    sight.forget("j1")
    engine.look(sight)
    assert engine.asked == []


@given(places=st.lists(st.none() | st.integers(0, 3000), max_size=60), least=st.integers(0, 1))
def test_the_depth_is_the_cheapest_there_is(places: list[int | None], least: int) -> None:
    def cost(pages: int) -> int:
        return pages + sum(1 for place in places if place is None or place >= 100 * pages)

    pages, calls = depth(places, least)
    assert calls == cost(pages) == min(cost(each) for each in range(least, 32))


@given(
    steps=st.lists(st.tuples(st.integers(0, 150), st.lists(st.integers(0, 119), max_size=20)), max_size=6),
    feeds=st.sampled_from([None, ()]),
)
def test_whatever_happens_each_job_is_seen_as_it_is(steps: list[tuple[int, list[int]]], feeds: Any) -> None:
    mine = ids(120)
    engine, sight = Engine(rows(mine), feed=None if feeds is None else []), watching(*mine)
    seen: dict[str, JobStatus] = {}
    for step, (made, ended) in enumerate(steps):
        engine.jobs = rows(ids(made, f"new{step}-")) + engine.jobs
        now_ended = [f"j{number}" for number in ended]
        engine.end(*now_ended)
        if engine.feed is not None:
            engine.feed += [row for row in engine.jobs if row.id in now_ended]
        seen |= {row.id: row.status for row in engine.look(sight, None).values()}
        stand = {row.id: row.status for row in engine.jobs if row.id in mine}
        assert stand == {job_id: seen[job_id] for job_id in mine}


def test_a_sweep_comes_no_sooner_than_the_budget_allows() -> None:
    assert all(4.5 <= interval(5.0, 1, None, None) <= 5.5 for _ in range(50))
    assert interval(5.0, 9, 80, None) == 7.5
    assert interval(5.0, 72, 80, None) == 60.0


def test_what_is_about_to_end_is_looked_at_sooner() -> None:
    assert interval(30.0, 1, None, 4.0) == 4.0
    assert interval(30.0, 1, None, 0.0) == SOONEST
    assert interval(30.0, 1, None, 1000.0) >= 27.0
    assert interval(30.0, 9, 80, 0.0) == 7.5


@pytest.mark.parametrize("feed", [None, []], ids=["sweeps", "changes"])
def test_who_joins_while_a_page_is_under_way_is_looked_at_the_next_time(feed: list[Row] | None) -> None:
    """The page may have been told to whoever watched by then, and the job never changes again."""
    engine = Engine([Row("late", COMPLETED), Row("early")], feed)
    sight = Sight()
    sight.watch("early")
    steps = sight.look(BUDGET)
    pages = engine.answer(next(steps))
    sight.watch("late")
    with pytest.raises(StopIteration):
        steps.send(pages)
    assert sight.has_new
    assert engine.look(sight, whole=False) == {"late": Row("late", COMPLETED)}


def test_who_joins_again_while_it_is_read_is_looked_at_the_next_time() -> None:
    engine = Engine([Row("one", COMPLETED)])
    sight = Sight()
    for number in range(3):  # so that it is read by its id
        sight.watch(f"deep {number}")
    engine.look(sight)
    sight.watch("one")
    steps = sight.look(BUDGET, whole=False)
    ask = next(steps)
    answer = engine.answer(ask)
    sight.forget("one")
    sight.watch("one")
    with pytest.raises(StopIteration):
        steps.send(answer)
    assert sight.has_new
