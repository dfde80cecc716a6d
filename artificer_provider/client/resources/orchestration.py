"""Orchestration: one text, answered at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.client import limits
from artificer_provider.client._core import (
    C,
    EventsOf,
    Flow,
    Repeat,
    Request,
    Resource,
    Rest,
    endpoint,
    flow,
    mutation,
    query,
    stream,
)
from artificer_provider.client.dialects.rest import EVENT_STREAM
from artificer_provider.client.models.orchestration import (
    ChainChat,
    ChainExecutionRequest,
    ChainExecutionResult,
    ChainMessage,
    ChainPhase,
    ChainProgress,
    PhaseAnswer,
    ProcessedText,
    ProcessText,
    RoutingAnalytics,
)
from artificer_provider.client.resources._answers import ANSWER_TIMEOUT, answered
from artificer_provider.client.resources._checked import checked, in_range
from artificer_provider.client.resources._execute import DOING, ORCHESTRATION, chatting, execute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from artificer_provider.client.models.batch import ValidationConfig

Answers = list[PhaseAnswer]


class Orchestration(Resource[C]):
    """
    One text, answered at once.

    No call is sent again by itself once it may have been billed. No answer within 150 s, for each phase, is
    an error.
    """

    @flow
    def execute(
        self,
        query: str,
        *,
        task_type: str | None = None,
        model: str | None = None,
        use_rag: bool | None = None,
        project_id: str | None = None,
        validation_config: ValidationConfig | Mapping[str, Any] | None = None,
    ) -> Flow[ChainExecutionResult]:
        """
        Answer one question.

        A deployed engine answers only in a conversation (WIRE §5): one is made for the question, and deleted
        again whatever becomes of it. There the engine chooses the model itself, and scores as it likes.

        :param query: the question, 1 to 10,000 characters.
        :param task_type: what kind of work it is: ``qa``, ``summarize``, …
        :param model: who answers; the engine's default unless given.
        :param use_rag: whether documents of the project are looked up for the answer.
        :param project_id: the project whose documents those are.
        :param validation_config: whether the answer is scored, and the score below which it is tried again.
        :raises EngineAnswerError: when the engine apologises instead of answering, or, in demo mode, invents.
        :raises NotCarriedError: when a deployed engine is asked for more than an answer: ``task_type``,
            ``model``, ``use_rag``, ``project_id`` or ``validation_config``.
        """
        body = checked(
            ChainExecutionRequest,
            DOING,
            query=query,
            task_type=task_type,
            model=model,
            use_rag=use_rag,
            project_id=project_id,
            validation_config=validation_config,
        )
        return execute(body)

    @flow
    def process_text(
        self, text: str, phases: Sequence[ChainPhase | Mapping[str, Any]]
    ) -> Flow[ProcessedText]:
        """
        Put several questions to one text. Every phase is given the text itself; :meth:`chain` chains them.

        :param text: 1 to 100,000 characters.
        :param phases: 1 to 10 of name, model, system prompt and temperature.
        :raises EngineAnswerError: when the engine apologises instead of answering, or, in demo mode, invents.
        """
        return _process_text(text, phases)

    @flow
    def chain(self, text: str, phases: Sequence[ChainPhase | Mapping[str, Any]]) -> Flow[Answers]:
        """
        Put a text through phases, each given the answer of the one before, and return all answers in order.

        An engine does not chain them itself (WIRE §5), so this is a call for each phase.

        :param text: 1 to 100,000 characters, and so must every answer but the last be.
        :param phases: 1 to 10 of name, model, system prompt and temperature.
        :raises EngineAnswerError: when the engine apologises instead of answering, or, in demo mode, invents.
        """
        return _chain(text, phases)

    @flow
    def chain_chat(self, conversation_id: str, content: str) -> Flow[ChainMessage]:
        """
        Put a message to a conversation, and let the engine choose how it is answered. Both are kept in it.

        :param content: 1 to 10,000 characters.
        :raises NotFoundError: when there is no such conversation.
        :raises EngineAnswerError: when the engine apologises instead of answering, or, in demo mode, invents.
        """
        return _chain_chat(conversation_id, content)

    @stream
    def stream(self, conversation_id: str, content: str) -> EventsOf[ChainProgress]:
        """
        Put a message to a conversation, and be told how far the engine is with it.

        A deployed engine tells no more of the answer than its beginning, and keeps nothing of it (WIRE §7);
        :meth:`chain_chat` gives and keeps all of it. ``text`` is what was told.

        :param content: 1 to 10,000 characters.
        :raises NotFoundError: when there is no such conversation, or the engine has no streams.
        :raises StreamError: when it breaks off; the text so far is in it.
        :raises EngineAnswerError: at the end, when the engine apologised instead of answering.
        """
        doing = f"orchestrating in conversation {conversation_id}"
        body = checked(ChainChat, doing, content=content, conversation_id=conversation_id)
        return EventsOf(
            Request(
                doing,
                ChainProgress,
                rest=Rest("POST", f"{ORCHESTRATION}/stream", body=body, accept=EVENT_STREAM),
                trpc=Rest("POST", "/api/stream/orchestration", body=body, accept=EVENT_STREAM),
                repeat=Repeat.UNSENT,
                timeout=ANSWER_TIMEOUT,
            ),
            name="progress",
            text=lambda told: str(told.metadata.get("content") or ""),
            model=lambda told: str(told.metadata.get("model") or "") or None,
            kept="The engine may go on and bill it, and a deployed one keeps nothing of it. "
            "Nothing asks for it again by itself.",
            instead="orchestration.chain_chat",
        )

    @endpoint
    def get_analytics(
        self, *, limit: int = 50, conversation_id: str | None = None
    ) -> Request[RoutingAnalytics]:
        """
        List which models the latest questions went to, and how that ended.

        :param limit: how many at most, 1 to 100.
        :param conversation_id: only those of one conversation.
        """
        doing = "fetching the routing analytics"
        params = {
            "limit": in_range(doing, "limit", limit, 1, limits.MAX_PAGE),
            "conversationId": conversation_id,
        }
        said = {name: value for name, value in params.items() if value is not None}
        trpc = query("orchestration.getRoutingAnalytics", said)
        return Request(doing, RoutingAnalytics, Rest("GET", f"{ORCHESTRATION}/analytics", params), trpc)


def _process_text(text: str, phases: Sequence[ChainPhase | Mapping[str, Any]]) -> Flow[ProcessedText]:
    doing = "processing a text"
    body = checked(ProcessText, doing, text=text, chain_config={"phases": phases})
    done: ProcessedText = yield Request(
        doing,
        ProcessedText,
        rest=Rest("POST", f"{ORCHESTRATION}/process-text", body=body),
        trpc=mutation("orchestration.processText", body),
        repeat=Repeat.UNSENT,
        timeout=ANSWER_TIMEOUT * len(body.chain_config.phases),
    )
    for found in done.chain_results:
        answered(found, f"{doing}, phase {found.phase!r}", found.response, found.model)
    return done


def _chain(text: str, phases: Sequence[ChainPhase | Mapping[str, Any]]) -> Flow[Answers]:
    # All of them are checked before the first is paid for.
    whole = checked(ProcessText, "chaining phases", text=text, chain_config={"phases": phases})
    answers = Answers()
    for phase in whole.chain_config.phases:
        done = yield from _process_text(answers[-1].response if answers else text, [phase])
        answers += done.chain_results
    return answers


def _chain_chat(conversation_id: str, content: str) -> Flow[ChainMessage]:
    doing = f"chatting in conversation {conversation_id}"
    done: ChainMessage = yield chatting(doing, conversation_id, content)
    return answered(done, doing, done.content, done.model)
