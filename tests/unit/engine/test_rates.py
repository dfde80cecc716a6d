from __future__ import annotations

import random

from artificer_provider.engine.rates import MINUTE, SlidingMinute


def test_no_minute_holds_more_calls_than_allowed_wherever_it_begins() -> None:
    dice = random.Random(7)  # noqa: S311 - the same walk each time
    minute, now = SlidingMinute(10), 0.0
    allowed: list[float] = []
    for _ in range(2000):
        now += dice.choice([0.0, 0.1, 1.0, 7.0, 70.0])
        if minute.take(now).is_allowed:
            allowed.append(now)
    assert len(allowed) > 200
    for first, eleventh in zip(allowed, allowed[10:], strict=False):
        assert eleventh - first >= MINUTE


def test_who_waits_as_told_is_let_in_and_who_comes_a_moment_early_is_not() -> None:
    minute = SlidingMinute(2)
    assert minute.take(0.0).left == 1
    assert minute.take(10.5).left == 0
    refused = minute.take(20.0)
    assert (refused.is_allowed, refused.left, refused.seconds, refused.retry_after) == (False, 0, 40.0, 40)
    assert not minute.take(59.9).is_allowed
    again = minute.take(60.0)
    assert (again.is_allowed, again.left) == (True, 0)
    assert minute.take(60.0).retry_after == 11  # 10.5 s, and whole seconds


def test_the_wait_is_at_least_a_second() -> None:
    minute = SlidingMinute(1)
    minute.take(0.0)
    assert minute.take(59.999).retry_after == 1


def test_a_refused_call_costs_nothing() -> None:
    minute = SlidingMinute(1)
    minute.take(0.0)
    for second in range(1, 60):
        assert not minute.take(float(second)).is_allowed
    assert minute.take(60.0).is_allowed
