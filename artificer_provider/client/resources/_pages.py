"""Lists that are asked for a page at a time, and given whole by a deployed engine (WIRE §5)."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from artificer_provider.client import limits
from artificer_provider.client._core import PagesOf
from artificer_provider.client.resources._checked import in_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.client._core import Flow, Request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """
    A part of a list.

    :param kept: what is kept of a list that came whole.
    """

    limit: int
    offset: int
    kept: slice

    @property
    def params(self) -> dict[str, str | int | None]:
        """Ask for this part."""
        return {"limit": self.limit, "offset": self.offset}

    def of(
        self, whole: Callable[[Any], list[Any]], row: Callable[[Any], object] | None = None
    ) -> Callable[[Any], list[Any]]:
        """
        Read this part of a list that came whole.

        :param whole: finds the list in an answer.
        :param row: makes of one of its rows what ``rest`` would have said.
        """

        def read(answer: object) -> list[Any]:
            kept = whole(answer)[self.kept]
            return kept if row is None else [row(one) for one in kept]

        return read


def page(doing: str, limit: int, offset: int) -> Page:
    """
    Choose a part of a list.

    :raises ConfigurationError: when there can be no such part.
    """
    in_range(doing, "limit", limit, 1, limits.MAX_PAGE)
    in_range(doing, "offset", offset, 0, sys.maxsize)
    return Page(limit, offset, slice(offset, offset + limit))


def pages(listing: Callable[[Page], Request[list[T]]]) -> PagesOf[T]:
    """Turn the pages of a list. One that came whole is kept to its end, and not asked for page by page."""
    size = limits.MAX_PAGE
    return PagesOf(lambda offset: listing(Page(size, offset, slice(offset, None))), size)


def all_of(first: PagesOf[T]) -> Flow[list[T]]:
    """Turn all pages, and give what stands on them."""
    found: list[T] = []
    turned: PagesOf[T] | None = first
    while turned is not None:
        rows: list[T] = yield turned.request
        found += rows
        turned = turned.after(rows)
    return found
