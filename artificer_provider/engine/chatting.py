"""Turns in conversations: what is said, who answers it, and what is kept of both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from weakref import WeakValueDictionary

from artificer_provider.client.models.chat import ChatReply, Source
from artificer_provider.client.states import Role
from artificer_provider.engine import attempts, clock, conversations, counting, messages
from artificer_provider.engine.answering.base import Answer, Excerpt, Said, Turn
from artificer_provider.engine.answering.registry import UnknownModelError
from artificer_provider.engine.calling import make_turn
from artificer_provider.engine.errors import EngineError, Problem, UnknownError, invalid
from artificer_provider.engine.grounding import PASSAGES
from artificer_provider.engine.underway import Work, Works

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from artificer_provider.engine.answering.base import Talker
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.conversations import Setting
    from artificer_provider.engine.retrieval import Passage, Retrieval
    from artificer_provider.engine.store import Store


@dataclass(frozen=True)
class Question:
    """
    What somebody says in a conversation, to be answered.

    :param use_rag: whether documents are looked up; None where there are any.
    """

    owner: str
    conversation_id: str
    content: str
    use_rag: bool | None = None


class Asking(NamedTuple):
    """The model is asked now."""

    model: str
    sources: Sequence[Source]


#: A turn under way: it tells when the model is asked, then the pieces of the answer.
TurnWork: TypeAlias = Work[Asking | str, ChatReply]
#: What else is kept when a turn has ended, well or not, given the model asked and how the call ended.
Record: TypeAlias = "Callable[[sqlite3.Connection, str, attempts.Call], None]"


class _Ended(NamedTuple):
    """A turn whose call has ended."""

    question: Question
    asked: str
    call: attempts.Call
    sources: Sequence[Source]
    record: Record | None


class Turns:
    """
    The turns under way: side by side, but one after the other within a conversation.

    Both messages of a turn are kept when the answer is whole, in one transaction; of a turn that fails
    nothing is kept. Once a model is asked its answer is waited for, also when the caller is gone.
    """

    def __init__(self, store: Store, answerers: Answerers, retrieval: Retrieval) -> None:
        self._store = store
        self._answerers = answerers
        self._retrieval = retrieval
        self._works = Works()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def begin(self, question: Question, record: Record | None = None) -> TurnWork:
        """
        Look up what the answer needs, and have it given.

        :param record: what else to keep when the turn has ended.
        :raises EngineError: 404 when there is no such conversation, 422 when nobody here can answer in it,
            503 when documents cannot be looked up.
        """
        setting = await self._setting(question)
        if problems := await self._answerers.model_problems(setting.model):
            raise _of_conversation(problems)
        passages = await self._passages(question, setting)
        self._ready(question, setting, passages)
        return self._works.begin(partial(self._take, question, passages, record))

    def wind_down(self) -> None:
        """Send all listeners away."""
        self._works.wind_down()

    async def close(self, grace: float) -> None:
        """Give answers that are under way ``grace`` seconds to be kept."""
        await self._works.close(grace)

    async def _take(
        self, question: Question, passages: Sequence[Passage], record: Record | None, work: TurnWork
    ) -> ChatReply:
        lock = self._locks.setdefault(question.conversation_id, asyncio.Lock())
        async with lock:
            setting = await self._setting(question)
            talker, turn = self._ready(question, setting, passages)
            work.begun()
            sources = [_source(passage) for passage in passages]
            work.tell(Asking(turn.model, sources))
            call = await make_turn(talker, turn, work.tell)
            ended = _Ended(question, turn.model, call, sources, record)
            kept = await self._store.write(partial(_settle, ended=ended))
        if isinstance(kept, EngineError):
            raise kept
        return kept

    async def _setting(self, question: Question) -> Setting:
        return await self._store.read(
            partial(conversations.setting, owner=question.owner, conversation_id=question.conversation_id)
        )

    async def _passages(self, question: Question, setting: Setting) -> Sequence[Passage]:
        if setting.project_id is not None and setting.has_documents and question.use_rag is not False:
            return await self._retrieval.passages(
                question.owner, setting.project_id, question.content, PASSAGES
            )
        if question.use_rag:
            raise invalid(
                [Problem("useRAG", "the conversation belongs to no project with documents; leave it out.")]
            )
        return []

    def _ready(
        self, question: Question, setting: Setting, passages: Sequence[Passage]
    ) -> tuple[Talker, Turn]:
        """Find who answers, and put together what."""
        try:
            talker = self._answerers.named(setting.model)
        except UnknownModelError as error:
            raise _of_conversation([Problem("model", str(error))]) from error
        turn = Turn(
            model=self._answerers.own_name(setting.model),
            spoken=[*setting.spoken, Said(Role.USER, question.content)],
            instruction=setting.system_prompt,
            temperature=setting.temperature,
            max_tokens=setting.max_tokens,
            passages=[Excerpt(passage.filename, passage.text) for passage in passages],
        )
        if problems := talker.turn_problems(turn):
            raise _of_conversation(problems)
        return talker, turn


def _settle(connection: sqlite3.Connection, ended: _Ended) -> ChatReply | EngineError:
    """Count a call that has ended, and keep the turn; an error is given back, so that the count stays."""
    question, call = ended.question, ended.call
    counting.count(connection, question.owner, ended.asked, [call])
    if ended.record is not None:
        ended.record(connection, ended.asked, call)
    if call.ending is not attempts.Ending.ANSWERED:
        doubt = " The call may have been billed." if call.is_in_doubt else ""
        sentence = f"{ended.asked}: {call.error}{doubt} Nothing of this turn was kept."
        return EngineError(502, "model_error", sentence)
    try:
        number = conversations.known(connection, question.owner, question.conversation_id)
    except UnknownError:
        sentence = (
            f"The conversation {question.conversation_id!r} was deleted while the answer came; the call "
        )
        return EngineError(404, "not_found", sentence + "is counted, and nothing of this turn was kept.")
    answer = Answer(call.text or "", call.model or ended.asked, call.cost, call.tokens)
    message_id, title = messages.keep_turn(connection, number, question.content, answer, ended.sources)
    return ChatReply.model_validate(
        {
            "id": message_id,
            "content": answer.text,
            "role": Role.ASSISTANT,
            "timestamp": clock.now(),
            "model": answer.model,
            "cost": answer.cost,
            "tokens": answer.tokens,
            "conversation_title": title,
            "sources": ended.sources,
        }
    )


def _of_conversation(problems: Sequence[Problem]) -> EngineError:
    return invalid([Problem(f"conversation.{problem.path}", problem.message) for problem in problems])


def _source(passage: Passage) -> Source:
    return Source(
        document_id=passage.document_id,
        filename=passage.filename,
        chunk_index=passage.chunk_index,
        score=round(passage.score, 4),
    )
