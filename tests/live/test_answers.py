"""Questions and texts put to a live engine. Two short answers are billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.live import offered

from artificer_provider.client.errors import NotCarriedError

if TYPE_CHECKING:
    from artificer_provider.client import Artificer

TEXT = "The kettle boils at seven. The tea is green, and the train is late again. " * 4


def test_a_question_is_answered(client: Artificer) -> None:
    with offered("questions"):
        try:
            done = client.orchestration.execute(TEXT, task_type="summarize")
        except NotCarriedError:  # a deployed engine decides itself what kind of work it is
            done = client.orchestration.execute(TEXT)
    assert done.response


def test_a_text_is_put_through_a_phase(client: Artificer) -> None:
    with offered("texts put through phases"):
        done = client.orchestration.process_text(TEXT, [{"name": "summarize"}])
    assert [answer.phase for answer in done.chain_results] == ["summarize"]


def test_the_decisions_of_the_router_are_told(client: Artificer) -> None:
    with offered("routing analytics"):
        assert client.orchestration.get_analytics(limit=5).summary.total >= 0
