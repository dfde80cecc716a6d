"""The fields that deployed engines know (WIRE §5): what else is sent to them vanishes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from artificer_provider.engine.trpc.issues import mistyped

if TYPE_CHECKING:
    from pydantic import JsonValue

#: What is known of a value: its kind, or the fields of an object, or (in a list of one) those of each member.
Known: TypeAlias = "str | list[Known] | Mapping[str, Known]"

_PHASE: Mapping[str, Known] = {
    "name": "string",
    "taskType": "string",
    "model": "string",
    "useRAG": "boolean",
    "validation": {"enabled": "boolean", "minScore": "number"},
}
_ONE_JOB: Mapping[str, Known] = {"jobId": "string"}
_CHAIN_PHASE: Mapping[str, Known] = {
    "name": "string",
    "model": "string",
    "systemPrompt": "string",
    "temperature": "number",
}

_ONE_PROJECT: Mapping[str, Known] = {"id": "string"}
_IN_PROJECT: Mapping[str, Known] = {"projectId": "string"}
_ONE_DOCUMENT: Mapping[str, Known] = {"documentId": "string"}
_PROJECT: Mapping[str, Known] = {"name": "string", "description": "string", "settings": "object"}

FIELDS: Mapping[str, Known] = {
    "batch.createJob": {
        "name": "string",
        "projectId": "string",
        "items": [{"input": "string", "metadata": "object"}],
        "phases": [_PHASE],
        "options": {"concurrency": "number", "checkpointFrequency": "number", "autoStart": "boolean"},
    },
    "batch.startJob": _ONE_JOB,
    "batch.pauseJob": _ONE_JOB,
    "batch.resumeJob": _ONE_JOB,
    "batch.cancelJob": _ONE_JOB,
    "batch.deleteJob": _ONE_JOB,
    "batch.getJobStatus": _ONE_JOB,
    "batch.getJobResults": _ONE_JOB,
    "batch.getJobAnalytics": _ONE_JOB,
    "batch.listJobs": {"projectId": "string", "status": "string", "limit": "number", "offset": "number"},
    "batch.cleanupCheckpoints": {"olderThanDays": "number", "status": "string"},
    "orchestration.processText": {"text": "string", "chainConfig": {"phases": [_CHAIN_PHASE]}},
    "orchestration.getRoutingAnalytics": {"limit": "number", "conversationId": "string"},
    "orchestration.chainChat": {"content": "string", "conversationId": "string"},
    "projects.create": _PROJECT,
    "projects.getById": _ONE_PROJECT,
    "projects.update": {**_ONE_PROJECT, "data": _PROJECT},
    "projects.delete": _ONE_PROJECT,
    "projects.associateConversation": {**_IN_PROJECT, "conversationId": "string"},
    "projects.getConversations": _IN_PROJECT,
    "projects.uploadDocument": {
        **_IN_PROJECT,
        "filename": "string",
        "content": "string",
        "contentType": "string",
    },
    "projects.getDocuments": _IN_PROJECT,
    "projects.getDocument": _ONE_DOCUMENT,
    "projects.searchDocuments": {**_IN_PROJECT, "query": "string", "limit": "number"},
    "projects.updateDocument": {**_ONE_DOCUMENT, "content": "string", "reason": "string"},
    "projects.proposeDocumentUpdate": {
        **_ONE_DOCUMENT,
        "conversationContext": "string",
        "userRequest": "string",
    },
    "projects.deleteDocument": _ONE_DOCUMENT,
    "projects.getDocumentStats": _IN_PROJECT,
    "search.searchDocuments": {
        **_IN_PROJECT,
        "query": "string",
        "limit": "number",
        "minScore": "number",
        "documentIds": ["string"],
    },
    "search.getEmbeddingStats": _IN_PROJECT,
    "search.reindexDocument": _ONE_DOCUMENT,
}


def only(value: JsonValue, fields: Known) -> JsonValue:
    """Leave out of a value what is not known."""
    if isinstance(value, dict) and isinstance(fields, Mapping):
        return {name: only(inner, fields[name]) for name, inner in value.items() if name in fields}
    if isinstance(value, list) and isinstance(fields, list):
        return [only(member, fields[0]) for member in value]
    return value


def nulls(value: JsonValue, fields: Known, path: tuple[int | str, ...]) -> Iterator[JsonValue]:
    """Find the known fields that are null, as issues."""
    if value is None:
        kind = fields if isinstance(fields, str) else "array" if isinstance(fields, list) else "object"
        yield mistyped(kind, None, path)
    elif isinstance(value, dict) and isinstance(fields, Mapping):
        for name, inner in value.items():
            if name in fields:
                yield from nulls(inner, fields[name], (*path, name))
    elif isinstance(value, list) and isinstance(fields, list):
        for place, member in enumerate(value):
            yield from nulls(member, fields[0], (*path, place))
