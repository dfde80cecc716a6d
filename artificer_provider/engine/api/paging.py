"""Lists that are read page by page."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, TypeAdapter
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from artificer_provider.client import limits
from artificer_provider.engine.api.replies import gives

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.engine.api.replies import Replies

Word = TypeVar("Word", bound=StrEnum)

_TOTAL: Final = {"X-Total-Count": "How many there are in all."}


class Page(BaseModel):
    """Which part of a list to give."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    limit: Annotated[int, Field(ge=1, le=limits.MAX_PAGE, description="How many at most.")] = 20
    offset: Annotated[int, Field(ge=0, le=10**9, description="How many to pass over.")] = 0


def known(word: Word) -> Word:
    """Refuse a word that is none of its list: it would find nothing, and look like an answer."""
    if word not in list(type(word)):
        raise ValueError(none_of(type(word)))
    return word


def none_of(words: type[StrEnum]) -> str:
    """Say that a word is none of a list."""
    return f"is none of {', '.join(words)}"


def page_reply(rows: Sequence[BaseModel], total: int) -> Response:
    """Answer with a page; what is not known of a row is left out."""
    content = _ROWS.dump_json(list(rows), by_alias=True, exclude_none=True)
    return Response(content, media_type="application/json", headers={"X-Total-Count": str(total)})


def list_reply(rows: Sequence[BaseModel]) -> Response:
    """Answer with a whole list."""
    return Response(
        _ROWS.dump_json(list(rows), by_alias=True, exclude_none=True), media_type="application/json"
    )


def gives_page(model: object, description: str) -> Replies:
    """Describe a page."""
    return gives(model, description, _TOTAL)


_ROWS: TypeAdapter[list[BaseModel]] = TypeAdapter(list[SerializeAsAny[BaseModel]])
