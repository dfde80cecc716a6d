"""Exports, usage, models and keys: what an engine tells of itself, by either client on each wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.shared import CALL_TOKENS
from support.wires import SYNC, open_client

from artificer_provider.client.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotCarriedError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine
    from support.model_server import ModelServer
    from support.wires import Wire

    from artificer_provider.client import Artificer

UNKNOWN = "nobody/no-such-model"


@pytest.fixture
def talk(client: Artificer, models: ModelServer, name: str) -> Iterator[str]:
    """A conversation with a question and its answer."""
    begun = client.conversations.create(title=name)
    assert client.chat.send(begun.id, "Hello.").model == models.model
    yield begun.id
    client.conversations.delete(begun.id)


def test_a_conversation_is_exported_in_each_format_that_is_offered(
    client: Artificer, talk: str, name: str
) -> None:
    formats = [one.id for one in client.export.list_formats()]
    assert {"markdown", "json", "html"} <= set(formats)
    for one in formats:
        found = client.export.conversation(talk, one)
        assert (found.format, found.metadata.title, found.metadata.total_messages) == (one, name, 2)
        assert "Hello." in (found.text or "")
    everything = client.export.all("json", group_by_conversation=False).metadata
    assert (everything.total_conversations or 0) >= 1


def test_a_format_that_is_not_offered_is_refused_by_name(client: Artificer, talk: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"format: .*markdown") as caught:
        client.export.conversation(talk, "docx")
    assert not caught.value.retryable
    with pytest.raises(InvalidRequestError, match=r"format: .*markdown"):
        client.export.all("docx")


def test_a_conversation_that_is_not_there_is_not_exported(client: Artificer) -> None:
    with pytest.raises(NotFoundError):
        client.export.conversation("no-such-conversation")


def test_what_was_used_is_counted(client: Artificer, talk: str) -> None:
    assert talk
    used = client.usage.get_session_stats()
    assert used.conversation_count >= 1
    assert used.message_count >= 2
    assert (used.total_tokens or 0) >= CALL_TOKENS
    said = client.usage.get_model_usage()
    assert {one.role for one in said.by_role} == {"user", "assistant"}
    assert sum(one.percentage or 0 for one in said.by_role) == pytest.approx(100, abs=0.1)


def test_models_are_told_of_with_what_they_did(client: Artificer, talk: str) -> None:
    assert talk
    everything = client.monitoring.get_models()
    assert everything.error is None
    assert "small" in {one.model for one in everything.usage}
    assert [one.model for one in client.monitoring.get_usage().usage] == [
        one.model for one in everything.usage
    ]
    (health,) = [one for one in client.monitoring.get_health().health if one.model == "small"]
    assert (health.is_healthy, health.error) == (True, None)
    assert client.monitoring.get_capabilities().capabilities["small"].supports_streaming
    assert client.monitoring.check_model("small").health.is_healthy


def test_a_model_that_there_is_not_is_named_wherever_it_is_asked_for(client: Artificer, wire: Wire) -> None:
    checked = client.monitoring.check_model(UNKNOWN).health
    assert (checked.is_healthy, UNKNOWN in (checked.error or "")) == (False, True)
    assert client.models.list(provider="nobody") == []
    with pytest.raises(InvalidRequestError, match=UNKNOWN):
        client.conversations.create(model=UNKNOWN)
    with pytest.raises(InvalidRequestError, match=UNKNOWN):
        client.orchestration.process_text("Hello.", [{"name": "p", "model": UNKNOWN}])
    with pytest.raises(InvalidRequestError, match=UNKNOWN):
        client.batch.create("n", [{"input": "Hello."}], [{"name": "p", "model": UNKNOWN}])
    # A deployed engine chooses the model itself.
    with pytest.raises(NotCarriedError if wire.is_trpc else InvalidRequestError, match="model"):
        client.orchestration.execute("Hello.", model=UNKNOWN)


def test_models_are_listed_and_chosen(client: Artificer, models: ModelServer) -> None:
    assert models.calls == []
    listed = {one.id: one for one in client.models.list()}
    assert (listed["small"].input_cost, listed["small"].output_cost) == (1.0, 2.0)
    assert len(client.models.list(limit=1)) == 1
    cheap = client.models.test_selection({"maxCost": 0.0})
    assert cheap.selected is not None
    assert cheap.selected.id != "small"
    every = client.models.test_selection({}, show_all=True)
    assert (every.match_count, every.selected) == (len(every.matches), None)
    none = client.models.test_selection({"minInputTokens": 10**12})
    assert (none.selected, none.matches, bool(none.message)) == (None, [], True)
    assert client.models.refresh().model_count == client.models.get_cache_status().model_count
    assert {one.id for one in client.models.list_fallback()} <= listed.keys()
    assert models.calls == []


def test_a_caller_learns_whose_key_it_is(
    client: Artificer, honest: Engine, speaker: tuple[str, Wire]
) -> None:
    assert client.auth.public().message
    assert (client.auth.protected().user_id, client.auth.whoami().user.id) == ("local", "local")
    kind, wire = speaker
    with open_client(kind, honest.url, wire, api_key="") as nobody:
        assert nobody.auth.public().message
        for refused in (nobody.auth.protected, nobody.auth.whoami):
            with pytest.raises(AuthenticationError):
                refused()


def test_a_client_says_how_its_engine_speaks(honest: Engine, wire: Wire) -> None:
    with open_client(SYNC, honest.url, wire) as client:
        assert client.dialect == (None if wire.dialect == "auto" else wire.dialect)
        client.auth.public()
        assert client.dialect == ("rest" if wire.dialect == "auto" else wire.dialect)
        assert client.with_options(retries=0).dialect == client.dialect
