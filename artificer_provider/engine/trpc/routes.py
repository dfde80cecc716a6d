"""tRPC over HTTP: which procedures a request calls, with what, and the one reply to all of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from artificer_provider.engine.documents.bodies import Body, read_document_body
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.gate import read_body
from artificer_provider.engine.presence import while_there
from artificer_provider.engine.scopes import scope_of_procedure
from artificer_provider.engine.trpc.envelope import dump, load, unwrap
from artificer_provider.engine.trpc.errors import Code, RefusedError, no_json, translated
from artificer_provider.engine.trpc.paths import called
from artificer_provider.engine.trpc.procedures import Call, Kind, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic import JsonValue
    from starlette.types import ASGIApp, Receive, Scope, Send

    from artificer_provider.engine.documents.bodies import DocumentField, Place, Upload
    from artificer_provider.engine.door import Visit
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Procedure

log = logging.getLogger(__name__)

_METHODS = {Kind.QUERY: "GET", Kind.MUTATION: "POST"}
_MULTI_STATUS = 207


@dataclass(frozen=True)
class _Reply:
    """What came of one call."""

    status: int
    chunks: Iterable[bytes]


@dataclass(frozen=True)
class _Inputs:
    """
    What a request brought for its calls.

    :param envelopes: by place among the calls; a call that is not there brought nothing.
    :param uploads: by place likewise, the document that was among what it brought.
    """

    body: bytes | bytearray
    envelopes: Mapping[str, JsonValue]
    uploads: Mapping[str, Upload]


class TrpcDialect:
    """
    Answers the requests that call procedures, and hands on the others.

    :param procedures: what can be called, by name.
    :param calls: finds the names a path calls, or None in a path that is not for tRPC.
    """

    def __init__(
        self,
        app: ASGIApp,
        procedures: Mapping[str, Procedure],
        calls: Callable[[str], str | None] = called,
    ) -> None:
        self._app = app
        self._procedures = procedures
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        path = self._calls(scope["path"]) if scope["type"] == "http" else None
        if path is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await self._response(Request(scope, receive), path)
        except RefusedError as refusal:
            response = _response(refusal.code.status, [refusal.written(None)], {})
        await response(scope, receive, send)

    async def _response(self, request: Request, path: str) -> Response:
        """
        Answer a request.

        :raises RefusedError: when something is wrong with the request as a whole.
        """
        if request.method == "HEAD":
            return Response(status_code=204)
        if request.method != "GET":
            _require_json(request)
        is_batch = request.query_params.get("batch") == "1"
        names = path.split(",") if is_batch else [path]
        kinds = {self._procedures[name].kind for name in names if name in self._procedures}
        if len(kinds) > 1:
            found = ", ".join(dict.fromkeys(self._procedures[n].kind for n in names if n in self._procedures))
            raise RefusedError(Code.BAD_REQUEST, f"Cannot mix procedure types in call: {found}")
        inputs = await _read_inputs(request, self._documents(names), is_batch=is_batch)
        headers: dict[str, str] = {}
        try:
            replies = [
                await self._reply(request, name, str(place), inputs, headers)
                for place, name in enumerate(names)
            ]
        finally:
            if isinstance(inputs, _Inputs):
                for upload in inputs.uploads.values():
                    upload.path.unlink(missing_ok=True)
        if not is_batch:
            return _response(replies[0].status, replies[0].chunks, headers)
        statuses = {reply.status for reply in replies}
        status = statuses.pop() if len(statuses) == 1 else _MULTI_STATUS
        return _response(status, _array([reply.chunks for reply in replies]), headers)

    async def _reply(
        self,
        request: Request,
        name: str,
        place: str,
        inputs: _Inputs | RefusedError,
        headers: dict[str, str],
    ) -> _Reply:
        """Carry out one call, and write what came of it."""
        try:
            value = await self._carry_out(request, name, place, inputs, headers)
        except RefusedError as error:
            refused = error
        except EngineError as error:
            headers.update(error.headers)
            refused = translated(error)
        except Exception:
            request_id = request.state.request_id
            log.exception("request %s: %s failed", request_id, name)
            sentence = f"The engine failed; its log has the reason under {request_id}."
            refused = RefusedError(Code.INTERNAL_SERVER_ERROR, sentence)
        else:
            if isinstance(value, Stream):
                return _Reply(200, chain([b'{"result":{"data":{"json":'], value.chunks, [b"}}}"]))
            return _Reply(200, [b'{"result":{"data":%b}}' % dump(value)])
        return _Reply(refused.code.status, [refused.written(name)])

    async def _carry_out(
        self,
        request: Request,
        name: str,
        place: str,
        inputs: _Inputs | RefusedError,
        headers: dict[str, str],
    ) -> Value | Stream:
        visit: Visit = request.state.visit
        visit.count()
        procedure = self._procedure(name, request.method)
        if isinstance(inputs, RefusedError):
            raise inputs
        call = Call(
            value=unwrap(inputs.envelopes.get(place)),
            body=inputs.body,
            user_agent=request.headers.get("User-Agent", ""),
            caller=visit.caller,
            admit=partial(visit.require, scope_of_procedure(name, is_query=procedure.kind is Kind.QUERY)),
            upload=inputs.uploads.get(place),
            reply_headers=headers,
        )
        if call.upload is None:
            return await procedure.answer(call)
        return await while_there(request, procedure.answer(call))

    def _documents(self, names: Sequence[str]) -> dict[str, DocumentField]:
        """Look up, by place among the calls, which of them are given a document."""
        fields = {
            str(place): self._procedures[name].document
            for place, name in enumerate(names)
            if name in self._procedures
        }
        return {place: field for place, field in fields.items() if field is not None}

    def _procedure(self, name: str, method: str) -> Procedure:
        procedure = self._procedures.get(name)
        if procedure is None:
            raise RefusedError(Code.NOT_FOUND, f'No procedure found on path "{name}"')
        if method != _METHODS[procedure.kind]:
            message = f'Unsupported {method}-request to {procedure.kind} procedure at path "{name}"'
            raise RefusedError(Code.METHOD_NOT_SUPPORTED, message)
        return procedure


def _require_json(request: Request) -> None:
    said = request.headers.get("Content-Type")
    if said is None:
        raise RefusedError(Code.UNSUPPORTED_MEDIA_TYPE, "Missing content-type header")
    if said.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(Code.UNSUPPORTED_MEDIA_TYPE, f'Unsupported content-type "{said}"')


async def _read_inputs(
    request: Request, documents: Mapping[str, DocumentField], *, is_batch: bool
) -> _Inputs | RefusedError:
    """Read what the calls are given; what is wrong with it is said to each of them, under its own path."""
    where = "The input" if request.method == "GET" else "The body"
    places: dict[str, Place] = {
        call: (*((call,) if is_batch else ()), "json", document.name) for call, document in documents.items()
    }
    try:
        body = await _body(request, {place: documents[call] for call, place in places.items()})
    except EngineError as error:
        return translated(error)
    try:
        value = load(body.rest) if body.rest else None
    except ValueError as error:
        body.close()
        return no_json(where, error)
    uploads = {call: body.uploads[place] for call, place in places.items() if place in body.uploads}
    if not is_batch:
        return _Inputs(body.rest, {"0": value}, uploads)
    if not isinstance(value, dict | None):
        body.close()
        return RefusedError(Code.BAD_REQUEST, f'{where} of a batch is an object: {{"0": …, "1": …}}.')
    return _Inputs(body.rest, value or {}, uploads)


async def _body(request: Request, documents: Mapping[Place, DocumentField]) -> Body:
    if request.method == "GET":
        return Body(request.query_params.get("input", "").encode())
    visit: Visit = request.state.visit
    if visit.refusal is not None:
        # Every mutation asks for a key: who has none has nothing read of what he sends.
        return Body()
    if documents:
        return await read_document_body(request, documents)
    return Body(await read_body(request))


def _array(members: list[Iterable[bytes]]) -> Iterator[bytes]:
    yield b"["
    for place, chunks in enumerate(members):
        if place:
            yield b","
        yield from chunks
    yield b"]"


def _response(status: int, chunks: Iterable[bytes], headers: Mapping[str, str]) -> Response:
    if isinstance(chunks, list):
        return Response(b"".join(chunks), status, headers, "application/json")
    return StreamingResponse(chunks, status, headers, "application/json")
