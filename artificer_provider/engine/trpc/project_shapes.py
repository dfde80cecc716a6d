"""How projects and documents look on this wire (WIRE §5), as pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.client.models.projects import ProjectStats
from artificer_provider.engine.trpc.envelope import UNDEFINED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from artificer_provider.client.models.conversations import ConversationSummary
    from artificer_provider.client.models.messages import Message
    from artificer_provider.client.models.projects import Document, DocumentProposal, Project
    from artificer_provider.engine.retrieval import Passage
    from artificer_provider.engine.trpc.envelope import Value


def project(one: Project) -> Mapping[str, Value]:
    """Show a project itself."""
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "userId": one.user_id,
        "settings": one.settings,
        "createdAt": one.created_at,
        "updatedAt": one.updated_at,
    }


def listed_project(one: Project) -> Value:
    """Show a project in a list, with what it holds."""
    shown = {name: value for name, value in project(one).items() if name != "userId"}
    return {**shown, "stats": one.stats.model_dump(by_alias=True) if one.stats else UNDEFINED}


def whole_project(one: Project) -> Value:
    """Show a project with its conversations and documents."""
    stats = one.stats or ProjectStats()
    return {
        **project(one),
        "conversations": [conversation(each) for each in one.conversations or ()],
        "documents": [listed_document(each) for each in one.documents or ()],
        "_count": {
            "conversations": stats.conversation_count,
            "documents": stats.document_count,
            "knowledgeEntities": stats.knowledge_entity_count,
        },
    }


def conversation(one: ConversationSummary) -> Mapping[str, Value]:
    """Show a conversation itself."""
    return {
        "id": one.id,
        "title": one.title,
        "model": one.model,
        "createdAt": one.created_at,
        "updatedAt": one.updated_at,
        "projectId": one.project_id,
        "systemPrompt": one.system_prompt,
        "temperature": one.temperature,
        "maxTokens": one.max_tokens,
    }


def listed_conversation(one: ConversationSummary, last: Message | None) -> Value:
    """
    Show a conversation of a project.

    :param last: what was said last in it.
    """
    messages: list[Value] = (
        []
        if last is None
        else [{"id": last.id, "role": last.role, "content": last.content, "createdAt": last.created_at}]
    )
    preview = one.last_message_preview
    return {
        **conversation(one),
        "messages": messages,
        "_count": {"messages": one.message_count},
        "messageCount": one.message_count,
        "lastMessagePreview": UNDEFINED if preview is None else preview,
    }


def uploaded(one: Document) -> Value:
    """Show a document that was just added."""
    return {
        "id": one.id,
        "filename": one.filename,
        "size": one.size,
        "contentType": one.content_type,
        "uploadedAt": one.uploaded_at,
    }


def rewritten(one: Document) -> Value:
    """Show a document that was just given another text."""
    return {
        "id": one.id,
        "filename": one.filename,
        "contentType": one.content_type,
        "updatedAt": one.updated_at,
    }


def listed_document(one: Document) -> Value:
    """Show a document in a list."""
    return {
        "id": one.id,
        "filename": one.filename,
        "originalName": one.original_name,
        "contentType": one.content_type,
        "size": one.size,
        "uploadedAt": one.uploaded_at,
        "metadata": one.metadata,
    }


def whole_document(one: Document, its_project: Project) -> Value:
    """Show a document with its text. Vectors stand beside it here, and images are not kept."""
    return {
        "id": one.id,
        "projectId": one.project_id,
        "filename": one.filename,
        "originalName": one.original_name,
        "contentType": one.content_type,
        "content": one.content,
        "size": one.size,
        "embedding": [],
        "metadata": one.metadata,
        "uploadedAt": one.uploaded_at,
        "updatedAt": one.updated_at,
        "imageData": None,
        "project": {"id": its_project.id, "name": its_project.name},
    }


def match(one: Document, passage: Passage) -> Value:
    """Show a document that was found, by its best passage."""
    return {
        "id": one.id,
        "filename": one.filename,
        "content": passage.text,
        "metadata": one.metadata,
        "similarity": passage.score,
    }


def proposal(one: DocumentProposal) -> Value:
    """Show what a model would make of a document."""
    return {
        "documentId": one.document_id,
        "documentName": one.document_name,
        "originalContent": one.original_content,
        "proposedContent": one.proposed_content,
        "reason": one.reason,
        "changeSummary": UNDEFINED if one.change_summary is None else one.change_summary,
    }
