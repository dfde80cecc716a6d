"""How replies go out, and what is asked for with them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from artificer_provider.batch.plan import Json

Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0, le=10**9)]
Status = Annotated[str | None, Query(max_length=40)]


class Action(StrEnum):
    """What can be asked of a job."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


def reply(content: Mapping[str, Json]) -> JSONResponse:
    """Answer with what nobody but the one who asked may keep."""
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
