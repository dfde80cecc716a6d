"""The procedures of ``export``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from artificer_provider.client.models._base import Payload
from artificer_provider.engine import exporting, transcripts
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, taking

if TYPE_CHECKING:
    from artificer_provider.client.models.export import Exported
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.store import Store
    from artificer_provider.engine.transcripts import Writing
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Call, Rooms


class Wanted(Payload):
    """What to write, and how."""

    format: Literal["markdown", "html", "json"]
    include_metadata: bool = True
    include_timestamps: bool = True
    include_costs: bool = True

    @property
    def writing(self) -> Writing:
        """The same, as it is written."""
        return exporting.writing_now(
            metadata=self.include_metadata, timestamps=self.include_timestamps, costs=self.include_costs
        )


class OneWanted(Wanted):
    """Which conversation to write, and how."""

    conversation_id: str


class AllWanted(Wanted):
    """How to write all conversations."""

    group_by_conversation: bool = True


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``export``."""
    store = rooms.store
    return {
        "export.getFormats": Procedure(Kind.QUERY, protected(_formats)),
        "export.exportConversation": Procedure(
            Kind.QUERY, protected(taking(OneWanted, partial(_one, store)))
        ),
        "export.exportAll": Procedure(Kind.QUERY, protected(taking(AllWanted, partial(_all, store)))),
    }


async def _formats(_: Call) -> Value:
    return {"formats": [each.model_dump(by_alias=True) for each in transcripts.FORMATS]}


async def _one(store: Store, caller: Caller, asked: OneWanted) -> Value:
    export = partial(
        exporting.one,
        owner=caller.owner,
        conversation_id=asked.conversation_id,
        name=asked.format,
        writing=asked.writing,
    )
    return _shown(await store.read(export), {"total_conversations"})


async def _all(store: Store, caller: Caller, asked: AllWanted) -> Value:
    export = partial(
        exporting.everything,
        owner=caller.owner,
        name=asked.format,
        writing=asked.writing,
        grouped=asked.group_by_conversation,
    )
    return _shown(await store.read(export), {"conversation_id", "title"})


def _shown(exported: Exported, others: set[str]) -> Value:
    """Show an export without what is told of the other kind."""
    metadata = exported.metadata.model_dump(by_alias=True, exclude=others)
    return {"format": exported.format, "data": exported.data, "metadata": metadata}
