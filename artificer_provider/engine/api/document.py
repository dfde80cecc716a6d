"""The OpenAPI document: made of the routes and models, so that it says what they do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from artificer_provider.client.models import (
    batch,
    chat,
    conversations,
    images,
    messages,
    model_admin,
    monitoring,
    orchestration,
    projects,
    search,
)
from artificer_provider.client.models._base import wire_name
from artificer_provider.engine.api.replies import BODY_REFUSALS, SCHEMAS
from artificer_provider.engine.scopes import scope_needed

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.routing import APIRoute

    from artificer_provider.client.models._base import Payload, Reply

#: The bodies that are read by us, and of which FastAPI knows nothing.
BODIES: Final[tuple[type[Payload], ...]] = (
    batch.CreateBatchJob,
    batch.CleanupCheckpoints,
    orchestration.ChainExecutionRequest,
    orchestration.ProcessText,
    orchestration.ChainChat,
    images.ExtractText,
    images.AnalyzeImage,
    images.ProcessPdf,
    images.CheckPdf,
    conversations.CreateConversation,
    conversations.UpdateConversation,
    conversations.NameConversation,
    messages.CreateMessage,
    messages.UpdateMessage,
    chat.SendMessage,
    monitoring.CheckModel,
    model_admin.SelectModel,
    projects.CreateProject,
    projects.UpdateProject,
    projects.AssociateConversation,
    projects.UploadDocument,
    projects.SearchProject,
    projects.UpdateDocument,
    projects.ProposeDocumentUpdate,
    search.SearchDocuments,
    search.ReindexDocument,
)
#: What events carry, of which it knows nothing either.
EVENTS: Final[tuple[type[Reply], ...]] = (chat.ChatChunk, orchestration.ChainProgress)

_DESCRIPTION: Final = (
    "Jobs of many texts that go through phases, and single texts answered at once. Names are camelCase; the "
    "snake_case of query parameters is understood too. A field that is not known is refused, never dropped; "
    "one whose value is not known is left out of a reply. New fields, and new words in a list of words, may "
    "come: pass over them."
)
_TAGS: Final = {
    "batch": "Jobs: items that go through phases, without anybody waiting on a connection.",
    "orchestration": "One text, answered at once.",
    "images": "Text out of images and PDFs.",
    "conversations": "What a model is told before, and what was said.",
    "messages": "What was said in conversations.",
    "chat": "Something said in a conversation, and its answer.",
    "export": "Conversations, as files.",
    "usage": "What the caller used.",
    "monitoring": "How the models are, and what they were asked.",
    "models": "Which models there are, and which would fit.",
    "projects": "Projects: documents, and conversations about them.",
    "documents": "The documents of projects, found by what they mean.",
    "search": "Search over the passages of documents, and how much of them is indexed.",
    "auth": "Who the engine takes the caller for.",
    "health": "How the engine is.",
}
#: What the gate before all operations refuses, and what any of them can come to.
_EVERYWHERE: Final = {
    "400": ("BadRequest", "There is a key in the URL. Or the body is no JSON, or was cut off."),
    "403": (
        "Forbidden",
        "The key lacks the scope, or does not go from here. Or a keyless engine was called by another name.",
    ),
    "500": ("InternalError", "The engine failed; its log has the reason under the request id."),
    "503": (
        "Unavailable",
        "The engine cannot use its database now, or has not what this takes (OCR, a model that sees).",
    ),
}
#: What it refuses where it asks for a key.
_OF_KEYS: Final = {
    "401": ("Unauthorized", "The key is missing, unknown, expired or revoked; the message says which."),
    "429": ("TooManyCalls", "The key was used too often in a minute."),
}
_OF_BODIES: Final = {
    "413": ("TooLarge", BODY_REFUSALS[413]),
    "415": ("UnsupportedMediaType", BODY_REFUSALS[415]),
}
_SHARED: Final = {**_EVERYWHERE, **_OF_KEYS, **_OF_BODIES}
_HEADERS: Final = {
    "X-Request-Id": (
        "The id of this request: the caller's own `X-Request-Id`, or one made for it.",
        "string",
    ),
    "X-RateLimit-Limit": (
        "How often this key may be used in a minute; not there where it is not limited.",
        "integer",
    ),
    "X-RateLimit-Remaining": ("How many more calls this key may make at once.", "integer"),
    "X-RateLimit-Reset": ("When it may make one more than that: a moment, in ISO 8601.", "string"),
}
_SECONDS: Final = {
    "description": "Seconds after which to send it again.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
_SCHEME: Final = {
    "description": "How a key is sent.",
    "required": True,
    "schema": {"type": "string", "const": "Bearer"},
}

_REFUSAL: Final = {"application/json": {"schema": {"$ref": SCHEMAS.format(model="ErrorReply")}}}
_REQUEST_ID: Final = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
_LIMITS: Final = {
    name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS if name.startswith("X-RateLimit")
}
_PARAM: Final = re.compile(r":param (\w+): (.*?)(?=\n:param |\Z)", re.DOTALL)


def make_document(app: FastAPI) -> dict[str, Any]:
    """Make the document of an app; once, since it does not change while it runs."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=_DESCRIPTION,
            routes=app.routes,
            tags=[{"name": name, "description": description} for name, description in _TAGS.items()],
            separate_input_output_schemas=False,
        )
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _complete(operation, scope_needed(method.upper(), path))
        app.openapi_schema = {
            **document,
            "paths": _without_titles(document["paths"]),
            "components": _without_titles(_components(document["components"]["schemas"])),
        }
    return app.openapi_schema


def operation_id(route: APIRoute) -> str:
    """Name an operation: ``createBatchJob``."""
    return to_camel(route.name)


def _components(schemas: dict[str, Any]) -> dict[str, Any]:
    _, bodies = models_json_schema([(body, "validation") for body in BODIES], ref_template=SCHEMAS)
    _, events = models_json_schema([(event, "validation") for event in EVENTS], ref_template=SCHEMAS)
    schemas = {**events["$defs"], **schemas, **bodies["$defs"]}
    for theirs in ("HTTPValidationError", "ValidationError"):  # FastAPI's own 422, which is never sent
        schemas.pop(theirs, None)
    for schema in schemas.values():
        _describe_fields(schema)
    return {
        "schemas": dict(sorted(schemas.items())),
        "responses": _refusals(),
        "headers": {
            name: {"description": text, "required": name in _REQUEST_ID, "schema": {"type": kind}}
            for name, (text, kind) in _HEADERS.items()
        },
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A key made with `artificer keys create`, or ARTIFICER_ENGINE_API_KEY. An "
                "engine without any key asks for none, and listens to its own machine only. What an "
                "operation's `security` names is the scope that the key needs.",
            }
        },
    }


def _refusals() -> dict[str, Any]:
    """Describe the refusals that operations share."""
    replies: dict[str, Any] = {
        name: {"description": description, "headers": {**_REQUEST_ID, **_LIMITS}, "content": _REFUSAL}
        for name, description in _SHARED.values()
    }
    replies["Unavailable"]["headers"]["Retry-After"] = {
        "description": "Seconds after which to send it again; not there where waiting does not help.",
        "schema": {"type": "integer"},
    }
    replies["TooManyCalls"]["headers"]["Retry-After"] = _SECONDS
    replies["Unauthorized"]["headers"] = {**_REQUEST_ID, "WWW-Authenticate": _SCHEME}
    return replies


def _complete(operation: dict[str, Any], scope: str | None) -> None:
    """
    Add what all operations have in common, and take out what FastAPI adds that is not so.

    :param scope: what a key needs for it; None where none is asked for.
    """
    operation["security"] = [] if scope is None else [{"bearer": [scope]}, {}]
    replies: dict[str, Any] = operation["responses"]
    if replies.get("422", {}).get("content", _REFUSAL) != _REFUSAL:
        del replies["422"]
    replies.update({status: {} for status in (_EVERYWHERE if scope is None else {**_EVERYWHERE, **_OF_KEYS})})
    common = _REQUEST_ID if scope is None else {**_REQUEST_ID, **_LIMITS}
    for status, reply in replies.items():
        if status in _SHARED:
            replies[status] = {"$ref": f"#/components/responses/{_SHARED[status][0]}"}
        else:
            reply["headers"] = {**reply.get("headers", {}), **common}
    operation["responses"] = dict(sorted(replies.items()))
    for parameter in operation.get("parameters", ()):
        _without_null(parameter["schema"])


def _without_null(schema: dict[str, Any]) -> None:
    """Leave null out of a parameter's types: one that is not given is not there."""
    types = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    schema.update(*types)
    schema.pop("description", None)  # the parameter says it


def _describe_fields(schema: dict[str, Any]) -> None:
    """Tell of a model's fields at the fields, and of base64 in OpenAPI's words."""
    fields: dict[str, Any] = schema.get("properties", {})
    text: str = schema.get("description", "")
    for name, said in _PARAM.findall(text):
        if (field := fields.get(wire_name(name))) is not None:
            field["description"] = " ".join(said.split())
    if text:
        schema["description"] = _PARAM.sub("", text).strip()
    for field in fields.values():
        if field.get("format") == "base64":
            del field["format"]
            # Pydantic's limit counts the bytes, the document's counts the characters.
            field.update(contentEncoding="base64", maxLength=-(-field["maxLength"] // 3) * 4)


def _without_titles(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Leave out the titles that pydantic makes of names: they say nothing more."""
    if isinstance(value, list):
        return [_without_titles(inner) for inner in value]
    if isinstance(value, dict):
        # A field that is called so is an object.
        kept = {name: inner for name, inner in value.items() if name != "title" or not isinstance(inner, str)}
        return {name: _without_titles(inner) for name, inner in kept.items()}
    return value
