"""A message to a conversation, and its answer."""

from __future__ import annotations

from artificer_provider.client._core import C, EventsOf, Repeat, Request, Resource, Rest, mutation, stream
from artificer_provider.client.dialects.rest import EVENT_STREAM
from artificer_provider.client.models.chat import ChatChunk, SendMessage
from artificer_provider.client.resources._checked import checked

#: Seconds without a byte after which a stream counts as cut. A deployed engine is silent for as long as its
#: model works, and gives that 120 s (WIRE §6.6, §7).
SILENCE = 150.0


class Chat(Resource[C]):
    """A message to a conversation, and its answer. None is sent again by itself once it may be answered."""

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
        :raises StreamError: when it breaks off; the text so far is in it.
        :raises EngineAnswerError: at the end, when the engine apologised instead of answering.
        """
        doing = f"streaming the answer in conversation {conversation_id}"
        body = checked(SendMessage, doing, content=message, conversation_id=conversation_id, use_rag=use_rag)
        plain = Rest("POST", "/api/stream/chat", body=body, accept=EVENT_STREAM)
        return EventsOf(
            Request(
                doing,
                ChatChunk,
                rest=Rest("POST", "/api/chat/stream", body=body, accept=EVENT_STREAM),
                trpc=plain if use_rag is None else mutation("chat.stream", not_carried=("useRAG",)),
                repeat=Repeat.UNSENT,
                timeout=SILENCE,
            ),
            name="chunk",
            text=lambda chunk: chunk.content,
            model=lambda chunk: chunk.metadata.model,
            kept="The engine may have kept the whole answer: look with "
            f"chat.get_messages({conversation_id!r}) before the message is sent again, which nothing does by "
            "itself.",
            instead="chat.send",
        )
