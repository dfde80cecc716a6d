"""An endpoint says *what* to send and what comes back; a client says *how*. Nothing here does I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from artificer_provider.client.models._base import Payload
    from artificer_provider.client.streams import AsyncEventStream, EventStream

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound="Client | AsyncClient")


class Repeat(Enum):
    """When a call may be sent again by itself."""

    ALWAYS = auto()  #: reading, or writing under an idempotency key
    UNSENT = auto()  #: only when the engine surely did nothing: it was not reached, or turned us away (429)
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class Rest:
    """
    How a call looks on the ``rest`` wire.

    :param body: a checked model, or JSON in which a :class:`~.bodies.Base64Source` may stand for a string.
    :param read: makes the answer of a body and of its headers, where these say a part of it.
    """

    method: str
    path: str
    params: Mapping[str, str | int | None] = field(default_factory=dict[str, "str | int | None"])
    body: Payload | Mapping[str, object] | None = None
    idempotency_key: str | None = None
    accept: str = "application/json"
    read: Callable[[Any, Mapping[str, str]], object] | None = None


@dataclass(frozen=True, slots=True)
class Trpc:
    """
    How a call looks on the ``trpc`` wire (WIRE §2).

    :param method: GET for a query, POST for a mutation.
    :param said: a checked model, JSON, or a bare string.
    :param read: makes of the answer what ``rest`` would have said.
    :param not_carried: what was asked for and has no field on this wire: refused, never dropped.
    :param no_is_an_answer: ``success: false`` is one of the answers to this question, and no failure.
    """

    method: str
    procedure: str
    said: Payload | Mapping[str, object] | str | None = None
    read: Callable[[Any], object] | None = None
    not_carried: Sequence[str] = ()
    no_is_an_answer: bool = False


def query(
    procedure: str,
    said: Payload | Mapping[str, object] | str | None = None,
    *,
    read: Callable[[Any], object] | None = None,
    not_carried: Sequence[str] = (),
) -> Trpc:
    """Ask something over ``trpc``."""
    return Trpc("GET", procedure, said, read, not_carried)


def mutation(
    procedure: str,
    said: Payload | Mapping[str, object] | str | None = None,
    *,
    read: Callable[[Any], object] | None = None,
    not_carried: Sequence[str] = (),
) -> Trpc:
    """Change something over ``trpc``."""
    return Trpc("POST", procedure, said, read, not_carried)


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """
    One call, not yet made, as it looks on either wire.

    :param doing: what it is about, for the sentence of an error: ``starting job 'job_1'``.
    :param into: the type of what comes back.
    :param trpc: a path where this wire has the call beside its procedures.
    :param timeout: seconds to wait for the reply, where that differs from the client's.
    :param for_worker: a worker for images and PDFs is asked first, where the client knows one.
    :param each: makes less of each object of the reply as soon as it is parsed, before all of them are there.
    """

    doing: str
    into: type[T]
    rest: Rest
    trpc: Trpc | Rest
    repeat: Repeat = Repeat.ALWAYS
    job_id: str | None = None
    timeout: float | None = None
    for_worker: bool = False
    each: Callable[[dict[str, Any]], object] | None = None


class Many(Generic[T]):
    """What is iterated over: :class:`PagesOf`, :class:`RowsOf` or :class:`Then`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PagesOf(Many[T]):
    """
    A list that is asked for a page at a time.

    :param at: the call for the page that begins at an offset.
    :param size: rows on a full page; one that is not full is the last.
    """

    at: Callable[[int], Request[list[T]]]
    size: int
    offset: int = 0

    @property
    def request(self) -> Request[list[T]]:
        """The call for this page."""
        return self.at(self.offset)

    def after(self, found: list[T]) -> PagesOf[T] | None:
        """Turn to the next page, when there can be one."""
        return replace(self, offset=self.offset + len(found)) if len(found) >= self.size else None


@dataclass(frozen=True, slots=True)
class RowsOf(Many[T]):
    """
    A reply whose rows are read while they arrive.

    :param at: the call for the rows from an offset on; ``trpc`` knows no offset and gives them all.
    :param row: the type of one row.
    :param trpc_rows: the keys that lead to the rows in what ``trpc`` answers.
    :param trpc_read: makes of one of its rows what ``rest`` would have said.
    """

    at: Callable[[int], Request[list[T]]]
    row: type[T]
    trpc_rows: tuple[str, ...]
    trpc_read: Callable[[Any], object]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class EventsOf(Generic[T]):
    """
    An answer that is told while it is made, as server-sent events (WIRE §7).

    :param request: the call; ``into`` is the type of what an event tells.
    :param name: of the events that are handed on. ``complete`` ends them, ``error`` breaks them off, and
        others are passed over.
    :param text: what an event adds to the text of the answer.
    :param model: who gives the answer, where an event says so.
    :param kept: what has become of the answer when its stream broke off, and how to look: a sentence.
    :param instead: the call to make where an engine has no streams.
    """

    request: Request[T]
    name: str
    text: Callable[[T], str]
    model: Callable[[T], str | None]
    kept: str
    instead: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """
    Let some time pass before the next step.

    :param after: what went wrong, where this is a pause before it is tried again.
    """

    seconds: float
    after: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """Do something that takes time on this machine, and never on an event loop."""

    do: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Together(Generic[T]):
    """
    Questions that go out as one where the wire can do that, and one after the other where it cannot.

    It brings a list in their order: what each brought, or the :class:`~.errors.StatusError` that it met.
    What says that the engine as a whole is not to be asked now stands for all that come after it.

    :param at_most: how many go out as one: what many replies say takes an event loop long to read.
    """

    requests: Sequence[Request[T]]
    at_most: int = 50


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """
    Read rows while they arrive, and no further than somebody wants.

    :param take: is given each row, and says whether the next one is wanted.
    """

    rows: RowsOf[T]
    take: Callable[[T], bool]


# A flow yields its steps and is sent their results: written once, driven by either client.
Flow = Generator["Request[Any] | Sleep | Work | ByDialect[Any] | Together[Any] | Reading[Any]", Any, T]


@dataclass(frozen=True, slots=True)
class ByDialect(Generic[T]):
    """
    What is one call on ``rest``, and takes several on ``trpc``.

    :param trpc: the steps there, which are not begun unless they are needed.
    """

    rest: Request[T]
    trpc: Flow[T]


@dataclass(frozen=True, slots=True)
class Then(Many[T]):
    """What is iterated over once the steps that lead to it are made."""

    steps: Flow[Many[T]]


class Client(ABC):
    """Carries calls out and returns their results."""

    @abstractmethod
    def send(self, request: Request[T]) -> T:
        """Make one call, again where that is allowed, and return what it brings."""

    @abstractmethod
    def run(self, steps: Flow[T]) -> T:
        """Make the calls of a flow, one after the other."""

    @abstractmethod
    def iterate(self, many: Many[T]) -> Iterator[T]:
        """Iterate over what is too much for one reply, or for memory."""

    @abstractmethod
    def listen(self, events: EventsOf[T]) -> EventStream[T]:
        """Iterate over an answer while it is made."""


class AsyncClient(ABC):
    """Carries calls out and returns awaitables of their results."""

    @abstractmethod
    async def send(self, request: Request[T]) -> T:
        """Make one call, again where that is allowed, and return what it brings."""

    @abstractmethod
    async def run(self, steps: Flow[T]) -> T:
        """Make the calls of a flow, one after the other."""

    @abstractmethod
    def iterate(self, many: Many[T]) -> AsyncIterator[T]:
        """Iterate over what is too much for one reply, or for memory."""

    @abstractmethod
    def listen(self, events: EventsOf[T]) -> AsyncEventStream[T]:
        """Iterate over an answer while it is made."""


class Resource(Generic[C]):
    """A noun of the API, on one client."""

    def __init__(self, client: C) -> None:
        self.client: C = client

    if not TYPE_CHECKING:  # which would take every name for one of ours

        def __getattr__(self, name: str) -> None:
            raise AttributeError(_no_such_verb(type(self), name), name=name, obj=self)


# What the asynchronous client awaits; it iterates over all else.
_AWAITED = ("send", "run")


def _no_such_verb(noun: type[Resource[Any]], name: str) -> str:
    """Say that a noun has no such verb, and what to write in place of one that the seed plan names."""
    verb = name.removesuffix("_async")
    found = vars(noun).get(verb)
    if verb == name or not isinstance(found, _Verb):
        return f"{noun.__name__!r} object has no attribute {name!r}"
    told = f"{noun.__name__.lower()}.{verb}(…)"
    how = f"await client.{told}" if found.carried_by in _AWAITED else f"async for … in client.{told}"
    return f"There is no {name}: make an AsyncArtificer the client, and write `{how}`."


class _Verb(Generic[P, T]):
    """A method written once. What it builds is carried out by the client's method named ``carried_by``."""

    carried_by = "send"

    def __init__(self, build: Callable[Concatenate[Any, P], T]) -> None:
        self.build = build
        self.__doc__ = build.__doc__

    def bind(self, resource: Resource[Any]) -> Callable[P, Any]:
        carry = getattr(resource.client, self.carried_by)

        @wraps(self.build)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401 - the overloads below say the type
            return carry(self.build(resource, *args, **kwargs))

        return call


class endpoint(_Verb[P, Request[T]]):  # noqa: N801 - a decorator, used like a function
    """One call: ``client.batch.get(…) -> T``, ``await aclient.batch.get(…) -> T``."""

    @overload
    def __get__(self, resource: Resource[Client], owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncClient], owner: object
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, resource: Resource[Any], owner: object) -> Callable[P, Any]:
        return self.bind(resource)


class flow(_Verb[P, Flow[T]]):  # noqa: N801 - a decorator, used like a function
    """Several calls, written once as a generator: ``client.batch.wait(…) -> T``, and the same awaited."""

    carried_by = "run"

    @overload
    def __get__(self, resource: Resource[Client], owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncClient], owner: object
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, resource: Resource[Any], owner: object) -> Callable[P, Any]:
        return self.bind(resource)


class many(_Verb[P, Many[T]]):  # noqa: N801 - a decorator, used like a function
    """Any number of things: ``for row in client.batch.iter_results(…)``, and the same with ``async for``."""

    carried_by = "iterate"

    @overload
    def __get__(self, resource: Resource[Client], owner: object) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, resource: Resource[AsyncClient], owner: object) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, resource: Resource[Any], owner: object) -> Callable[P, Any]:
        return self.bind(resource)


class stream(_Verb[P, EventsOf[T]]):  # noqa: N801 - a decorator, used like a function
    """An answer while it is made: ``for chunk in client.chat.stream(…)``, and the same with ``async for``."""

    carried_by = "listen"

    @overload
    def __get__(self, resource: Resource[Client], owner: object) -> Callable[P, EventStream[T]]: ...
    @overload
    def __get__(self, resource: Resource[AsyncClient], owner: object) -> Callable[P, AsyncEventStream[T]]: ...
    def __get__(self, resource: Resource[Any], owner: object) -> Callable[P, Any]:
        return self.bind(resource)
