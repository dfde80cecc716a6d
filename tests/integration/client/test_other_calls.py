"""Orchestration, images and health, by either client on each wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import pdfs
from support.shared import CALL_COST
from support.wires import REST, TRPC, TRPC_OF_NEXT, open_client

from artificer_provider.client.errors import InvalidRequestError, NotCarriedError, NotFoundError, ServerError

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.wires import Wire

    from artificer_provider.client import Artificer

PHASES: list[dict[str, Any]] = [
    {"name": "a"},
    {"name": "b", "model": "small", "system_prompt": "Be brief.", "temperature": 0.0},
]
PNG = b"\x89PNG\r\n\x1a\n"
QUOTE = "The quick brown fox jumps over the lazy dog, twice."


def test_each_phase_is_put_to_the_text_itself(client: Artificer, models: ModelServer) -> None:
    done = client.orchestration.process_text("Hello.", PHASES)
    assert [(found.phase, found.response, found.model) for found in done.chain_results] == [
        ("a", ">Hello.", models.model),
        ("b", ">Hello.", models.model),
    ]
    taken = [found.metadata for found in done.chain_results]
    assert [found.cost for found in taken] == [pytest.approx(CALL_COST)] * 2
    assert all(found.processing_time is not None and found.cache_hit is False for found in taken)
    assert done.metadata.total_cost == pytest.approx(2 * CALL_COST)
    assert done.metadata.phase_count == 2
    assert models.calls[1]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert models.calls[1]["temperature"] == 0.0


def test_a_chain_gives_each_phase_the_answer_before_it(client: Artificer, models: ModelServer) -> None:
    answers = client.orchestration.chain("Hello.", PHASES)
    assert [(found.phase, found.response) for found in answers] == [("a", ">Hello."), ("b", ">>Hello.")]
    assert models.texts() == ["Hello.", ">Hello."]


def test_analytics_list_the_latest_decisions_newest_first(client: Artificer, models: ModelServer) -> None:
    models.failures["No."] = [400]
    client.orchestration.process_text("Hello.", PHASES[:1])
    with pytest.raises(ServerError):
        client.orchestration.process_text("No.", PHASES[:1])
    found = client.orchestration.get_analytics(limit=2)
    failed, good = found.decisions
    assert [failed.prompt_length, good.prompt_length] == [3, 6]
    assert [failed.successful, good.successful] == [False, True]
    assert good.executed_model == models.model
    assert good.total_cost == pytest.approx(CALL_COST)
    assert good.created_at is not None
    assert failed.created_at is not None
    assert good.created_at <= failed.created_at
    assert (found.summary.total, found.summary.successful) == (2, 1)
    assert found.summary.model_distribution == {models.model: 1}
    assert client.orchestration.get_analytics(conversation_id="none").decisions == []


def test_a_query_is_answered_where_the_wire_has_such_a_call(
    client: Artificer, models: ModelServer, wire: Wire
) -> None:
    if wire.is_trpc:
        with pytest.raises(NotCarriedError, match="a query outside of a conversation"):
            client.orchestration.execute("Hello.")
        assert models.calls == []
    else:
        done = client.orchestration.execute("Hello.")
        assert (done.response, done.model) == (">Hello.", models.model)
        assert done.cost == pytest.approx(CALL_COST)


def test_a_model_that_fails_is_named_and_not_asked_again(client: Artificer, models: ModelServer) -> None:
    models.failures["Hello."] = [400]
    with pytest.raises(ServerError, match=r"a: .* answered 400: .*told to fail") as caught:
        client.orchestration.process_text("Hello.", PHASES)
    assert caught.value.status_code == 502
    assert len(models.calls) == 1


def test_a_conversation_that_is_not_there_is_said_so(client: Artificer) -> None:
    with pytest.raises(NotFoundError, match=r"(?i)conversation") as caught:
        client.orchestration.chain_chat("c1", "Hello.")
    assert (caught.value.status_code, caught.value.retryable) == (404, False)


def test_the_text_of_a_pdf_is_read(client: Artificer, wire: Wire) -> None:
    pdf = pdfs.text_pdf(f"First page. {QUOTE}", f"Second page. {QUOTE}", Title="Two pages")
    found = client.images.process_pdf(pdf, local="never")
    assert found.text == f"First page. {QUOTE}\nSecond page. {QUOTE}"
    said = found.metadata
    assert (said.pages, said.method, said.title, said.ocr_used) == (2, "direct", "Two pages", False)
    checked = client.images.check_pdf_needs_ocr(pdf, 10)
    assert (checked.needs_ocr, checked.pages, checked.text_length) == (False, 2, len(found.text))


def test_an_image_that_is_none_is_refused(client: Artificer) -> None:
    with pytest.raises(InvalidRequestError, match="no image") as caught:
        client.images.extract_text_from_image(PNG)
    assert caught.value.status_code in (400, 422)


def test_the_engine_says_how_it_is(client: Artificer) -> None:
    found = client.health()
    assert (found.status, found.mode) == ("ok", "embedded")
    assert found.version is not None


@pytest.mark.parametrize("wire", [REST, TRPC, TRPC_OF_NEXT])
def test_health_needs_no_key(honest: Engine, kind: str, wire: Wire) -> None:
    with open_client(kind, honest.url, wire, api_key=None) as stranger:
        assert stranger.health().status == "ok"
