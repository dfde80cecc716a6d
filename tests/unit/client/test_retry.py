"""The retry policy, step by step: it is a generator, so no server and no sleep is needed."""

from __future__ import annotations

import pytest

from artificer_provider.client._core import Repeat, Request, Rest, Sleep
from artificer_provider.client._retry import MAX_DELAY, Outcome, Patience, attempts, delay_before_retry
from artificer_provider.client.dialects.rest import RestDialect
from artificer_provider.client.dialects.wire import WireReply, WireRequest
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    InvalidRequestError,
    RateLimitError,
    ServerError,
)

OK = WireReply(200, {}, b'"fine"')
BUSY = WireReply(503, {}, b"")
SLOW_DOWN = WireReply(429, {"retry-after": "7"}, b"")
REFUSED = WireReply(422, {}, b"")
CUT = ArtificerConnectionError("cut", sent=True)
UNREACHED = ArtificerConnectionError("no route", sent=False)


def run(outcomes: list[Outcome], repeat: Repeat = Repeat.ALWAYS, retries: int = 2) -> tuple[str, list[float]]:
    """Play outcomes to the policy; return the result and the pauses it asked for."""
    request = Request("testing", str, Rest("GET", "/x"), Rest("GET", "/x"), repeat=repeat)
    steps = attempts(request, RestDialect(), Patience(retries, clock=lambda: 0.0))
    pauses: list[float] = []
    played = iter(outcomes)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Sleep):
                pauses.append(step.seconds)
                step = next(steps)
            else:
                assert isinstance(step, WireRequest)
                step = steps.send(next(played))
    except StopIteration as stop:
        return stop.value, pauses


def test_a_good_reply_is_the_result_without_a_pause() -> None:
    assert run([OK]) == ("fine", [])


@pytest.mark.parametrize("failure", [BUSY, SLOW_DOWN, CUT, UNREACHED])
def test_what_may_pass_is_tried_again(failure: Outcome) -> None:
    result, pauses = run([failure, OK])
    assert result == "fine"
    assert len(pauses) == 1


def test_it_gives_up_after_the_retries_it_was_given() -> None:
    with pytest.raises(ServerError, match="HTTP 503"):
        run([BUSY, BUSY, BUSY], retries=2)


def test_what_will_not_change_is_not_tried_again() -> None:
    with pytest.raises(InvalidRequestError):
        run([REFUSED, OK])


def test_the_engine_says_how_long_to_wait() -> None:
    assert run([SLOW_DOWN, OK]) == ("fine", [7.0])


def test_a_wait_of_more_than_two_minutes_is_not_waited_for() -> None:
    with pytest.raises(RateLimitError):
        run([WireReply(429, {"retry-after": "121"}, b""), OK])


def test_pauses_grow_and_stay_under_a_ceiling() -> None:
    error = ServerError("busy", status_code=503)
    pauses = [[delay_before_retry(Repeat.ALWAYS, error, n) or 0 for _ in range(300)] for n in (0, 2, 20)]
    for longest, asked in zip((0.5, 2.0, MAX_DELAY), pauses, strict=True):
        assert longest / 2 < max(asked) <= longest


@pytest.mark.parametrize("failure", [SLOW_DOWN, UNREACHED])
def test_a_write_is_sent_again_when_the_engine_surely_did_nothing(failure: Outcome) -> None:
    assert run([failure, OK], repeat=Repeat.UNSENT)[0] == "fine"


@pytest.mark.parametrize("failure", [BUSY, CUT])
def test_a_write_that_may_have_happened_is_not_sent_again(failure: Outcome) -> None:
    with pytest.raises(ArtificerError):
        run([failure, OK], repeat=Repeat.UNSENT)


@pytest.mark.parametrize("failure", [BUSY, CUT, SLOW_DOWN, UNREACHED])
def test_a_start_is_never_sent_again(failure: Outcome) -> None:
    with pytest.raises(ArtificerError):
        run([failure, OK], repeat=Repeat.NEVER)
