"""Conversations, as files for people and programs."""

from __future__ import annotations

from artificer_provider.client._core import C, Request, Resource, Rest, endpoint, query
from artificer_provider.client.models.export import Exported, ExportFormat
from artificer_provider.client.resources._checked import path, refused
from artificer_provider.client.resources._deployed import part
from artificer_provider.client.states import ExportFormatName

EXPORT = "/api/export"

Formats = list[ExportFormat]


class Export(Resource[C]):
    """
    Conversations, as files for people and programs.

    A deployed engine refuses an export once its caller has made 5 calls of any kind in the running minute
    (WIRE §3). The client then waits for the next minute as far as its ``retries`` and ``deadline`` allow.
    """

    @endpoint
    def list_formats(self) -> Request[Formats]:
        """
        List the formats that the engine writes.

        :raises RateLimitError: when this minute's calls are used up.
        """
        trpc = query("export.getFormats", read=part("formats"))
        return Request("listing the export formats", Formats, Rest("GET", f"{EXPORT}/formats"), trpc)

    @endpoint
    def conversation(
        self,
        conversation_id: str,
        format: str = ExportFormatName.MARKDOWN,  # noqa: A002 - the engine's own word
        *,
        include_metadata: bool | None = None,
        include_timestamps: bool | None = None,
        include_costs: bool | None = None,
    ) -> Request[Exported]:
        """
        Write one conversation in a format.

        :param format: one of :meth:`list_formats`; an engine can offer more than
            :class:`~artificer_provider.client.states.ExportFormatName` names.
        :param include_metadata: whether model, dates and counts are written; they are unless this is false.
        :param include_timestamps: whether each message says when; it does unless this is false.
        :param include_costs: whether costs are written, in US dollars; they are unless this is false.
        :raises NotFoundError: when there is no such conversation.
        :raises InvalidRequestError: when the engine does not offer the format.
        :raises RateLimitError: when this minute's calls are used up.
        """
        doing = f"exporting conversation {conversation_id}"
        asked = _asked(
            doing,
            format,
            includeMetadata=include_metadata,
            includeTimestamps=include_timestamps,
            includeCosts=include_costs,
        )
        rest = Rest("GET", path(f"{EXPORT}/conversations", conversation_id), asked)
        trpc = query("export.exportConversation", {"conversationId": conversation_id, **asked})
        return Request(doing, Exported, rest, trpc)

    @endpoint
    def all(
        self,
        format: str = ExportFormatName.MARKDOWN,  # noqa: A002 - the engine's own word
        *,
        include_metadata: bool | None = None,
        include_timestamps: bool | None = None,
        include_costs: bool | None = None,
        group_by_conversation: bool | None = None,
    ) -> Request[Exported]:
        """
        Write all conversations in a format. What is not named here is as for :meth:`conversation`.

        :param group_by_conversation: whether each conversation stands by itself; each does unless false.
        :raises InvalidRequestError: when the engine does not offer the format.
        :raises RateLimitError: when this minute's calls are used up.
        """
        doing = "exporting all conversations"
        asked = _asked(
            doing,
            format,
            includeMetadata=include_metadata,
            includeTimestamps=include_timestamps,
            includeCosts=include_costs,
            groupByConversation=group_by_conversation,
        )
        rest = Rest("GET", f"{EXPORT}/conversations", asked)
        return Request(doing, Exported, rest, query("export.exportAll", asked))


def _asked(doing: str, into: str, **more: bool | None) -> dict[str, str | int | None]:
    """
    Say how conversations are to be written.

    :raises ConfigurationError: when the format is none.
    """
    if not into.strip():
        raise refused(doing, [("format", "is empty, and must be one of export.list_formats()")])
    return {"format": str(into), **{name: value for name, value in more.items() if value is not None}}
