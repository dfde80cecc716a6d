"""Answers that are told while they are made, by either client on each wire."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from support.shared import CALL_COST, CALL_TOKENS
from support.waiting import wait_until
from support.wires import ASYNC, REST, SYNC, TRPC, TRPC_OF_NEXT, open_client

from artificer_provider.client.errors import NotFoundError, StreamCutError, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.engine import Engine
    from support.model_server import ModelServer
    from support.wires import Wire

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.chat import ChatChunk
    from artificer_provider.client.models.orchestration import ChainProgress
    from artificer_provider.client.streams import EventStream

    Told = EventStream[ChatChunk] | EventStream[ChainProgress]

SAID = "Is the bridge open?"
ANSWER = f">{SAID}"
UNKNOWN = "no-such-conversation"
STREAMS: dict[str, Callable[[Artificer, str], Told]] = {
    "chat": lambda client, conversation: client.chat.stream(conversation, SAID),
    "orchestration": lambda client, conversation: client.orchestration.stream(conversation, SAID),
}


@pytest.fixture
def conversation(client: Artificer, models: ModelServer, name: str) -> Iterator[str]:
    """A conversation whose model answers each text with the text."""
    begun = client.conversations.create(title=name)
    yield begun.id
    models.flowing.set()
    client.conversations.delete(begun.id)


@pytest.fixture(params=STREAMS)
def begin(request: pytest.FixtureRequest) -> Callable[[Artificer, str], Told]:
    """How a stream is asked for."""
    return STREAMS[str(request.param)]


def spoken(client: Artificer, conversation: str) -> list[str]:
    return [message.content for message in client.messages.list(conversation)]


def test_an_answer_is_told_as_it_comes_and_then_what_it_took(
    client: Artificer, conversation: str, models: ModelServer
) -> None:
    models.flowing.clear()
    answer = client.chat.stream(conversation, SAID)
    first = next(answer)
    assert (first.content, first.finished, answer.text) == (">Is ", False, ">Is ")
    assert spoken(client, conversation) == []  # the engine has neither the answer nor an end of it
    models.flowing.set()
    *_, last = answer
    assert answer.text == ANSWER
    assert (last.content, last.finished) == ("", True)
    told = last.metadata
    assert (told.model, told.token_count) == (models.model, CALL_TOKENS)
    assert told.cost == pytest.approx(CALL_COST)
    _, kept = client.messages.list(conversation)
    assert (kept.id, kept.content) == (told.message_id, ANSWER)
    assert models.texts() == [SAID]


def test_an_orchestration_is_told_step_by_step_and_then_its_answer(
    client: Artificer, conversation: str, models: ModelServer
) -> None:
    models.open.clear()
    progress = client.orchestration.stream(conversation, SAID)
    begun = [next(progress), next(progress)]
    assert [step.type for step in begun] == ["routing", "executing"]
    assert progress.text == ""
    models.open.set()
    (last,) = progress
    assert (last.type, last.progress, progress.text) == ("complete", 1.0, ANSWER)
    assert spoken(client, conversation) == [SAID, ANSWER]


def test_a_stream_that_is_closed_early_leaves_the_answer_with_the_engine(
    client: Artificer, conversation: str, models: ModelServer
) -> None:
    models.flowing.clear()
    with client.chat.stream(conversation, SAID) as answer:
        assert next(answer).content == ">Is "
    assert list(answer) == []
    assert answer.text == ">Is "
    models.flowing.set()
    wait_until(lambda: spoken(client, conversation) == [SAID, ANSWER], "the engine keeps its answer")
    assert models.texts() == [SAID]


def test_a_model_that_breaks_off_is_an_error_with_the_text_so_far(
    client: Artificer, conversation: str, models: ModelServer
) -> None:
    models.breaks[SAID] = "out of memory"
    with pytest.raises(StreamError, match="out of memory") as caught:
        list(client.chat.stream(conversation, SAID))
    assert (caught.value.text, caught.value.events) == (">Is ", 1)
    assert type(caught.value) is StreamError
    assert models.texts() == [SAID]
    assert spoken(client, conversation) == []


def test_a_deadline_ends_a_stream_that_goes_on(
    client: Artificer, conversation: str, models: ModelServer
) -> None:
    models.flowing.clear()
    with pytest.raises(StreamCutError) as caught:
        list(client.with_options(deadline=1.0).chat.stream(conversation, SAID))
    assert caught.value.text == ">Is "
    assert f"chat.get_messages('{conversation}')" in str(caught.value)


def test_a_conversation_that_is_not_there_is_not_found(
    client: Artificer, begin: Callable[[Artificer, str], Told], models: ModelServer
) -> None:
    with pytest.raises(NotFoundError, match=UNKNOWN):
        list(begin(client, UNKNOWN))
    assert models.texts() == []


@pytest.mark.parametrize(
    ("kind", "wire"),
    [(SYNC, REST), (ASYNC, REST), (SYNC, TRPC), (ASYNC, TRPC_OF_NEXT)],
    ids=["rest", "async rest", "trpc", "async trpc at api/trpc"],
)
def test_an_engine_that_is_killed_in_the_middle_is_a_cut_stream_with_the_text_so_far(
    kind: str, wire: Wire, llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.flowing.clear()
    with open_client(kind, llm_engine.url, wire, retries=2) as client:
        conversation = client.conversations.create().id
        answer = client.chat.stream(conversation, SAID)
        assert next(answer).content == ">Is "
        llm_engine.end(signal.SIGKILL)
        with pytest.raises(StreamCutError) as caught:
            next(answer)
        assert (caught.value.text, caught.value.events, caught.value.begun) == (">Is ", 1, True)
        assert answer.text == ">Is "
        llm_engine.start()
    with open_client(kind, llm_engine.url, wire) as client:
        assert spoken(client, conversation) == []
    assert model_server.texts() == [SAID]  # nobody asked again
