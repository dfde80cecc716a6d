from __future__ import annotations

import pytest

from artificer_provider.batch.results import RowStatus, Tally, judge, merged, to_do_over
from artificer_provider.client.errors import ReplyError
from artificer_provider.client.models.batch import BatchJobResult

PHASES = ("p1", "p2")


def row(index: int = 0, **changes: object) -> BatchJobResult:
    good = {
        "itemIndex": index,
        "input": "in",
        "metadata": {"id": index},
        "status": "COMPLETED",
        "output": "two",
        "phaseOutputs": {"p1": "one", "p2": "two"},
        "phaseModels": {"p1": "m", "p2": "m"},
        "costIncurred": 0.25,
        "tokensUsed": 3,
    }
    return BatchJobResult.model_validate({**good, **changes})


def test_an_item_with_an_answer_of_every_phase_succeeded() -> None:
    assert judge(row(), PHASES) is RowStatus.SUCCEEDED


def test_an_item_that_claims_to_be_done_without_a_phase_is_unprocessed() -> None:
    assert judge(row(phaseOutputs={"p1": "one"}), PHASES) is RowStatus.UNPROCESSED


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "SKIPPED", "OF_A_NEWER_ENGINE"])
def test_an_item_that_did_not_end_is_unprocessed(status: str) -> None:
    assert judge(row(status=status), PHASES) is RowStatus.UNPROCESSED


def test_an_item_that_failed_has_failed() -> None:
    assert judge(row(status="FAILED"), PHASES) is RowStatus.FAILED


@pytest.mark.parametrize(
    "apology",
    [
        "Sorry, I encountered an error. Please try again.",
        "Too many requests. Please wait a moment before trying again.",
        "AI service configuration issue. Please check your API settings.",
    ],
)
def test_an_apology_in_any_phase_is_no_answer(apology: str) -> None:
    outputs = {"p1": apology + " and so on", "p2": "two"}
    assert judge(row(phaseOutputs=outputs), PHASES) is RowStatus.APOLOGY


def test_what_is_landed_carries_the_answers_and_who_gave_them() -> None:
    [landed] = Tally(PHASES).records([row()])
    assert landed == {
        "index": 0,
        "status": "succeeded",
        "input": "in",
        "metadata": {"id": 0},
        "output": "two",
        "phase_outputs": {"p1": "one", "p2": "two"},
        "phase_models": {"p1": "m", "p2": "m"},
        "error": None,
        "cost": 0.25,
        "tokens": 3,
    }


def test_counts_cost_and_tokens_are_added_up() -> None:
    tally = Tally(PHASES)
    failed = row(1, status="FAILED", errors=[{"phase": "p2", "error": "too long"}])
    landed = list(tally.records([row(0), failed, row(2)]))
    assert landed[1]["error"] == "p2: too long"
    assert landed[1]["output"] is None
    assert (tally.cost, tally.tokens, tally.models) == (0.75, 9, {"m"})
    assert tally.first_failures == ["item 1: p2: too long"]


def test_a_cost_that_some_row_does_not_name_is_unknown_and_not_too_small() -> None:
    tally = Tally(PHASES)
    list(tally.records([row(0), row(1, costIncurred=None, tokensUsed=None), row(2)]))
    assert tally.cost is None
    assert tally.tokens is None


def test_an_item_that_nobody_worked_on_costs_nothing() -> None:
    tally = Tally(PHASES)
    untouched: dict[str, object] = {
        "status": "PENDING",
        "costIncurred": None,
        "tokensUsed": None,
        "phaseOutputs": {},
    }
    list(tally.records([row(0), row(1, **untouched)]))
    assert (tally.cost, tally.tokens) == (0.25, 3)


def test_rows_of_a_shard_carry_their_place_in_the_run() -> None:
    tally = Tally(PHASES, first=100)
    landed = list(tally.records([row(0), row(1, status="FAILED")]))
    assert [one["index"] for one in landed] == [100, 101]
    assert tally.first_failures == ["item 101: the engine left it FAILED"]


def test_what_was_done_over_stands_in_the_place_of_what_failed_and_costs_both() -> None:
    first = [row(0), row(1, input="b", status="FAILED"), row(2), row(3, input="d", status="PENDING")]
    over = [row(0, input="b", output="better"), row(1, input="d", status="FAILED")]
    again = [row(0, input="d", output="at last", costIncurred=1.0)]
    found = list(merged([first, over, again], PHASES))
    assert [(one.item_index, one.input, one.output) for one in found] == [
        (0, "in", "two"),
        (1, "b", "better"),
        (2, "in", "two"),
        (3, "d", "at last"),
    ]
    assert [one.cost_incurred for one in found] == [0.25, 0.5, 0.25, 1.5]
    assert [item.input for item in to_do_over(first, PHASES)] == ["b", "d"]
    assert [item.input for item in to_do_over(merged([first, over], PHASES), PHASES)] == ["d"]


def test_a_job_of_other_items_is_not_taken_for_what_was_done_over() -> None:
    with pytest.raises(ReplyError, match="has another item where item 0 was due"):
        list(merged([[row(0, status="FAILED")], [row(0, input="other")]], PHASES))


def test_rows_out_of_order_are_no_proof() -> None:
    with pytest.raises(ReplyError, match="sent row 0 where row 1 was due"):
        list(Tally(PHASES).records([row(0), row(0)]))
