"""What a chain asks, what its rows say, and what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from artificer_provider.batch.chain import (
    Answer,
    Chained,
    Paid,
    check_dialect,
    check_work,
    ends_run,
    kept_answers,
    read_chaining,
    validated,
)
from artificer_provider.batch.plan import Phase, Work, read_options, read_phases
from artificer_provider.batch.results import RowStatus, judge
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    AuthenticationError,
    ConfigurationError,
    EngineAnswerError,
    InvalidRequestError,
    NotCarriedError,
    RateLimitError,
    ReplyError,
    ServerError,
)
from artificer_provider.client.models.batch import BatchJobResult

APOLOGY = "Sorry, I encountered an error. Please try again."
ONE, TWO = Phase("one"), Phase("two")
SCORED = Phase("two", validation={"enabled": True, "min_score": 7})


def work(*phases: dict[str, Any], **more: Any) -> Work:
    return Work(read_phases(phases), read_options(more.get("options")), more.get("project_id"))


def row(item: Chained, *, is_whole: bool = True) -> BatchJobResult:
    return BatchJobResult.model_validate(item.row(is_whole=is_whole))


def item(**changes: Any) -> Chained:
    return Chained(**{"index": 3, "text": "in", "metadata": {"id": 1}, "round": 0, **changes})


def test_a_phase_is_given_the_answer_of_the_one_before_and_the_row_has_them_all() -> None:
    one = item()
    assert one.next_text == "in"
    one.answered(ONE, Answer("1", "m", 0.25, 3))
    assert one.next_text == "1"
    one.answered(TWO, Answer("2", "m", 0.5, 4))
    assert judge(row(one), ("one", "two")) is RowStatus.SUCCEEDED
    assert (row(one).output, row(one).cost_incurred, row(one).tokens_used) == ("2", 0.75, 7)
    assert one.row(is_whole=True)["phaseCosts"] == {"one": 0.25, "two": 0.5}


def test_what_was_paid_before_is_added_up_and_an_unknown_cost_stays_unknown() -> None:
    one = item(paid=Paid(1.0, 5, {"one": 1.0}))
    one.answered(ONE, Answer("1", cost=0.5, tokens=2))
    assert (row(one).cost_incurred, row(one).tokens_used) == (1.5, 7)
    assert one.row(is_whole=True)["phaseCosts"] == {"one": 1.5}
    one.answered(TWO, Answer("2"))
    assert (row(one).cost_incurred, row(one).tokens_used) == (None, None)


def test_an_item_on_its_way_is_unprocessed() -> None:
    one = item()
    one.answered(ONE, Answer("1"))
    assert judge(row(one, is_whole=False), ("one", "two")) is RowStatus.UNPROCESSED


def test_an_apology_ends_the_chain_and_is_judged_one() -> None:
    one = item()
    one.failed(ONE, EngineAnswerError("apologised", answer=APOLOGY))
    assert one.is_over
    assert judge(row(one), ("one", "two")) is RowStatus.APOLOGY
    assert row(one).cost_incurred == 0.0


def test_a_call_that_may_have_been_billed_says_so_and_has_no_known_cost() -> None:
    one = item()
    one.failed(ONE, ArtificerConnectionError("cut.", sent=True))
    assert one.is_over
    assert row(one).errors[0].error == "cut. The call may have been billed."
    assert row(one).cost_incurred is None


@pytest.mark.parametrize(
    ("score", "told"), [(6.5, "it scored 6.5, and at least 7"), (None, "gave it no score")]
)
def test_an_answer_below_its_minimum_fails_the_item(score: float | None, told: str) -> None:
    one = item()
    one.answered(ONE, Answer("1"))
    one.answered(SCORED, Answer("2", score=score))
    assert judge(row(one), ("one", "two")) is RowStatus.FAILED
    assert told in row(one).errors[0].error


def test_an_item_that_is_done_over_goes_on_behind_its_good_answers() -> None:
    one = item()
    one.answered(ONE, Answer("1", "m", 0.25, 3))
    one.answered(SCORED, Answer("2", score=1.0))
    assert kept_answers(row(one), ("one", "two")) == {"one": Answer("1", "m", 0.0, 0)}
    sorry = item()
    sorry.failed(ONE, EngineAnswerError("apologised", answer=APOLOGY))
    assert kept_answers(row(sorry), ("one", "two")) == {}


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (AuthenticationError("", status_code=401), True),
        (RateLimitError("", status_code=429), True),
        (InvalidRequestError("", status_code=422, reason="chainConfig.phases[0].model: unknown"), True),
        (InvalidRequestError("", status_code=422, reason="text: too long"), False),
        (InvalidRequestError("", status_code=413, reason="too large"), False),
        (ArtificerConnectionError("", sent=False), True),
        (ArtificerConnectionError("", sent=True), False),
        (EngineAnswerError("", answer=APOLOGY), False),
        (EngineAnswerError("", answer="made up", retryable=False), True),
        (NotCarriedError("", fields=["x"]), True),
        (ConfigurationError("query: at most 10,000 characters"), False),
        (ServerError("", status_code=502), False),
        (ReplyError(""), False),
    ],
)
def test_only_what_every_item_would_meet_ends_the_run(error: ArtificerError, *, ends: bool) -> None:
    assert ends_run(error) is ends


@pytest.mark.parametrize(
    ("phase", "more", "told"),
    [
        ({"max_tokens": 5}, {}, r"phases\[0\]\.maxTokens: a chain cannot carry it; leave it out"),
        ({"task_type": "x", "parameters": {"a": 1}}, {}, r"phases\[0\]\.parameters"),
        (
            {"validation": {"enabled": True}, "system_prompt": "x"},
            {},
            r"phases\[0\]\.systemPrompt: a chain cannot carry it of a phase with validation",
        ),
        ({"use_rag": True}, {}, r"phases\[0\]\.useRAG needs a project_id"),
        ({}, {"options": {"checkpoint_frequency": 5}}, "checkpoint_frequency: a chain has no checkpoints"),
    ],
)
def test_what_a_chain_cannot_carry_is_refused_by_name(
    phase: dict[str, Any], more: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        check_work(work({"name": "p", **phase}, **more))


def test_what_a_wire_cannot_carry_is_refused_on_that_wire_only() -> None:
    asked = work({"name": "p", "use_rag": True}, project_id="a")
    check_work(asked)
    check_dialect(asked, "rest")
    with pytest.raises(NotCarriedError, match=r"phases\[0\]\.useRAG"):
        check_dialect(asked, "trpc")
    check_dialect(work({"name": "p", "use_rag": False}), "trpc")


@pytest.mark.parametrize("values", [(0, 0), (51, 0), (5, -1)])
def test_hands_and_retries_that_make_no_sense_are_refused(values: tuple[int, int]) -> None:
    with pytest.raises(ConfigurationError):
        read_chaining(*values)


def test_a_minimum_is_asked_of_the_last_phase_and_only_once() -> None:
    assert [phase.validation for phase in validated((ONE, TWO), 7.0)] == [
        None,
        {"enabled": True, "min_score": 7.0},
    ]
    with pytest.raises(ConfigurationError, match="min_score is 11"):
        validated((ONE,), 11)
    with pytest.raises(ConfigurationError, match=r"phases\[1\]\.validation and min_score both ask"):
        validated((ONE, SCORED), 5)
