"""Conversations, as files for people and programs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from artificer_provider.client.models._base import NULL_IS_EMPTY_DICT, NULL_IS_EMPTY_LIST, Instant, Reply


class ExportFormat(Reply):
    """A format that an engine writes."""

    id: str
    name: str | None = None
    description: str | None = None
    extensions: Annotated[list[str], NULL_IS_EMPTY_LIST] = Field(default_factory=list[str])


class ExportMetadata(Reply):
    """What an export holds; the cost in US dollars."""

    conversation_id: str | None = None
    title: str | None = None
    total_conversations: int | None = None
    total_messages: int | None = None
    total_tokens: int | None = None
    total_cost: float | None = None
    export_date: Instant | None = None


class Exported(Reply):
    """
    Conversations in one of the formats.

    :param data: as the engine gives it, a different thing for each format (WIRE §5): an object with the text
        as ``content`` for markdown, json and google-docs, the text itself for html, ``files`` for obsidian,
        pages for notion.
    """

    format: str
    data: JsonValue
    metadata: Annotated[ExportMetadata, NULL_IS_EMPTY_DICT] = Field(default_factory=ExportMetadata)

    @property
    def text(self) -> str | None:
        """The text of a format that is one file; None for those that are several."""
        if isinstance(self.data, str):
            return self.data
        content = self.data.get("content") if isinstance(self.data, dict) else None
        return content if isinstance(content, str) else None
