"""What an operation is asked and answers, and how it tells the document of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from starlette.responses import Response

from artificer_provider.client.models._base import Payload
from artificer_provider.engine.errors import ErrorReply
from artificer_provider.engine.gate import read_body
from artificer_provider.engine.payloads import read_payload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request
    from pydantic import BaseModel

P = TypeVar("P", bound=Payload)

#: As FastAPI types what it takes for the ``responses`` of a route.
Replies = dict[int | str, dict[str, Any]]

SCHEMAS: Final = "#/components/schemas/{model}"

#: What can be wrong with a body, before its fields are looked at.
BODY_REFUSALS: Final[Mapping[int, str]] = {
    400: "The body is no JSON, or was cut off.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "A field is missing, wrong, not known or not offered here; `details` names each.",
}
QUERY_REFUSALS: Final[Mapping[int, str]] = {
    422: "A query parameter is wrong or not known; `details` names each."
}
NO_SUCH_JOB: Final[Mapping[int, str]] = {404: "There is no such job."}


async def asked_of(request: Request, model: type[P]) -> P:
    """
    Read the body of a request into its model.

    :raises EngineError: 4xx when it is no such body, as :data:`BODY_REFUSALS` tells.
    """
    return read_payload(await read_body(request), model)


def json_reply(model: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a model; what is not known is left out."""
    content = model.model_dump_json(by_alias=True, exclude_none=True)
    return Response(content, media_type="application/json", headers=headers)


def gives(model: object, description: str, headers: Mapping[str, str] | None = None) -> Replies:
    """
    Describe the reply when all went well.

    :param headers: by name, the description of each header that may be there.
    """
    described = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in (headers or {}).items()
    }
    return {200: {"model": model, "description": description, "headers": described}}


def refuses(*descriptions: Mapping[int, str]) -> Replies:
    """Describe the refusals, by status: all have the one shape."""
    return {
        status: {"model": ErrorReply, "description": description}
        for each in descriptions
        for status, description in each.items()
    }


def takes(model: type[Payload], example: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Describe the body, which is read by us and not by FastAPI: in one buffer, and with our errors."""
    content: dict[str, Any] = {"schema": {"$ref": SCHEMAS.format(model=model.__name__)}}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": True, "content": {"application/json": content}}}
