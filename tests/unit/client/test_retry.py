"""The retry policy: step by step, as a generator that needs no server and no sleep, and then for real."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted_server import Asked, Reply, ScriptedServer
from support.wire import answer, job, row, trpc_row

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client._core import Repeat, Request, Rest, Sleep
from artificer_provider.client._retry import (
    MAX_DELAY,
    MAX_RETRY_AFTER,
    Outcome,
    Patience,
    attempts,
    delay_before_retry,
)
from artificer_provider.client.dialects.rest import RestDialect
from artificer_provider.client.dialects.wire import WireReply, WireRequest
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    ArtificerTimeoutError,
    ConfigurationError,
    ConflictError,
    EngineAnswerError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    error_class,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READ = {"text": "t", "metadata": {"pages": 1, "method": "direct"}}
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


REPEATS = list(Repeat)
ERRORS = st.one_of(
    st.builds(
        lambda status, after: error_class(status)("no", status_code=status, retry_after=after),
        st.sampled_from([400, 401, 404, 408, 409, 418, 425, 429, 500, 501, 502, 503, 504]),
        st.none() | st.floats(0, 1e9),
    ),
    st.builds(lambda sent: ArtificerConnectionError("cut", sent=sent), st.booleans()),
    st.builds(lambda sent: ArtificerTimeoutError("late", sent=sent), st.booleans()),
    st.just(ReplyError("garbage")),
    st.just(EngineAnswerError("sorry", answer="Sorry")),
)
OUTCOMES = st.one_of(
    st.builds(
        WireReply,
        st.sampled_from([200, 302, 400, 404, 408, 409, 425, 429, 500, 502, 503, 504]),
        st.sampled_from([{}, {"retry-after": "0"}, {"retry-after": "7"}, {"retry-after": "500"}]),
        st.just(b'"fine"'),
    ),
    st.sampled_from([CUT, UNREACHED]),
)


@given(repeat=st.sampled_from(REPEATS), error=ERRORS, attempt=st.integers(0, 2000))
def test_a_pause_is_short_or_what_the_engine_asked_for(
    repeat: Repeat, error: ArtificerError, attempt: int
) -> None:
    delay = delay_before_retry(repeat, error, attempt)
    asked = getattr(error, "retry_after", None)
    if delay is None:
        return
    assert error.retryable
    assert delay == asked if asked is not None else 0 <= delay <= min(MAX_DELAY, 0.5 * 2 ** min(attempt, 10))
    assert delay <= MAX_RETRY_AFTER


@given(error=ERRORS, attempt=st.integers(0, 100))
def test_what_must_not_be_repeated_never_is(error: ArtificerError, attempt: int) -> None:
    assert delay_before_retry(Repeat.NEVER, error, attempt) is None
    unsent = delay_before_retry(Repeat.UNSENT, error, attempt)
    if unsent is not None:
        assert isinstance(error, RateLimitError) or not getattr(error, "sent", True)


class Played:
    """What became of a call that was played outcomes: how often it was sent, and how long it paused."""

    def __init__(self, repeat: Repeat, retries: int, deadline: float | None, outcomes: list[Outcome]) -> None:
        self.now, self.sent, self.slept = 0.0, 0, 0.0
        self.brought: str | ArtificerError
        request = Request("testing", str, Rest("GET", "/x"), Rest("GET", "/x"), repeat=repeat)
        steps = attempts(request, RestDialect(), Patience(retries, lambda: self.now, deadline))
        step: WireRequest | Sleep
        try:
            step = next(steps)
            while True:
                if isinstance(step, Sleep):
                    self.slept += step.seconds
                    self.now += step.seconds
                    step = next(steps)
                else:
                    self.last = outcomes[self.sent % len(outcomes)]
                    self.sent += 1
                    step = steps.send(self.last)
        except StopIteration as stop:
            self.brought = stop.value
        except ArtificerError as error:
            self.brought = error


@given(
    repeat=st.sampled_from(REPEATS),
    retries=st.integers(0, 6),
    deadline=st.none() | st.floats(0.001, 30),
    outcomes=st.lists(OUTCOMES, min_size=1, max_size=8),
)
def test_a_call_is_sent_as_often_as_allowed_and_ends_with_its_last_outcome(
    repeat: Repeat, retries: int, deadline: float | None, outcomes: list[Outcome]
) -> None:
    played = Played(repeat, retries, deadline, outcomes)
    assert 1 <= played.sent <= retries + 1
    if repeat is Repeat.NEVER:
        assert played.sent == 1
    assert played.slept <= retries * MAX_RETRY_AFTER
    if deadline is not None:
        assert played.slept < deadline
    if isinstance(played.last, WireReply) and played.last.status == 200:
        assert played.brought == "fine"
    elif isinstance(played.last, WireReply):
        assert isinstance(played.brought, StatusError)
        assert played.brought.status_code == played.last.status
    else:
        assert played.brought is played.last


@given(outcomes=st.lists(OUTCOMES, min_size=1, max_size=8))
def test_a_write_is_sent_again_only_after_the_engine_surely_did_nothing(outcomes: list[Outcome]) -> None:
    played = Played(Repeat.UNSENT, 7, None, outcomes)
    for outcome in (outcomes * 8)[: played.sent - 1]:
        assert outcome is UNREACHED or (isinstance(outcome, WireReply) and outcome.status == 429)


def test_a_conflict_with_a_time_to_wait_is_tried_again_and_another_is_not() -> None:
    under_way = WireReply(409, {"retry-after": "1"}, b"")
    assert run([under_way, OK]) == ("fine", [1.0])
    with pytest.raises(ConflictError):
        run([WireReply(409, {}, b""), OK])


def test_no_pause_follows_the_last_try() -> None:
    played = Played(Repeat.ALWAYS, 2, None, [SLOW_DOWN])
    assert (played.sent, played.slept) == (3, 14.0)


ITEMS, PHASES = [{"input": "x"}], [{"name": "p"}]


@pytest.fixture
def patient(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Artificer]:
    monkeypatch.setattr("artificer_provider.client._retry.FIRST_DELAY", 0.01)
    with Artificer("k", server.url, dialect="rest", retries=3) as client:
        yield client


def test_a_create_is_repeated_under_an_idempotency_key_and_under_the_same(
    server: ScriptedServer, patient: Artificer
) -> None:
    server.will_answer(Reply(500), Reply(cut=True), job("PENDING"))
    assert patient.batch.create("n", ITEMS, PHASES, idempotency_key="k1").id == "j1"
    assert [asked.headers["idempotency-key"] for asked in server.asked] == ["k1"] * 3
    assert len({asked.body for asked in server.asked}) == 1


def test_a_create_without_one_is_repeated_only_when_it_was_turned_away(
    server: ScriptedServer, patient: Artificer
) -> None:
    server.will_answer(Reply(429, headers={"Retry-After": "0"}), Reply(500), job("PENDING"))
    with pytest.raises(ServerError):
        patient.batch.create("n", ITEMS, PHASES)
    assert len(server.asked) == 2


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "delete"])
def test_a_move_that_may_have_been_made_is_not_repeated(
    server: ScriptedServer, patient: Artificer, verb: str
) -> None:
    server.will_answer(Reply(503), job("PAUSED"))
    with pytest.raises(ServerError):
        getattr(patient.batch, verb)("j1")
    assert len(server.asked) == 1


def test_a_document_is_sent_again_whole(server: ScriptedServer, patient: Artificer, tmp_path: Path) -> None:
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(b"%PDF-" + bytes(200_000))
    server.will_answer(Reply(429, headers={"Retry-After": "0"}), Reply(body=READ))
    with pdf.open("rb") as file:
        patient.images.process_pdf(file, local="never")
    assert server.asked[0].body == server.asked[1].body
    assert len(server.asked[0].body) > 260_000


def whole(server: ScriptedServer) -> list[Asked]:
    """What arrived to its last byte: of a body that could not be made, only the beginning goes out."""
    return [asked for asked in server.asked if len(asked.body) == int(asked.headers["content-length"])]


def test_a_document_that_cannot_be_read_again_is_not_sent_again(
    server: ScriptedServer, patient: Artificer, tmp_path: Path
) -> None:
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(b"%PDF-" + bytes(200_000))

    def vanish(_: Asked) -> Reply:
        pdf.unlink()
        return Reply(429, headers={"Retry-After": "0"})

    server.otherwise = vanish
    with pytest.raises(ConfigurationError, match="can no longer be read"):
        patient.images.process_pdf(pdf, local="never")
    assert len(whole(server)) == 1


async def test_an_async_document_that_cannot_be_read_again_is_not_sent_again(
    server: ScriptedServer, tmp_path: Path
) -> None:
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(b"%PDF-" + bytes(200_000))

    def grow(_: Asked) -> Reply:
        pdf.write_bytes(pdf.read_bytes() + b"more")
        return Reply(429, headers={"Retry-After": "0"})

    server.otherwise = grow
    async with AsyncArtificer(base_url=server.url, dialect="rest", retries=3) as client:
        with pytest.raises(ConfigurationError, match="has another size now"):
            await client.images.process_pdf(pdf, local="never")
    assert len(whole(server)) == 1


def test_rows_go_on_where_they_were_cut(server: ScriptedServer, patient: Artificer) -> None:
    cut = json.dumps([row(0), row(1)]).encode()[:-1] + b", "
    # That the second row has ended shows only where the next one begins: it is asked for again.
    server.will_answer(Reply(raw=cut), Reply(503), Reply(body=[row(1), row(2)]))
    assert [found.item_index for found in patient.batch.iter_results("j1")] == [0, 1, 2]
    assert [path.rpartition("=")[2] for path in server.paths] == ["0", "1", "1"]


def test_rows_of_a_deployed_engine_are_asked_for_anew_and_given_once(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client._retry.FIRST_DELAY", 0.01)
    whole = answer({"success": True, "results": [trpc_row(index) for index in range(4)]})
    raw = json.dumps(whole.body).encode()
    server.will_answer(Reply(raw=raw[: raw.index(b'{"itemIndex": 2')]), whole)
    with Artificer(base_url=server.url, dialect="trpc", retries=1) as client:
        assert [found.item_index for found in client.batch.iter_results("j1", offset=1)] == [1, 2, 3]
    assert len(server.asked) == 2


def test_rows_that_arrive_give_the_call_its_retries_back(server: ScriptedServer, patient: Artificer) -> None:
    one_each = [
        Reply(raw=json.dumps([row(index), row(index + 1)]).encode()[:-1] + b",") for index in range(9)
    ]
    server.will_answer(*one_each, Reply(body=[row(9)]))
    assert len(list(patient.with_options(retries=1).batch.iter_results("j1"))) == 10


def test_rows_that_never_come_are_given_up(server: ScriptedServer, patient: Artificer) -> None:
    server.otherwise = lambda _: Reply(raw=b"[")
    with pytest.raises(ReplyError, match="cut"):
        list(patient.batch.iter_results("j1"))
    assert len(server.asked) == 4


async def test_async_rows_go_on_where_they_were_cut(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client._retry.FIRST_DELAY", 0.01)
    cut = json.dumps([row(0), row(1)]).encode()[:-1] + b", "
    server.will_answer(Reply(raw=cut), Reply(503), Reply(body=[row(1), row(2)]), Reply(404))
    async with AsyncArtificer(base_url=server.url, dialect="rest", retries=2) as client:
        assert [found.item_index async for found in client.batch.iter_results("j1")] == [0, 1, 2]
        with pytest.raises(NotFoundError):
            [found async for found in client.batch.iter_results("j1")]
