from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from artificer_provider.client.models.batch import PhaseConfig
from artificer_provider.engine.answering.base import AnswerError
from artificer_provider.engine.answering.extractive import Extractive, Likeness
from artificer_provider.engine.answering.minilm import MiniLM, is_installed
from artificer_provider.engine.answering.tasks import Classify, Extract, QuestionAnswering, Summarize
from artificer_provider.engine.answering.tfidf import TfIdf
from artificer_provider.engine.answering.words import phrases

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = (
    "The river rose after three days of rain. Farmers along the river moved their cattle. "
    "A film opened in the city. The rain and the river took two bridges. Repairs will take until May."
)
LABELS = {"weather": "rain, floods, rivers and storms", "film": "cinema, actors and directors"}
NEEDS_WHEELS = pytest.mark.skipif(not is_installed(), reason="the extra engine-models is not installed")


@pytest.fixture(scope="module", params=[pytest.param(MiniLM, marks=NEEDS_WHEELS), TfIdf])
def extractive(request: pytest.FixtureRequest) -> Iterator[Extractive]:
    likeness: Likeness = request.param()
    with ThreadPoolExecutor(2) as pool:
        yield Extractive(likeness, pool)


def test_a_summary_is_sentences_of_the_text_in_their_order(extractive: Extractive) -> None:
    summary = extractive.carry_out(Summarize(sentences=2), TEXT)
    assert summary == "The river rose after three days of rain. The rain and the river took two bridges."


def test_a_short_text_is_its_own_summary(extractive: Extractive) -> None:
    assert extractive.carry_out(Summarize(), "  ") == ""
    assert extractive.carry_out(Summarize(), "Only one") == "Only one"
    assert extractive.carry_out(Summarize(sentences=9), TEXT) == TEXT


def test_the_label_that_fits_is_chosen(extractive: Extractive) -> None:
    assert extractive.carry_out(Classify(labels=LABELS), TEXT) == "weather"
    assert (
        extractive.carry_out(Classify(labels=LABELS), "The actors of the film met its directors.") == "film"
    )
    assert extractive.carry_out(Classify(labels=["cattle", "film"]), "Their cattle drowned.") == "cattle"


def test_an_empty_text_has_no_label_and_no_answer(extractive: Extractive) -> None:
    with pytest.raises(AnswerError, match=r"extractive-\w+ found nothing .* weather, film"):
        extractive.carry_out(Classify(labels=LABELS), " ")
    assert extractive.carry_out(QuestionAnswering(question="Why?"), " ") == ""
    assert extractive.carry_out(Extract(), " ") == ""


def test_a_question_is_answered_by_a_sentence(extractive: Extractive) -> None:
    answer = extractive.carry_out(QuestionAnswering(question="How long do the repairs take?"), TEXT)
    assert answer == "Repairs will take until May."


def test_keywords_are_words_of_the_text_and_as_many_as_asked(extractive: Extractive) -> None:
    keywords = extractive.carry_out(Extract(count=3), TEXT).split(", ")
    assert len(keywords) == 3
    assert all(keyword in TEXT for keyword in keywords)
    assert any("river" in keyword for keyword in keywords)


def test_phrases_stop_at_words_that_say_nothing() -> None:
    assert phrases("The old stone bridge and the Old Stone Bridge of Mostar", 5) == [
        "old stone bridge",
        "Mostar",
    ]


async def test_an_answer_names_its_model_and_costs_nothing(extractive: Extractive) -> None:
    answer = await extractive.answer(PhaseConfig(name="p", task_type="summarize"), TEXT)
    assert (answer.model, answer.cost, answer.tokens) == (extractive.model, 0.0, 0)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_the_largest_text_is_summarized_in_words() -> None:
    with ThreadPoolExecutor(1) as pool:
        text = " ".join(f"Sentence {n} speaks of topic {n % 40} and of the river." for n in range(1_900))[
            :100_000
        ]
        assert Extractive(TfIdf(), pool).carry_out(Summarize(), text).count(".") == 2
