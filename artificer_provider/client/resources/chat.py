"""Chat: a message that is put to a conversation, and its answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.client._core import (
    C,
    EventsOf,
    Flow,
    Repeat,
    Request,
    Resource,
    Rest,
    flow,
    mutation,
    query,
    stream,
)
from artificer_provider.client.dialects.rest import EVENT_STREAM
from artificer_provider.client.models.chat import ChatChunk, ChatReply, SendMessage
from artificer_provider.client.resources import _deployed
from artificer_provider.client.resources._answers import ANSWER_TIMEOUT, answered
from artificer_provider.client.resources._checked import beyond, checked, known_by, path
from artificer_provider.client.resources._pages import all_of, pages
from artificer_provider.client.resources.messages import CONVERSATIONS, MessageList

if TYPE_CHECKING:
    from artificer_provider.client.resources._pages import Page

CHAT = "/api/chat"
#: Where a deployed engine has its stream, beside the procedures (WIRE §7).
STREAM = "/api/stream/chat"

_TRPC_MESSAGE = frozenset({"content", "conversation_id"})


class Chat(Resource[C]):
    """Messages put to a conversation, and their answers."""

    @flow
    def send(self, conversation_id: str, content: str, *, use_rag: bool | None = None) -> Flow[ChatReply]:
        """
        Put a message to a conversation, and wait for the answer. The engine keeps both in it.

        It is not sent again by itself once it may have been billed. No answer within 150 s is an error.

        :param content: 1 to 10,000 characters.
        :param use_rag: whether the documents of the conversation's project are looked up for the answer.
        :raises NotFoundError: when there is no such conversation.
        :raises EngineAnswerError: when the engine apologises instead of answering, or, in demo mode, invents.
            The conversation has kept what was asked, and what was said instead.
        :raises NotCarriedError: when ``use_rag`` is given to a deployed engine.
        """
        return ask(conversation_id, content, use_rag=use_rag)

    @flow
    def get_messages(self, conversation_id: str) -> Flow[MessageList]:
        """
        Fetch all that was said in a conversation, oldest first. ``messages.iter`` needs less memory.

        :raises NotFoundError: when there is no such conversation.
        """
        return all_of(pages(partial(_said_in, conversation_id)))

    @stream
    def stream(
        self, conversation_id: str, message: str, *, use_rag: bool | None = None
    ) -> EventsOf[ChatChunk]:
        """
        Put a message to a conversation, and read the answer while it is given. The engine keeps both.

        ``text`` of what comes back is the answer so far; the last chunk is empty, and tells what it took and
        as which message the engine has kept it.

        :param message: 1 to 10,000 characters.
        :param use_rag: whether the project's documents are looked up for the answer, where there are any;
            they are unless this is False. A deployed engine cannot be told.
        :raises NotFoundError: when there is no such conversation, or the engine has no streams.
        :raises NotCarriedError: when ``use_rag`` is given to a deployed engine.
        :raises StreamError: when it breaks off, and ``StreamCutError`` when that is without a word; the text
            so far is in it.
        :raises EngineAnswerError: at the end, when the engine apologised instead of answering.
        """
        doing = f"streaming the answer in conversation {conversation_id}"
        body = checked(SendMessage, doing, content=message, conversation_id=conversation_id, use_rag=use_rag)
        plain = Rest("POST", STREAM, body=body, accept=EVENT_STREAM)
        return EventsOf(
            Request(
                doing,
                ChatChunk,
                rest=Rest("POST", f"{CHAT}/stream", body=body, accept=EVENT_STREAM),
                trpc=plain if use_rag is None else mutation("chat.stream", not_carried=("useRAG",)),
                repeat=Repeat.UNSENT,
                timeout=ANSWER_TIMEOUT,
            ),
            name="chunk",
            text=lambda chunk: chunk.content,
            model=lambda chunk: chunk.metadata.model,
            kept="The engine may have kept the whole answer: look with "
            f"chat.get_messages({conversation_id!r}) before the message is sent again, which nothing does by "
            "itself.",
            instead="chat.send",
        )


def ask(conversation_id: str, content: str, *, use_rag: bool | None) -> Flow[ChatReply]:
    """Put a message to a conversation."""
    doing = f"sending a message to conversation {conversation_id}"
    body = checked(
        SendMessage, doing, content=content, conversation_id=known_by(conversation_id), use_rag=use_rag
    )
    done: ChatReply = yield Request(
        doing,
        ChatReply,
        rest=Rest("POST", f"{CHAT}/send", body=body),
        trpc=mutation("chat.sendMessage", body, not_carried=tuple(beyond(body, _TRPC_MESSAGE))),
        repeat=Repeat.UNSENT,
        timeout=ANSWER_TIMEOUT,
    )
    return answered(done, doing, done.content, done.model)


def _said_in(conversation_id: str, page: Page) -> Request[MessageList]:
    rest = Rest("GET", path(CONVERSATIONS, conversation_id) + "/messages", page.params)
    said, read = {"conversationId": conversation_id}, page.of(_deployed.whole, _deployed.message)
    trpc = query("chat.getMessages", said, read=read)
    return Request(f"fetching what was said in conversation {conversation_id}", MessageList, rest, trpc)
