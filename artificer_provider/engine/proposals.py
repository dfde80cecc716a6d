"""What a language model would make of a document. Nothing is changed by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.client import limits
from artificer_provider.client.models.batch import PhaseConfig
from artificer_provider.client.models.projects import DocumentProposal
from artificer_provider.engine import orchestration
from artificer_provider.engine.errors import EngineError, Problem, invalid

if TYPE_CHECKING:
    from artificer_provider.client.models.projects import Document, ProposeDocumentUpdate
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.store import Store

_PHASE = PhaseConfig(
    name="propose",
    system_prompt="You revise documents. You are given a DOCUMENT, the CONVERSATION about it, and a REQUEST. "
    "Carry the request out and change nothing else. Reply with the whole revised document and with nothing "
    "beside it.",
)


async def propose(
    asked: ProposeDocumentUpdate, document: Document, answerers: Answerers, store: Store, *, owner: str
) -> DocumentProposal:
    """
    Have a document revised; what it cost stands in the analytics.

    :param document: with its text.
    :param owner: in whose analytics it is counted.
    :raises EngineError: 422 when it is too long for a model, 502 when the model gives no answer, 503 when
        there is no language model.
    """
    content = document.content or ""
    if len(content) > limits.MAX_TEXT_CHARS:
        raise invalid(
            [
                Problem(
                    "documentId",
                    f"{document.filename!r} has {len(content):,} characters; a model is given "
                    f"{limits.MAX_TEXT_CHARS:,} at most.",
                )
            ]
        )
    if await answerers.problems(_PHASE):
        raise EngineError(
            503,
            "no_language_model",
            "This engine has no language model, and a proposal is never made up: set "
            "ARTIFICER_ENGINE_LLM_URL and ARTIFICER_ENGINE_LLM_MODEL, or give it a models file (--models).",
        )
    text = (
        f"DOCUMENT:\n{content}\n\nCONVERSATION:\n{asked.conversation_context}\n\n"
        f"REQUEST:\n{asked.user_request}"
    )
    answered = await orchestration.answer(_PHASE, text, answerers, store, owner)
    return DocumentProposal(
        document_id=document.id,
        document_name=document.filename,
        original_content=content,
        proposed_content=answered.text,
        reason=asked.user_request,
    )
