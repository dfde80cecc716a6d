"""Conversations, as files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.client.models.export import Exported, ExportFormat
from artificer_provider.engine import exporting, transcripts
from artificer_provider.engine.api.conversations import NO_SUCH_CONVERSATION
from artificer_provider.engine.api.paging import list_reply
from artificer_provider.engine.api.replies import QUERY_REFUSALS, gives, json_reply, refuses
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route

if TYPE_CHECKING:
    from artificer_provider.engine.store import Store
    from artificer_provider.engine.transcripts import Writing

_REFUSALS = {
    422: f"{QUERY_REFUSALS[422]} Or the format is not offered, or there are more than "
    f"{exporting.MAX_CHARS:,} characters."
}


class Wanted(BaseModel):
    """What to write, and how."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    format: Annotated[str, Field(description="One of those that `listExportFormats` gives.")] = "markdown"
    include_metadata: Annotated[
        bool, Field(description="Who was to answer, and what the model was told before.")
    ] = True
    include_timestamps: Annotated[bool, Field(description="When it was said.")] = True
    include_costs: Annotated[bool, Field(description="What the answers took.")] = True

    @property
    def writing(self) -> Writing:
        """The same, as it is written."""
        exporting.check_format(self.format)
        return exporting.writing_now(
            metadata=self.include_metadata, timestamps=self.include_timestamps, costs=self.include_costs
        )


class AllWanted(Wanted):
    """What to write of all conversations, and how."""

    group_by_conversation: Annotated[
        bool, Field(description="Each under its title; else all in the order it was said in.")
    ] = True


def export_api(store: Store) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api/export", tags=["export"])

    @api.get(
        "/formats",
        summary="Name the formats that are offered",
        responses=gives(list[ExportFormat], "The formats."),
    )
    async def list_export_formats() -> Response:
        return list_reply(transcripts.FORMATS)

    @api.get(
        "/conversations",
        name="export_all",
        summary="Export all conversations",
        description="They are read at one moment and written as one value.",
        responses={**gives(Exported, "All conversations, the one last changed first."), **refuses(_REFUSALS)},
    )
    async def export_all(wanted: Annotated[AllWanted, Query()], caller: By) -> Response:
        export = partial(
            exporting.everything,
            owner=caller.owner,
            name=wanted.format,
            writing=wanted.writing,
            grouped=wanted.group_by_conversation,
        )
        return json_reply(await store.read(export))

    @api.get(
        "/conversations/{conversation_id}",
        summary="Export a conversation",
        responses={
            **gives(Exported, "The conversation, oldest message first."),
            **refuses(_REFUSALS, NO_SUCH_CONVERSATION),
        },
    )
    async def export_conversation(
        conversation_id: str, wanted: Annotated[Wanted, Query()], caller: By
    ) -> Response:
        export = partial(
            exporting.one,
            owner=caller.owner,
            conversation_id=conversation_id,
            name=wanted.format,
            writing=wanted.writing,
        )
        return json_reply(await store.read(export))

    return api
