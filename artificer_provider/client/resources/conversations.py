"""Conversations: what a model is told before, and what was said."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.client._core import (
    C,
    Flow,
    Many,
    Repeat,
    Request,
    Resource,
    Rest,
    endpoint,
    flow,
    many,
    mutation,
    query,
)
from artificer_provider.client.models.conversations import (
    Conversation,
    ConversationSummary,
    CreateConversation,
    NameConversation,
    UpdateConversation,
)
from artificer_provider.client.resources import _deployed
from artificer_provider.client.resources._checked import checked, known_by, path, told
from artificer_provider.client.resources._pages import page, pages
from artificer_provider.client.resources.chat import ask
from artificer_provider.client.resources.messages import CONVERSATIONS

if TYPE_CHECKING:
    from artificer_provider.client._core import Trpc
    from artificer_provider.client.models.chat import ChatReply
    from artificer_provider.client.resources._pages import Page

Summaries = list[ConversationSummary]


class Conversations(Resource[C]):
    """Conversations. A deployed engine shows and changes those of everybody (WIRE §4)."""

    @endpoint
    def create(
        self,
        *,
        title: str | None = None,
        model: str | None = None,
        system_prompt: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        project_id: str | None = None,
    ) -> Request[Conversation]:
        """
        Begin a conversation. A deployed engine keeps what is given here, and answers as it always does.

        :param title: at most 1,000 characters; the first message gives one unless given.
        :param model: who answers; the engine's default unless given.
        :param system_prompt: what the model is told before, at most 100,000 characters.
        :param temperature: 0 to 2; 0.7 unless given.
        :param max_tokens: of an answer, 1 to 4,000; 1,000 unless given.
        :param project_id: the project whose documents are looked up for answers.
        :raises NotFoundError: when there is no such project.
        """
        doing = "creating a conversation"
        body = checked(
            CreateConversation,
            doing,
            title=title,
            model=model,
            system_prompt=system_prompt,
            temperature=temperature,
            max_tokens=max_tokens,
            project_id=project_id,
        )
        trpc = mutation("conversations.create", body)
        return Request(doing, Conversation, Rest("POST", CONVERSATIONS, body=body), trpc, Repeat.UNSENT)

    @endpoint
    def list(self, *, limit: int = 20, offset: int = 0, project_id: str | None = None) -> Request[Summaries]:
        """
        List conversations, the latest changed first.

        :param limit: how many at most, 1 to 100.
        :param offset: how many of the latest to leave out.
        :param project_id: only those of one project.
        :raises NotFoundError: when there is no such project.
        """
        return _listing(project_id, page("listing conversations", limit, offset))

    @many
    def iter(self, *, project_id: str | None = None) -> Many[ConversationSummary]:
        """
        Iterate over conversations, the latest changed first, asking for a page of 100 at a time.

        :param project_id: only those of one project.
        :raises NotFoundError: when there is no such project.
        """
        return pages(partial(_listing, project_id))

    @endpoint
    def get(self, conversation_id: str) -> Request[Conversation]:
        """
        Fetch a conversation and what was said in it, oldest first.

        :raises NotFoundError: when there is no such conversation.
        """
        rest = Rest("GET", path(CONVERSATIONS, conversation_id))
        trpc = query("conversations.getById", conversation_id)
        return Request(f"fetching conversation {conversation_id}", Conversation, rest, trpc)

    @endpoint
    def update(
        self,
        conversation_id: str,
        *,
        title: str | None = None,
        model: str | None = None,
        system_prompt: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Request[Conversation]:
        """
        Change a conversation. What is not given stays as it is, and limits are those of :meth:`create`.

        :raises NotFoundError: when there is no such conversation.
        """
        doing = f"changing conversation {conversation_id}"
        body = checked(
            UpdateConversation,
            doing,
            title=title,
            model=model,
            system_prompt=system_prompt,
            temperature=temperature,
            max_tokens=max_tokens,
        )
        rest = Rest("PATCH", path(CONVERSATIONS, conversation_id), body=body)
        trpc = mutation("conversations.update", told(body, conversationId=conversation_id))
        return Request(doing, Conversation, rest, trpc, Repeat.UNSENT)

    @endpoint
    def name_after(self, conversation_id: str, first_message: str) -> Request[Conversation]:
        """
        Give a conversation the title that a first message would: its beginning, 50 characters at most.

        :param first_message: 1 to 10,000 characters.
        :raises NotFoundError: when there is no such conversation.
        """
        doing = f"naming conversation {conversation_id}"
        body = checked(NameConversation, doing, first_message=first_message)
        rest = Rest("POST", path(CONVERSATIONS, conversation_id) + "/title", body=body)
        trpc = mutation("conversations.updateTitle", told(body, conversationId=conversation_id))
        return Request(doing, Conversation, rest, trpc, Repeat.UNSENT)

    @endpoint
    def delete(self, conversation_id: str) -> Request[None]:
        """
        Remove a conversation and what was said in it.

        :raises NotFoundError: when there is no such conversation.
        """
        rest = Rest("DELETE", path(CONVERSATIONS, conversation_id))
        trpc = mutation("conversations.delete", conversation_id, read=_deployed.nothing)
        return Request(f"deleting conversation {conversation_id}", type(None), rest, trpc, Repeat.UNSENT)

    @flow
    def send_message(
        self, conversation_id: str, content: str, *, use_rag: bool | None = None
    ) -> Flow[ChatReply]:
        """
        Put a message to a conversation, and wait for the answer: another name of ``chat.send``.

        :param content: 1 to 10,000 characters.
        :param use_rag: whether the documents of the conversation's project are looked up for the answer.
        :raises NotFoundError: when there is no such conversation.
        :raises EngineAnswerError: when the engine apologises instead of answering, or, in demo mode, invents.
            The conversation has kept what was asked, and what was said instead.
        :raises NotCarriedError: when ``use_rag`` is given to a deployed engine.
        """
        return ask(conversation_id, content, use_rag=use_rag)


def of_project(project_id: str, page: Page) -> Trpc:
    """Ask for the conversations of a project over ``trpc``."""
    said = {"projectId": known_by(project_id)}
    return query("projects.getConversations", said, read=page.of(_deployed.part("conversations")))


def _listing(project_id: str | None, page: Page) -> Request[Summaries]:
    rest = Rest("GET", CONVERSATIONS, {**page.params, "projectId": project_id})
    everybodys = query("conversations.list", read=page.of(_deployed.whole))
    trpc = everybodys if project_id is None else of_project(project_id, page)
    return Request("listing conversations", Summaries, rest, trpc)
