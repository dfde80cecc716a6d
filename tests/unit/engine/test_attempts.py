from __future__ import annotations

import pytest

from artificer_provider.client.states import InDoubt
from artificer_provider.engine.attempts import (
    ENGINE_ENDED,
    MAX_CUTS,
    MAX_PAUSE,
    Ask,
    Asked,
    Call,
    Ending,
    Fail,
    Judge,
    Keep,
    Rules,
    Step,
    next_step,
    pause_before_next,
    total_cost,
    total_tokens,
)


def answered(text: str = "x") -> Call:
    return Call(Asked.ANSWER, Ending.ANSWERED, text=text, model="m", cost=0.5, tokens=3)


def scored(score: float) -> Call:
    return Call(Asked.SCORE, Ending.ANSWERED, score=score, cost=0.25, tokens=1)


def failed(error: str, asked: Asked = Asked.ANSWER) -> Call:
    return Call(asked, Ending.FAILED, error=error, cost=0.0, tokens=0)


def in_doubt(ending: Ending, asked: Asked = Asked.ANSWER) -> Call:
    return Call(asked, ending, error=ENGINE_ENDED if ending is Ending.LOST else "The line went dead")


LOST, CUT = in_doubt(Ending.LOST), in_doubt(Ending.CUT)
SCORED = Rules(min_score=7.0)


@pytest.mark.parametrize(
    ("calls", "rules", "step"),
    [
        ([], Rules(), Ask()),
        ([answered()], Rules(), Keep("x", "m", None)),
        ([LOST], Rules(), Ask()),
        ([LOST] * 9, Rules(), Ask()),
        ([CUT], Rules(), Ask()),
        ([CUT, answered()], Rules(), Keep("x", "m", None)),
        ([failed("no")], Rules(), Fail("no")),
        ([failed("no")], Rules(max_retries=1), Ask()),
        ([LOST, failed("no")], Rules(max_retries=1), Ask()),
        ([failed("no"), answered()], Rules(max_retries=1), Keep("x", "m", None)),
        ([answered()], SCORED, Judge("x")),
        ([answered(), scored(7)], SCORED, Keep("x", "m", 7)),
        ([answered(), scored(6.9)], SCORED, Ask()),
        ([answered(), scored(2), answered("y")], SCORED, Judge("y")),
        ([answered(), scored(2), answered("y"), scored(8)], SCORED, Keep("y", "m", 8)),
        ([answered(), in_doubt(Ending.LOST, Asked.SCORE)], SCORED, Judge("x")),
        ([answered(), failed("no", Asked.SCORE)], Rules(min_score=7.0, max_retries=1), Judge("x")),
    ],
)
def test_what_comes_next_follows_from_the_calls_made(calls: list[Call], rules: Rules, step: Step) -> None:
    assert next_step(calls, rules) == step


@pytest.mark.parametrize("call", [LOST, CUT])
def test_a_call_in_doubt_fails_its_item_where_the_job_says_so(call: Call) -> None:
    step = next_step([call], Rules(max_retries=9, in_doubt=InDoubt.FAIL))
    assert step == Fail(f"{call.error}: the call may have been billed, and it was not repeated.")


def test_a_connection_that_is_always_cut_is_given_up() -> None:
    step = next_step([CUT] * MAX_CUTS, Rules())
    assert isinstance(step, Fail)
    assert f"as may the {MAX_CUTS - 1} before it" in step.error
    assert next_step([CUT] * (MAX_CUTS - 1), Rules()) == Ask()


def test_every_different_failure_is_told_the_last_first() -> None:
    calls = [failed("busy"), failed("busy"), failed("broken")]
    assert next_step(calls, Rules(max_retries=2)) == Fail("broken Before that: busy")


def test_an_item_whose_answers_all_score_too_low_fails_with_the_best_of_them() -> None:
    calls = [answered("a"), scored(3), answered("b"), scored(6.5), answered("c"), scored(1)]
    step = next_step(calls, SCORED)
    assert step == Fail(
        "The best of 3 answers scored 6.5 of 10, less than the 7 that the phase asks for.", "b", "m", 6.5
    )


def test_who_always_answers_the_same_is_asked_once() -> None:
    step = next_step([answered(), scored(6)], Rules(min_score=7.0, max_answers=1))
    assert step == Fail("The answer scored 6 of 10, less than the 7 that the phase asks for.", "x", "m", 6)


def test_the_best_scored_answer_outlives_a_failure_after_it() -> None:
    assert next_step([answered("a"), scored(3), failed("no")], SCORED) == Fail("no", "a", "m", 3)


def test_pauses_grow_with_each_trouble_up_to_a_limit() -> None:
    assert pause_before_next([failed("no"), answered()]) == 0.0
    pauses = [pause_before_next([CUT, *[failed("no")] * count]) for count in range(10)]
    assert pauses == sorted(pauses)
    assert 0 < pauses[0] < pauses[1]
    assert pauses[-1] == MAX_PAUSE


def test_sums_leave_out_what_is_in_doubt_and_are_unknown_with_one_unknown() -> None:
    known = [answered(), LOST, scored(1), CUT, failed("no")]
    assert (total_cost(known), total_tokens(known)) == (0.75, 4)
    unknown = [*known, Call(Asked.ANSWER, Ending.ANSWERED, text="x")]
    assert (total_cost(unknown), total_tokens(unknown)) == (None, None)
