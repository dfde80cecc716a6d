"""A message and its answer, put once however often its task is tried."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from support.airflow import StoreDouble, context
from support.shared import API_KEY, DEPLOYED, HONEST

from artificer_provider.client import Artificer
from artificer_provider.client.errors import ConfigurationError, EngineAnswerError
from artificer_provider.operators import _chatting
from artificer_provider.operators.chat import ArtificerChatOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.model_server import ModelServer
    from support.shared import EngineWith


@pytest.fixture(
    params=[("rest", HONEST, ""), ("trpc", HONEST, ""), ("trpc", DEPLOYED, "/api/trpc")],
    ids=["rest", "trpc", "deployed"],
)
def client(
    request: pytest.FixtureRequest,
    engine_with: EngineWith,
    models: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Artificer]:
    models.open.set()
    dialect, quirks, path = request.param
    url = engine_with(quirks).url + path
    extra = {"dialect": dialect}
    fields = {"conn_type": "artificer", "host": url, "password": API_KEY, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    monkeypatch.setattr(_chatting, "UNDER_WAY", 0.3)
    monkeypatch.setattr(_chatting, "LOOK_AGAIN", 0.05)
    with Artificer(API_KEY, url, dialect=dialect) as client:
        yield client


def ask(store: StoreDouble, **arguments: Any) -> dict[str, Any]:
    return ArtificerChatOperator(task_id="t", **arguments).execute(context(store))


def said(client: Artificer, conversation: str) -> list[str]:
    return [message.content for message in client.chat.get_messages(conversation)]


def test_the_answer_is_told_in_the_log_and_goes_to_xcom(
    client: Artificer, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ask(StoreDouble(), message="How are you?")
    assert told["answer"] == said(client, told["conversation_id"])[1]
    assert told["answer"] in capsys.readouterr().out
    assert told["message_id"]


def test_a_retry_takes_the_answer_that_the_engine_has_kept(client: Artificer, models: ModelServer) -> None:
    store = StoreDouble()
    first = ask(store, message="How are you?")
    asked = len(models.texts())
    assert ask(store, message="How are you?") == first
    assert len(models.texts()) == asked
    assert len(said(client, first["conversation_id"])) == 2


def test_a_message_that_never_arrived_is_put_by_the_retry_in_the_same_conversation(
    client: Artificer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StoreDouble()
    with monkeypatch.context() as patch:
        patch.setattr(_chatting.Turn, "_tell", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            ask(store, message="How are you?")
    begun = store.values[_chatting.TURN]["conversation_id"]
    told = ask(store, message="How are you?")
    assert told["conversation_id"] == begun
    assert said(client, begun) == ["How are you?", told["answer"]]


def test_an_apology_is_no_answer_and_the_retry_asks_again(
    client: Artificer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StoreDouble()
    conversation = client.conversations.create().id
    with monkeypatch.context() as patch:
        patch.setattr(_chatting.Turn, "_tell", lambda *_: (_ for _ in ()).throw(_apology()))
        with pytest.raises(AirflowException, match="apologised"):
            ask(store, message="How are you?", conversation_id=conversation)
    client.messages.create(conversation, "user", "How are you?")
    client.messages.create(conversation, "assistant", APOLOGY)
    assert ask(store, message="How are you?", conversation_id=conversation)["answer"] != APOLOGY


APOLOGY = "Sorry, I encountered an error. Please try again."


def _apology() -> EngineAnswerError:
    return EngineAnswerError("The engine apologised.", answer=APOLOGY)


def test_a_conversation_goes_on(client: Artificer) -> None:
    first = ask(StoreDouble(), message="One?")
    second = ask(StoreDouble(), message="Two?", conversation_id=first["conversation_id"])
    assert said(client, first["conversation_id"]) == ["One?", first["answer"], "Two?", second["answer"]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"message": " "}, "message is empty"),
        ({"message": "x" * 10_001}, "message has 10,001 characters"),
        ({"conversation_id": "c", "model": "m"}, "for a new conversation"),
    ],
)
def test_what_can_be_checked_is_checked_when_the_dag_is_parsed(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        ArtificerChatOperator(task_id="t", **{"message": "Hello", **changes})
