"""Conversations and messages, by either client on each wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from artificer_provider.client.errors import ArtificerError, InvalidRequestError, NotFoundError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.model_server import ModelServer

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.conversations import Conversation


@pytest.fixture
def talk(client: Artificer, name: str) -> Iterator[Conversation]:
    begun = client.conversations.create(title=name, system_prompt="Be brief.", temperature=0.5)
    yield begun
    client.conversations.delete(begun.id)


def test_a_conversation_keeps_what_it_is_given(client: Artificer, talk: Conversation, name: str) -> None:
    assert (talk.title, talk.system_prompt, talk.temperature, talk.messages) == (name, "Be brief.", 0.5, [])
    changed = client.conversations.update(talk.id, title="Another", max_tokens=50)
    found = client.conversations.get(talk.id)
    for one in (changed, found):
        assert (one.title, one.system_prompt, one.max_tokens) == ("Another", "Be brief.", 50)
    named = client.conversations.name_after(
        talk.id, "Hello there, this is rather long for a title, is it not?"
    )
    assert named.title == "Hello there, this is rather long for a title, i..."


def test_a_message_is_answered_and_both_are_kept(
    client: Artificer, talk: Conversation, models: ModelServer
) -> None:
    answer = client.chat.send(talk.id, "Is the bridge open?")
    assert (answer.content, answer.role) == (">Is the bridge open?", "assistant")
    assert client.conversations.send_message(talk.id, "And now?").content == ">And now?"
    assert len(models.calls) == 2
    everything = ["Is the bridge open?", ">Is the bridge open?", "And now?", ">And now?"]
    kept = client.conversations.get(talk.id).messages
    assert [said.content for said in kept] == everything
    assert [said.content for said in client.chat.get_messages(talk.id)] == everything
    assert [said.content for said in client.messages.iter(talk.id)] == everything
    assert [said.content for said in client.messages.list(talk.id, limit=2, offset=1)] == everything[1:3]
    assert all(said.created_at is not None for said in client.chat.get_messages(talk.id))


def test_a_message_is_written_changed_and_removed(client: Artificer, talk: Conversation) -> None:
    said = client.messages.create(talk.id, "user", "Hi")
    assert (said.role, said.content, said.conversation_id) == ("user", "Hi", talk.id)
    assert client.messages.update(said.id, "Hello").content == "Hello"
    assert [one.content for one in client.messages.list(talk.id)] == ["Hello"]
    client.messages.delete(said.id)
    assert client.messages.list(talk.id) == []


def test_conversations_are_listed_the_latest_changed_first(client: Artificer, name: str) -> None:
    made = [client.conversations.create(title=f"{name} {number}").id for number in range(3)]
    client.messages.create(made[0], "user", "Hi")
    latest = client.conversations.list(limit=3)
    assert [one.id for one in latest] == [made[0], made[2], made[1]]
    assert latest[0].message_count == 1
    assert [one.id for one in client.conversations.list(limit=1, offset=1)] == [made[2]]
    assert [one.id for one in client.conversations.iter()][:3] == [made[0], made[2], made[1]]
    for one in made:
        client.conversations.delete(one)
    assert not {one.id for one in client.conversations.iter()} & set(made)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.chat.send("nope", "Hi"),
        lambda c: c.chat.get_messages("nope"),
        lambda c: c.conversations.get("nope"),
        lambda c: c.conversations.update("nope", title="T"),
        lambda c: c.conversations.name_after("nope", "Hi"),
        lambda c: c.conversations.delete("nope"),
        lambda c: c.conversations.create(project_id="nope"),
        lambda c: c.messages.create("nope", "user", "Hi"),
        lambda c: c.messages.list("nope"),
        lambda c: c.messages.update("nope", "Hi"),
        lambda c: c.messages.delete("nope"),
    ],
)
def test_what_there_is_not_is_not_found(client: Artificer, call: Callable[[Artificer], object]) -> None:
    with pytest.raises(NotFoundError) as caught:
        call(client)
    assert not caught.value.retryable


def test_a_role_that_there_is_not_is_refused(client: Artificer, talk: Conversation) -> None:
    with pytest.raises(InvalidRequestError):
        client.messages.create(talk.id, "system", "Hi")  # type: ignore[arg-type] # what the engine makes of it


def test_a_model_that_fails_leaves_an_error_and_no_answer(
    client: Artificer, talk: Conversation, models: ModelServer
) -> None:
    models.failures["No."] = [400]
    with pytest.raises(ServerError):
        client.chat.send(talk.id, "No.")
    assert len(models.calls) == 1
    said: list[str] = [one.content for one in client.chat.get_messages(talk.id) if one.role == "assistant"]
    assert said == []


def test_an_id_that_no_engine_can_have_is_an_error_of_ours(client: Artificer) -> None:
    with pytest.raises(ArtificerError):
        client.conversations.get("\0")
