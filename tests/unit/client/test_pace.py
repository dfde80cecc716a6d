"""How often an engine is called: pure, over a clock of the test's own, and then for real."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.wire import job, standing

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client._pace import MINUTE, Budget, NoLimit
from artificer_provider.client._settings import user_agent
from artificer_provider.client.errors import ArtificerTimeoutError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.scripted_server import ScriptedServer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def left(count: int, seconds: float = 30) -> dict[str, str]:
    reset = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        "x-ratelimit-remaining": str(count),
        "x-ratelimit-reset": reset.isoformat().replace("+00:00", "Z"),
    }


def most_in_a_minute(sent: list[float]) -> int:
    sent = sorted(sent)
    return max(sum(begin <= moment < begin + MINUTE - 1e-6 for moment in sent) for begin in sent)


@given(
    most=st.integers(1, 12),
    steps=st.lists(st.tuples(st.floats(0, 40), st.sampled_from([None, 0, 1, 50])), min_size=1, max_size=60),
)
def test_never_more_calls_go_out_in_any_minute_than_the_budget(
    most: int, steps: list[tuple[float, int | None]]
) -> None:
    clock = Clock()
    budget = Budget(most, clock)
    sent: list[float] = []
    for pause, heard in steps:
        clock.now += pause
        if heard is not None:
            budget.heard(left(heard))
        wait = budget.wait()
        assert wait >= 0
        sent.append(clock.now + wait)
    assert most_in_a_minute(sent) <= most


def test_calls_within_the_budget_do_not_wait() -> None:
    budget = Budget(3, Clock())
    assert [budget.wait() for _ in range(3)] == [0, 0, 0]
    assert budget.wait() == MINUTE


def test_a_call_waits_only_until_the_oldest_is_a_minute_old() -> None:
    clock = Clock()
    budget = Budget(2, clock)
    budget.wait()
    clock.now += 20
    budget.wait()
    clock.now += 10
    assert budget.wait() == pytest.approx(30)
    assert budget.wait() == pytest.approx(50)


def test_an_engine_that_says_that_nothing_is_left_is_left_alone_until_its_reset() -> None:
    budget = Budget(80, Clock())
    budget.heard(left(0, seconds=20))
    assert budget.wait() == pytest.approx(20, abs=1)


@pytest.mark.parametrize("reset", ["", "soon", "2026-11-22T14:31:04"])
def test_a_reset_that_cannot_be_read_is_a_whole_window(reset: str) -> None:
    budget = Budget(80, Clock())
    budget.heard({"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})
    assert budget.wait() == MINUTE


def test_a_reset_far_away_is_a_window_at_most_and_one_in_the_past_is_now() -> None:
    far, past = Budget(80, Clock()), Budget(80, Clock())
    far.heard(left(0, seconds=9000))
    past.heard(left(0, seconds=-9000))
    assert (far.wait(), past.wait()) == (MINUTE, 0)


def test_an_engine_that_counts_nothing_is_not_paced() -> None:
    budget = Budget(1, Clock())
    for _ in range(5):
        assert budget.wait() == 0
        budget.heard(left(999))


@pytest.mark.parametrize("headers", [{}, {"x-ratelimit-remaining": "many"}, {"x-ratelimit-remaining": "-1"}])
def test_what_says_nothing_changes_nothing(headers: Mapping[str, str]) -> None:
    budget = Budget(1, Clock())
    budget.heard(headers)
    assert [budget.wait(), budget.wait()] == [0, MINUTE]


def claimed_before_a_pause(client: Artificer) -> int:
    limiter = client._line.limiter
    return next(count for count in range(1000) if limiter.wait() > 0)


def test_a_deployed_engine_is_called_80_times_a_minute_and_another_as_often_as_asked_for() -> None:
    with Artificer(dialect="trpc") as deployed, Artificer(dialect="trpc", rate_budget=7) as own:
        assert claimed_before_a_pause(deployed) == 80
        assert claimed_before_a_pause(own) == 7
    with Artificer(dialect="rest") as embedded, Artificer(dialect="rest", rate_budget=7) as own:
        assert isinstance(embedded._line.limiter, NoLimit)
        assert claimed_before_a_pause(own) == 7


def test_the_budget_of_a_dialect_that_was_found_out_is_its_own(server: ScriptedServer) -> None:
    server.will_answer(standing("x"), standing("RUNNING"), standing("RUNNING"))
    with Artificer(base_url=server.url) as client:
        client.batch.get("j1")
        assert claimed_before_a_pause(client) == 80 - 1


def test_a_call_over_the_budget_waits_for_its_turn(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client._pace.MINUTE", 0.3)
    server.otherwise = lambda _: job("RUNNING")
    with Artificer(base_url=server.url, dialect="rest", rate_budget=2) as client:
        begun = time.monotonic()
        for _ in range(5):
            client.with_options(timeout=5).batch.get("j1")
    assert 0.6 <= time.monotonic() - begun < 10


async def test_an_async_call_over_the_budget_waits_for_its_turn(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client._pace.MINUTE", 0.3)
    server.otherwise = lambda _: job("RUNNING")
    async with AsyncArtificer(base_url=server.url, dialect="rest", rate_budget=1) as client:
        begun = time.monotonic()
        await client.batch.get("j1")
        await client.batch.get("j1")
    assert 0.3 <= time.monotonic() - begun < 10


def test_a_turn_that_comes_after_the_deadline_is_not_waited_for(server: ScriptedServer) -> None:
    server.otherwise = lambda _: job("RUNNING")
    with Artificer(base_url=server.url, dialect="rest", rate_budget=1, deadline=10, retries=0) as client:
        client.batch.get("j1")
        begun = time.monotonic()
        with pytest.raises(ArtificerTimeoutError, match="rate budget gives it its turn in") as caught:
            client.batch.get("j1")
    assert time.monotonic() - begun < 5
    assert not caught.value.sent
    assert len(server.asked) == 1


def test_the_own_limiter_is_asked_and_told(server: ScriptedServer) -> None:
    class Own:
        def __init__(self) -> None:
            self.waits = 0
            self.replies: list[Mapping[str, str]] = []

        def wait(self) -> float:
            self.waits += 1
            return 0.01

        def heard(self, headers: Mapping[str, str]) -> None:
            self.replies.append(headers)

    own = Own()
    server.will_answer(standing("RUNNING"))
    with Artificer(base_url=server.url, dialect="trpc", limiter=own) as client:
        client.batch.get("j1")
        assert client._line.limiter is own
    assert own.waits == 1
    assert own.replies[0]["content-type"] == "application/json"


@pytest.mark.parametrize("budget", [0, -5])
def test_a_budget_of_nothing_is_refused(budget: int) -> None:
    with pytest.raises(ConfigurationError, match=f"rate_budget is {budget}"):
        Artificer(rate_budget=budget)


def test_each_process_has_its_own_user_agent_and_keeps_it() -> None:
    here = user_agent()
    assert user_agent() == here
    code = (
        "import os, sys; from artificer_provider.client._settings import user_agent; print(user_agent());"
        "sys.stdout.flush(); os.fork() or print(user_agent()) or sys.stdout.flush() or os._exit(0);"
        "os.wait(); print(user_agent())"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    parent, fork, parent_again = ran.stdout.split("\n")[:3]
    assert parent == parent_again
    assert len({here, parent, fork}) == 3
    assert {agent.partition(" (")[0] for agent in (here, parent, fork)} == {here.partition(" (")[0]}
