"""What a procedure is: a query or a mutation that takes one input and gives one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from artificer_provider.client.models._base import Payload
from artificer_provider.engine.errors import invalid
from artificer_provider.engine.payloads import unstorable
from artificer_provider.engine.trpc.envelope import UNDEFINED, Undefined, Value
from artificer_provider.engine.trpc.errors import refused_input
from artificer_provider.engine.trpc.issues import expected_at, issues, mistyped

if TYPE_CHECKING:
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.chatting import Turns
    from artificer_provider.engine.documents.bodies import DocumentField, Upload
    from artificer_provider.engine.documents.pool import Documents
    from artificer_provider.engine.indexing import Indexer
    from artificer_provider.engine.retrieval import Retrieval
    from artificer_provider.engine.running import Runs
    from artificer_provider.engine.store import Store

M = TypeVar("M", bound=BaseModel)


class Kind(StrEnum):
    """What a procedure does to the engine: a query looks, with GET; a mutation changes, with POST."""

    QUERY = "query"
    MUTATION = "mutation"


@dataclass(frozen=True)
class Stream:
    """A value too large to be held: its JSON in pieces, nothing in it needs ``meta``."""

    chunks: Iterable[bytes]


@dataclass(frozen=True)
class Call:
    """
    One call of a procedure.

    :param value: the input, out of its envelope.
    :param body: what the input was read from.
    :param user_agent: who calls, as far as a caller says.
    :param caller: whose rows it sees, and what it may do.
    :param admit: lets the caller do this; raises ``EngineError`` when he may not.
    :param upload: the document of its input, where it has one; in ``value`` stands an empty text for it.
    :param reply_headers: headers that the reply will carry; a procedure may add to them.
    """

    value: JsonValue | Undefined
    body: bytes | bytearray
    user_agent: str
    caller: Caller
    admit: Callable[[], None]
    upload: Upload | None = None
    reply_headers: dict[str, str] = field(default_factory=dict[str, str])


Answer: TypeAlias = Callable[[Call], Awaitable["Value | Stream"]]


@dataclass(frozen=True)
class Procedure:
    """
    Something a caller can ask for by name.

    :param answer: carries a call out; raises ``RefusedError`` or ``EngineError`` when it does not.
    :param document: the field of its input that is a document; its work ends with the caller's connection.
    """

    kind: Kind
    answer: Answer
    document: DocumentField | None = None


@dataclass(frozen=True)
class Rooms:
    """The parts of the engine that procedures work with."""

    store: Store
    answerers: Answerers
    runner: Runs
    documents: Documents
    retrieval: Retrieval
    indexer: Indexer
    turns: Turns


def protected(answer: Answer) -> Answer:
    """Answer only who has a key that is good for it."""

    async def answer_the_known(call: Call) -> Value | Stream:
        call.admit()
        return await answer(call)

    return answer_the_known


def taking(model: type[M], act: Callable[[Caller, M], Awaitable[Value | Stream]]) -> Answer:
    """Read a call's input as a model first, and refuse what does not fit."""

    async def answer(call: Call) -> Value | Stream:
        asked = read_input(model, call)
        if isinstance(asked, Payload) and (problems := list(unstorable(asked, call.body))):
            raise invalid(problems)
        return await act(call.caller, asked)

    return answer


def read_input(model: type[M], call: Call) -> M:
    """
    Read a call's input as a model.

    :raises RefusedError: with every way in which it does not fit.
    """
    if call.value is UNDEFINED:
        raise refused_input([mistyped(expected_at(model, ()), UNDEFINED)])
    try:
        return model.model_validate(call.value, strict=True)
    except ValidationError as error:
        raise refused_input(issues(model, error.errors(include_url=False))) from error
