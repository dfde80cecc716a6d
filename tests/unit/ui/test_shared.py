"""One answer for all who ask."""

from __future__ import annotations

import asyncio

import pytest

from artificer_provider.ui.shared import MAX_ANSWERS, Shared


class Calls:
    """Counts its calls, and answers them when it is told to."""

    def __init__(self) -> None:
        self.made = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.made += 1
        number = self.made
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return number


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_those_who_ask_at_once_share_one_call() -> None:
    shared, calls = Shared(Clock()), Calls()
    calls.may_end.clear()
    asking = [asyncio.create_task(shared.get("job", 1.0, calls)) for _ in range(10)]
    await asyncio.sleep(0)
    calls.may_end.set()

    assert await asyncio.gather(*asking) == [1] * 10


async def test_an_answer_is_good_for_a_second_from_when_it_is_there() -> None:
    clock = Clock()
    shared, calls = Shared(clock), Calls()
    assert await shared.get("job", 1.0, calls) == 1
    clock.now = 0.99
    assert await shared.get("job", 1.0, calls) == 1
    clock.now = 1.0
    assert await shared.get("job", 1.0, calls) == 2
    assert await shared.get("another", 1.0, calls) == 3


async def test_an_error_is_shared_and_is_over_as_soon() -> None:
    clock = Clock()
    shared, calls = Shared(clock), Calls()
    calls.error = ValueError("down")
    for _ in range(3):
        with pytest.raises(ValueError, match="down"):
            await shared.get("job", 1.0, calls)
    assert calls.made == 1
    calls.error, clock.now = None, 1.0
    assert await shared.get("job", 1.0, calls) == 2


async def test_who_goes_away_does_not_take_the_call_from_the_others() -> None:
    shared, calls = Shared(Clock()), Calls()
    calls.may_end.clear()
    leaves = asyncio.create_task(shared.get("job", 1.0, calls))
    stays = asyncio.create_task(shared.get("job", 1.0, calls))
    await asyncio.sleep(0)
    leaves.cancel()
    calls.may_end.set()

    assert await stays == 1
    assert leaves.cancelled()


async def test_what_was_asked_before_a_change_is_not_given_after_it() -> None:
    shared, calls = Shared(Clock()), Calls()
    calls.may_end.clear()
    before = asyncio.create_task(shared.get("job", 1.0, calls))
    await asyncio.sleep(0)
    shared.forget()
    calls.may_end.set()

    assert await shared.get("job", 1.0, calls) == 2
    assert await before == 1


async def test_no_more_answers_are_kept_than_there_is_room_for() -> None:
    shared, calls = Shared(Clock()), Calls()
    for number in range(2 * MAX_ANSWERS):
        await shared.get(number, 60.0, calls)

    assert len(shared._answers) == MAX_ANSWERS
    last = 2 * MAX_ANSWERS - 1
    assert await shared.get(last, 60.0, calls) == last + 1, "the newest is kept"
