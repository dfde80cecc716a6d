"""Errors as tRPC writes them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from artificer_provider.engine.errors import UnknownError
from artificer_provider.engine.key_refusals import UNAUTHORIZED
from artificer_provider.engine.trpc.envelope import UNDEFINED, Fault, Value, dump

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from artificer_provider.engine.errors import EngineError, Problem


class Code(Enum):
    """tRPC's codes: the HTTP status of each, and its JSON-RPC number."""

    BAD_REQUEST = (400, -32600)
    UNAUTHORIZED = (401, -32001)
    FORBIDDEN = (403, -32003)
    NOT_FOUND = (404, -32004)
    METHOD_NOT_SUPPORTED = (405, -32005)
    CONFLICT = (409, -32009)
    PAYLOAD_TOO_LARGE = (413, -32013)
    UNSUPPORTED_MEDIA_TYPE = (415, -32015)
    TOO_MANY_REQUESTS = (429, -32029)
    INTERNAL_SERVER_ERROR = (500, -32603)
    NOT_IMPLEMENTED = (501, -32603)
    BAD_GATEWAY = (502, -32603)
    SERVICE_UNAVAILABLE = (503, -32603)
    GATEWAY_TIMEOUT = (504, -32603)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]


NO_KEY = 'API key required. Include "Authorization: Bearer <key>" header.'
_BY_STATUS = {code.status: code for code in Code} | {422: Code.BAD_REQUEST}


@dataclass(eq=False)
class RefusedError(Exception):
    """A call that was not carried out."""

    code: Code
    message: str
    cause: Fault | None = None

    def written(self, path: str | None) -> bytes:
        """
        Write it as a reply.

        :param path: the procedure; None for what is wrong with the request as a whole.
        """
        status, number = self.code.value
        data: dict[str, Value] = {"code": self.code.name, "httpStatus": status}
        if path is not None:
            data["path"] = path
        data |= {"message": self.message, "cause": UNDEFINED if self.cause is None else self.cause}
        return b'{"error":%b}' % dump({"message": self.message, "code": number, "data": data})


def refused_input(issues: Sequence[JsonValue]) -> RefusedError:
    """Refuse an input: the message is the list of what is wrong with it, as JSON text."""
    message = json.dumps(issues, indent=2, ensure_ascii=False)
    return RefusedError(Code.BAD_REQUEST, message, Fault("ZodError", message))


def no_json(what: str, error: ValueError) -> RefusedError:
    """Refuse what is not JSON."""
    message = f"{what} is not valid JSON: {error}."
    return RefusedError(Code.BAD_REQUEST, message, Fault("SyntaxError", message))


def translated(error: EngineError) -> RefusedError:
    """Say in tRPC's way what the engine refuses."""
    if error.problems:
        return refused_input([_issue(problem) for problem in error.problems])
    code = _BY_STATUS.get(error.status, Code.INTERNAL_SERVER_ERROR)
    if code is Code.UNAUTHORIZED:
        # A deployed engine has the one sentence for all that is wrong with a key (WIRE §2).
        more = "" if error.code == UNAUTHORIZED else f" {error.message}"
        return RefusedError(code, f"{NO_KEY}{more}")
    if isinstance(error, UnknownError):
        return RefusedError(code, f"{error.noun.capitalize()} not found")
    return RefusedError(code, error.message)


def _issue(problem: Problem) -> JsonValue:
    steps = re.findall(r"\[(\d+)\]|([^.\[\]]+)", problem.path)
    path: list[JsonValue] = [int(place) if place else name for place, name in steps]
    return {"code": "custom", "path": path, "message": problem.message}
