"""An endpoint says *what* to send and what comes back; a client says *how*. Nothing here does I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from artificer_provider.client.models._base import Payload

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
    """How a call looks on the ``rest`` wire."""

    method: str
    path: str
    params: Mapping[str, str | int | None] = field(default_factory=dict[str, "str | int | None"])
    body: Payload | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """
    One call, not yet made.

    :param doing: what it is about, for the sentence of an error: ``starting job 'job_1'``.
    :param into: the type of what comes back.
    """

    doing: str
    into: type[T]
    rest: Rest
    repeat: Repeat = Repeat.ALWAYS
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class PageOf(Request[list[T]]):
    """One page of a list, and where it begins."""

    offset: int = 0
    limit: int = 100

    def after(self, rows: list[T], total: int | None) -> PageOf[T] | None:
        """
        Ask for what follows the rows of this page; None when there is nothing.

        :param total: how many rows there are in all. Without it, a full page may have a next one.
        """
        seen = self.offset + len(rows)
        if not rows or (seen >= total if total is not None else len(rows) < self.limit):
            return None
        rest = replace(self.rest, params={**self.rest.params, "offset": seen})
        return replace(self, rest=rest, offset=seen)


@dataclass(frozen=True, slots=True)
class Sleep:
    """Let some time pass before the next step."""

    seconds: float


# A flow yields its steps and is sent their results: written once, driven by either client.
Flow = Generator["Request[Any] | Sleep", Any, T]


class Client(ABC):
    """Carries calls out and returns their results."""

    @abstractmethod
    def send(self, request: Request[T]) -> T:
        """Make one call, again where that is allowed, and return what it brings."""

    @abstractmethod
    def run(self, steps: Flow[T]) -> T:
        """Make the calls of a flow, one after the other."""

    @abstractmethod
    def pages(self, page: PageOf[T]) -> Iterator[T]:
        """Iterate over the rows of a list, asking for a page at a time."""


class AsyncClient(ABC):
    """Carries calls out and returns awaitables of their results."""

    @abstractmethod
    async def send(self, request: Request[T]) -> T:
        """Make one call, again where that is allowed, and return what it brings."""

    @abstractmethod
    async def run(self, steps: Flow[T]) -> T:
        """Make the calls of a flow, one after the other."""

    @abstractmethod
    def pages(self, page: PageOf[T]) -> AsyncIterator[T]:
        """Iterate over the rows of a list, asking for a page at a time."""


class Resource(Generic[C]):
    """A noun of the API, on one client."""

    def __init__(self, client: C) -> None:
        self.client: C = client


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


class pages(_Verb[P, PageOf[T]]):  # noqa: N801 - a decorator, used like a function
    """A list of any length: ``for row in client.batch.iter_results(…)``, and the same with ``async for``."""

    carried_by = "pages"

    @overload
    def __get__(self, resource: Resource[Client], owner: object) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, resource: Resource[AsyncClient], owner: object) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, resource: Resource[Any], owner: object) -> Callable[P, Any]:
        return self.bind(resource)
