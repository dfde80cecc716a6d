from __future__ import annotations

import pytest

from artificer_provider.batch.results import RowStatus, Tally, judge
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
    failed = row(1, status="FAILED", errors=[{"phase": "p2", "error": "too long"}], costIncurred=None)
    landed = list(tally.records([row(0), failed, row(2)]))
    assert landed[1]["error"] == "p2: too long"
    assert landed[1]["output"] is None
    assert (tally.cost, tally.tokens, tally.models) == (0.5, 9, {"m"})
    assert tally.first_failures == ["item 1: p2: too long"]
    assert tally.unsuccessful(expected=5) == 3


def test_a_cost_that_no_row_names_is_unknown_and_not_zero() -> None:
    tally = Tally(PHASES)
    list(tally.records([row(costIncurred=None, tokensUsed=None)]))
    assert tally.cost is None
    assert tally.tokens is None


def test_rows_out_of_order_are_no_proof() -> None:
    with pytest.raises(ReplyError, match="sent row 0 where row 1 was due"):
        list(Tally(PHASES).records([row(0), row(0)]))
