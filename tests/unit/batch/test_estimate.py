from __future__ import annotations

from dataclasses import dataclass

import pytest

from artificer_provider.batch.estimate import Estimate, Price, estimate, prices_of, unpriced
from artificer_provider.batch.plan import Phase

#: US dollars for a million tokens: one token read is a millionth, one written two.
PRICES = {"small": Price(1.0, 2.0), "large": Price(10.0, 20.0)}
MILLIONTH = 1e-6


def of(*phases: Phase, items: int = 10, chars: int = 4_000, default: str | None = None) -> Estimate:
    found = estimate(phases, PRICES, default, items=items, chars=chars)
    assert found is not None
    return found


def test_one_phase_reads_its_items_and_likely_writes_as_much() -> None:
    found = of(Phase("p", model="small"))
    assert found.least == pytest.approx(400 * MILLIONTH)
    assert found.likely == pytest.approx((1_000 + 2 * 1_000) * MILLIONTH)


def test_answers_end_at_max_tokens() -> None:
    found = of(Phase("p", model="small", max_tokens=5))
    assert found.likely == pytest.approx((1_000 + 2 * 10 * 5) * MILLIONTH)
    assert of(Phase("p", model="small", max_tokens=5_000)) == of(Phase("p", model="small"))


def test_each_phase_is_given_the_answer_of_the_one_before() -> None:
    found = of(Phase("p", model="small", max_tokens=5), Phase("q", model="large"))
    assert found.likely == pytest.approx((1_000 + 2 * 50 + 10 * 50 + 20 * 50) * MILLIONTH)
    assert found.least == of(Phase("p", model="small")).least  # the answer may be of no length


def test_a_system_prompt_is_read_with_every_item_and_by_its_own_phase() -> None:
    found = of(Phase("p", model="small"), Phase("q", model="large", system_prompt="x" * 40))
    assert found.least == pytest.approx((400 + 10 * 10 * 4) * MILLIONTH)
    assert found.likely == pytest.approx((3_000 + 10 * (1_000 + 10 * 10) + 20 * 1_000) * MILLIONTH)


def test_a_phase_that_names_no_model_is_answered_by_the_default_where_that_is_known() -> None:
    assert of(Phase("p"), default="large") == of(Phase("p", model="large"))
    assert estimate([Phase("p")], PRICES, None, items=1, chars=1) is None


def test_where_one_price_is_not_known_there_is_no_estimate_and_the_model_is_named() -> None:
    phases = [Phase("p", model="small"), Phase("q", model="other"), Phase("r")]
    assert estimate(phases, PRICES, None, items=1, chars=1) is None
    assert unpriced(phases, PRICES, None) == ["other", "the engine's default model"]
    assert unpriced(phases, PRICES, "large") == ["other"]


def test_a_model_has_a_price_when_both_are_known_and_nothing_is_one() -> None:
    @dataclass(frozen=True)
    class Model:
        id: str
        input_cost: float | None
        output_cost: float | None

    models = [Model("free", 0.0, 0.0), Model("half", 1.0, None), Model("none", None, None)]
    assert prices_of(models) == {"free": Price(0.0, 0.0)}
