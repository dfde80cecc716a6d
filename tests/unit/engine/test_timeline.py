"""What is told of a job's course, against what plain Python makes of the same answers."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from artificer_provider.client.models.batch import BatchItem, BatchOptions, CreateBatchJob, PhaseConfig
from artificer_provider.client.states import ItemStatus
from artificer_provider.engine import calls, clock, reads, writes
from artificer_provider.engine.attempts import Asked, Call, Ending, Rules
from artificer_provider.engine.callers import LOCAL_OWNER
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.timeline import timeline

if TYPE_CHECKING:
    import sqlite3

    from artificer_provider.client.models.batch import BatchJob, TimelinePoint
    from artificer_provider.engine.store import Store

RULES = Rules(max_retries=1)


@dataclass(frozen=True)
class Shape:
    """
    What job to run.

    :param failing: the part of its calls that fail; one is made again.
    :param unknown: the part whose cost nobody knows.
    :param left: how many items stay before the last phase.
    """

    items: int
    phases: int
    failing: float = 0.0
    unknown: float = 0.0
    left: int = 0


SHAPES = {
    "one": Shape(1, 1),
    "many": Shape(50, 1, failing=0.2),
    "phases": Shape(20, 4, failing=0.3),
    "unpriced": Shape(30, 2, failing=0.1, unknown=0.05),
    "failed": Shape(15, 2, failing=1.0),
    "begun": Shape(20, 1, failing=0.3, left=9),
    "under way": Shape(25, 3, failing=0.3, left=6),
}
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
#: The number that the job gets: it is the second in the file.
JOB = 2


@dataclass
class Clock:
    """The engine's clock, moved by the test; it stands often, so that many answers share a moment."""

    dice: random.Random
    milliseconds: int = 0

    def now(self) -> str:
        seconds, thousandths = divmod(self.milliseconds, 1000)
        return f"2026-01-05T09:{30 + seconds // 60:02}:{seconds % 60:02}.{thousandths:03}+00:00"

    def move(self) -> None:
        self.milliseconds += self.dice.choice([0, 0, 1, 7, 400])


@dataclass
class Course:
    """A job that ran as dice fell, and what its answers were: phase, moment, error or none, cost, time."""

    store: Store
    job_id: str
    ended: list[tuple[int, str, bool, float | None, int]] = field(default_factory=list)

    async def job(self) -> BatchJob:
        return await self.store.read(partial(reads.job, job_id=self.job_id, owner=LOCAL_OWNER))

    async def points(self, most: int) -> list[TimelinePoint]:
        told = partial(timeline, job_id=self.job_id, points=most, owner=LOCAL_OWNER)
        return (await self.store.read(told)).points


async def created(store: Store, items: int, phases: int, *, starts: bool = True) -> str:
    asked = CreateBatchJob(
        name="n",
        items=[BatchItem(input="x") for _ in range(items)],
        phases=[PhaseConfig(name=f"p{number}") for number in range(phases)],
        options=BatchOptions(auto_start=starts),
    )
    made = await store.write(partial(writes.create_job, asked=asked, intent=None, owner=LOCAL_OWNER))
    return made.reply.id


async def run(store: Store, moments: Clock, shape: Shape) -> Course:
    """Take the items of a new job through its phases, beside a job that is another one's."""
    await created(store, 3, 2)
    course = Course(store, await created(store, shape.items, shape.phases))
    waiting = list(range(shape.items))
    for phase in range(shape.phases):
        moments.dice.shuffle(waiting)
        is_last = phase == shape.phases - 1
        through: list[int] = []
        for item_index in waiting[: len(waiting) - shape.left if is_last else None]:
            moments.move()
            place = calls.Place(JOB, item_index, phase, is_last_phase=is_last)
            if await _gone_through(course, place, moments.dice, shape):
                through.append(item_index)
        waiting = through
    return course


async def _gone_through(course: Course, place: calls.Place, dice: random.Random, shape: Shape) -> bool:
    made: list[Call] = []
    while True:
        failed = dice.random() < shape.failing
        call = Call(
            Asked.ANSWER,
            Ending.FAILED if failed else Ending.ANSWERED,
            text=None if failed else "y",
            error="no" if failed else None,
            model="m",
            cost=None if dice.random() < shape.unknown else dice.random(),
            tokens=1,
            duration_ms=dice.choice([1, 5, 5, 80, 2000]),
        )
        assert await course.store.write(partial(calls.begin, place=place, rules=RULES)) is not None
        await course.store.write(partial(calls.end, place=place, ended=call, rules=RULES))
        made.append(call)
        if not failed or len(made) > RULES.max_retries:
            costs = [call.cost for call in made]
            cost = None if None in costs else sum(cost for cost in costs if cost is not None)
            took = sum(call.duration_ms for call in made)
            course.ended.append((place.phase, clock.now(), failed, cost, took))
            return not failed


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Clock:
    found = Clock(random.Random(request.node.name))  # noqa: S311 - no secret
    monkeypatch.setattr(clock, "now", found.now)
    return found


@EVERY_SHAPE
async def test_each_point_counts_what_had_ended_by_then_and_the_last_is_the_job(
    store: Store, moments: Clock, shape: Shape
) -> None:
    course = await run(store, moments, shape)
    last_phase, job = shape.phases - 1, await course.job()
    for most in (1, 2, 3, 4, 7, 20, 500):
        points = await course.points(most)
        *between, last = points
        assert len(points) <= most
        assert (last.completed, last.failed, last.cost) == (
            job.completed_items,
            job.failed_items,
            job.cost_incurred,
        )
        if most == 1:
            continue
        first, *between = between
        assert (first.at, first.completed, first.failed, first.cost) == (job.started_at, 0, 0, 0)
        for point in between:
            at = point.at.isoformat(timespec="milliseconds")
            until = [one for one in course.ended if one[1] <= at]
            assert point.completed == sum(phase == last_phase and not bad for phase, _, bad, _, _ in until)
            assert point.failed == sum(bad for _, _, bad, _, _ in until)
            costs = [cost for _, _, _, cost, _ in until]
            total = None if None in costs else sum(cost for cost in costs if cost is not None)
            assert point.cost == (None if total is None else pytest.approx(total))
        assert points == sorted(points, key=lambda point: point.at)


async def test_between_two_points_lie_as_many_answers_wherever_they_are(store: Store, moments: Clock) -> None:
    course = await run(store, moments, Shape(100, 2))
    of_a_moment = max(sum(at == other for _, other, *_ in course.ended) for _, at, *_ in course.ended)
    _, *between, _ = await course.points(22)
    moved = ["", *(point.at.isoformat(timespec="milliseconds") for point in between)]
    counts = [sum(after < at <= until for _, at, *_ in course.ended) for after, until in pairwise(moved)]
    assert sum(counts) == 200
    assert all(10 <= count < 10 + of_a_moment for count in counts[:-1])
    assert len(counts) > 8


async def test_few_answers_are_all_told(store: Store, moments: Clock) -> None:
    course = await run(store, moments, Shape(20, 2, failing=0.3))
    assert len(await course.points(500)) == len({at for _, at, *_ in course.ended}) + 2


async def test_a_job_that_has_not_started_has_no_points_and_one_without_answers_two(store: Store) -> None:
    pending, started = await created(store, 2, 1, starts=False), await created(store, 2, 1)
    assert await Course(store, pending).points(9) == []
    assert [point.completed for point in await Course(store, started).points(9)] == [0, 0]


async def test_nobody_is_told_of_anothers_job(store: Store) -> None:
    job_id = await created(store, 1, 1)
    with pytest.raises(EngineError) as caught:
        await store.read(partial(timeline, job_id=job_id, points=9, owner="another"))
    assert (caught.value.status, caught.value.code) == (404, "not_found")


@EVERY_SHAPE
async def test_half_and_95_in_100_of_the_answers_took_no_longer(
    store: Store, moments: Clock, shape: Shape
) -> None:
    course = await run(store, moments, shape)
    found = await store.read(partial(reads.analytics, job_id=course.job_id, owner=LOCAL_OWNER))
    for number, phase in enumerate(found.phases):
        took = sorted(time for of, _, failed, _, time in course.ended if of == number and not failed)
        expected = [took[math.ceil(part / 100 * len(took)) - 1] if took else None for part in (50, 95)]
        assert [phase.p50_processing_time_ms, phase.p95_processing_time_ms] == expected


@EVERY_SHAPE
async def test_items_are_found_by_where_their_rows_say_that_they_stand(
    store: Store, moments: Clock, shape: Shape
) -> None:
    course = await run(store, moments, shape)
    items = range(shape.items)
    for item_index in items[::4]:
        at_work = calls.Place(JOB, item_index, 0, is_last_phase=False)
        assert await store.write(partial(calls.begin, place=at_work, rules=RULES)) is not None
    rows = await store.read(
        lambda connection: list(reads.results(connection, course.job_id, items, owner=LOCAL_OWNER))
    )
    for status in ItemStatus:
        found = await store.read(partial(reads.items_standing, job_id=course.job_id, status=status))
        assert found == [row.item_index for row in rows if row.status is status]


async def test_figures_are_read_without_the_texts_beside_them(store: Store, moments: Clock) -> None:
    course = await run(store, moments, SHAPES["phases"])

    def plans(connection: sqlite3.Connection) -> list[str]:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        timeline(connection, course.job_id, 9, owner=LOCAL_OWNER)
        reads.analytics(connection, course.job_id, owner=LOCAL_OWNER)
        connection.set_trace_callback(None)
        steps = [
            row["detail"]
            for query in asked
            if "answers" in query
            for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")
        ]
        return [step for step in steps if "answers" in step]

    found = await store.read(plans)
    assert len(found) > 10
    assert [step for step in found if "USING COVERING INDEX" not in step] == []
