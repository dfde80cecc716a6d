"""What was said in conversations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from artificer_provider.client._core import (
    C,
    Many,
    Repeat,
    Request,
    Resource,
    Rest,
    endpoint,
    many,
    mutation,
    query,
)
from artificer_provider.client.models.messages import CreateMessage, Message, UpdateMessage
from artificer_provider.client.resources import _deployed
from artificer_provider.client.resources._checked import checked, path, told
from artificer_provider.client.resources._pages import page, pages

if TYPE_CHECKING:
    from artificer_provider.client.resources._pages import Page
    from artificer_provider.client.states import Role

CONVERSATIONS = "/api/conversations"
MESSAGES = "/api/messages"

MessageList = list[Message]


class Messages(Resource[C]):
    """What was said in conversations."""

    @endpoint
    def create(
        self, conversation_id: str, role: Role | Literal["user", "assistant"], content: str
    ) -> Request[Message]:
        """
        Write a message into a conversation. Nobody answers it.

        :param role: who says it.
        :param content: 1 to 10,000 characters.
        :raises NotFoundError: when there is no such conversation.
        """
        doing = f"writing a message into conversation {conversation_id}"
        body = checked(CreateMessage, doing, role=role, content=content)
        rest = Rest("POST", path(CONVERSATIONS, conversation_id) + "/messages", body=body)
        # The engine counts the tokens itself, and asks for them all the same (WIRE §5).
        trpc = mutation("messages.create", told(body, conversationId=conversation_id, tokens=0))
        return Request(doing, Message, rest, trpc, Repeat.UNSENT)

    @endpoint
    def list(self, conversation_id: str, *, limit: int = 20, offset: int = 0) -> Request[MessageList]:
        """
        List what was said in a conversation, oldest first.

        A deployed engine lists nothing of a conversation that there is not, and says no more.

        :param limit: how many at most, 1 to 100.
        :param offset: how many of the oldest to leave out.
        :raises NotFoundError: when there is no such conversation.
        """
        return _listing(conversation_id, page("listing messages", limit, offset))

    @many
    def iter(self, conversation_id: str) -> Many[Message]:
        """
        Iterate over what was said in a conversation, oldest first, asking for a page of 100 at a time.

        :raises NotFoundError: as for :meth:`list`.
        """
        return pages(partial(_listing, conversation_id))

    @endpoint
    def update(self, message_id: str, content: str) -> Request[Message]:
        """
        Put other words into a message.

        :param content: 1 to 10,000 characters.
        :raises NotFoundError: when there is no such message.
        """
        doing = f"changing message {message_id}"
        body = checked(UpdateMessage, doing, content=content)
        trpc = mutation("messages.update", told(body, id=message_id))
        rest = Rest("PATCH", path(MESSAGES, message_id), body=body)
        return Request(doing, Message, rest, trpc, Repeat.UNSENT)

    @endpoint
    def delete(self, message_id: str) -> Request[None]:
        """
        Remove a message.

        :raises NotFoundError: when there is no such message.
        """
        rest = Rest("DELETE", path(MESSAGES, message_id))
        trpc = mutation("messages.delete", message_id, read=_deployed.nothing)
        return Request(f"deleting message {message_id}", type(None), rest, trpc, Repeat.UNSENT)


def _listing(conversation_id: str, page: Page) -> Request[MessageList]:
    rest = Rest("GET", path(CONVERSATIONS, conversation_id) + "/messages", page.params)
    trpc = query(
        "messages.getByConversation", {"conversationId": conversation_id}, read=page.of(_deployed.whole)
    )
    return Request(f"listing the messages of conversation {conversation_id}", MessageList, rest, trpc)
