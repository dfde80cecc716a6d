"""One turn of a conversation, put once however often its task is tried."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from artificer_provider.batch.plan import as_mapping
from artificer_provider.client.apologies import is_apology

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.types import Logger

    from artificer_provider.batch.plan import Json
    from artificer_provider.client import Artificer
    from artificer_provider.client.models.messages import Message
    from artificer_provider.operators._store import RunStore

#: Under it stands how far the turn is. Never to be renamed: a retry finds it.
TURN = "artificer_turn"
#: How long an answer that an earlier try asked for may still be under way (seconds), and how often to look.
UNDER_WAY = 150.0
LOOK_AGAIN = 2.0
#: Characters of an answer that make a line of the log, unless it has lines of its own.
_LINE = 200


class Turn:
    """
    A message and its answer.

    :param store: where a later try finds how far it is.
    """

    def __init__(self, client: Artificer, store: RunStore, message: str, log: Logger) -> None:
        self._client = client
        self._store = store
        self._message = message
        self._log = log
        self._known = as_mapping(store.get(TURN))

    def begun(self) -> str | None:
        """Name the conversation that an earlier try began."""
        known = self._known.get("conversation_id")
        return known if isinstance(known, str) else None

    def begin(self, conversation: str) -> None:
        """Write down which conversation was made for the message."""
        self._note(conversation)
        self._log.info("Conversation %s.", conversation)

    def answer(self, conversation: str) -> dict[str, Json]:
        """Put the message and tell the answer, or take the one that an earlier try asked for."""
        before = self._known.get("messages") if self.begun() == conversation else None
        if isinstance(before, int) and (kept := self._kept(conversation, before)) is not None:
            self._log.info("The answer was asked for by an earlier try: %s", kept.content)
            return _told(conversation, kept)
        said = self._client.chat.get_messages(conversation)
        self._note(conversation, len(said))
        self._tell(conversation)
        answer = _answer_in(self._client.chat.get_messages(conversation)[len(said) :], self._message)
        return _told(conversation, answer)

    def _note(self, conversation: str, messages: int | None = None) -> None:
        self._known = {"conversation_id": conversation, "messages": messages}
        self._store.set(TURN, {"conversation_id": conversation, "messages": messages})

    def _kept(self, conversation: str, before: int) -> Message | None:
        """Find the answer to a message that an earlier try put; None when the engine has not kept it."""
        give_up_at = time.monotonic() + UNDER_WAY
        while True:
            answer = _answer_in(self._client.chat.get_messages(conversation)[before:], self._message)
            if answer is not None:
                return None if is_apology(answer.content) else answer
            if time.monotonic() >= give_up_at:
                return None
            time.sleep(LOOK_AGAIN)

    def _tell(self, conversation: str) -> None:
        """Put the message, and log the answer while it comes, where the engine streams."""
        if self._client.dialect != "rest" and not self._client.trpc_prefix:
            self._log.info("%s", self._client.chat.send(conversation, self._message).content)
            return
        line = ""
        for chunk in self._client.chat.stream(conversation, self._message):
            *lines, line = (line + chunk.content).split("\n")
            for whole in lines:
                self._log.info("%s", whole)
            if len(line) > _LINE and " " in line:
                whole, line = line.rsplit(" ", 1)
                self._log.info("%s", whole)
        if line:
            self._log.info("%s", line)


def _answer_in(messages: Sequence[Message], message: str) -> Message | None:
    """Find the answer that follows a message."""
    for asked, answer in pairwise(messages):
        if asked.role == "user" and asked.content == message and answer.role == "assistant":
            return answer
    return None


def _told(conversation: str, answer: Message | None) -> dict[str, Json]:
    return {
        "conversation_id": conversation,
        "message_id": None if answer is None else answer.id,
        "answer": None if answer is None else answer.content,
        "model": None if answer is None else answer.model,
        "cost": None if answer is None else answer.cost,
        "tokens": None if answer is None else answer.tokens,
    }
