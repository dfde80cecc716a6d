"""Conversations written down: as markdown, JSON and HTML. Pure functions over what was said."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.client.models.export import ExportFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pydantic import JsonValue

    from artificer_provider.client.models.conversations import Conversation
    from artificer_provider.client.models.messages import Message

UNTITLED = "New Conversation"
_STYLE = (
    "body{font-family:sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;line-height:1.5}"
    "article{border-top:1px solid #ccc;padding:.5rem 0}h3{font-size:1rem;margin:.5rem 0}"
    "pre{white-space:pre-wrap;font:inherit;margin:0}dl{color:#555}dt{float:left;margin-right:.5rem}"
)
# What was said may come from anywhere: nothing in the page may run or be fetched, whatever slips through.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Writing:
    """
    What of conversations is written.

    :param metadata: who was to answer, and what was told before.
    :param timestamps: when it was said.
    :param costs: what the answers took, in tokens and US dollars.
    """

    exported_at: str
    metadata: bool = True
    timestamps: bool = True
    costs: bool = True


@dataclass(frozen=True)
class Section:
    """
    Messages under one heading.

    :param facts: what is known of all of them together, by name.
    """

    heading: str
    facts: Mapping[str, str]
    messages: Sequence[Message]


def as_markdown(sections: Sequence[Section], writing: Writing) -> JsonValue:
    """Write them as markdown; what was said stands as it was said, in markdown or not."""
    lines = ["# Chat Export", ""]
    if writing.timestamps:
        lines += [f"**Export Date:** {writing.exported_at}", ""]
    for section in sections:
        lines += [f"## {_one_line(section.heading)}", ""]
        facts = [f"**{name}:** {_one_line(value)}  " for name, value in section.facts.items()]
        lines += [*facts, ""] if facts else []
        for message in section.messages:
            notes = "".join(f" *({note})*" for note in _notes(message, writing))
            lines += [f"### {message.role.capitalize()}{notes}", "", message.content, ""]
    return {"content": "\n".join(lines)}


def as_html(sections: Sequence[Section], writing: Writing) -> JsonValue:
    """Write them as a page that shows what was said letter by letter: none of it is markup."""
    title = sections[0].heading if len(sections) == 1 else "Chat Export"
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">',
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
    ]
    if writing.timestamps:
        parts.append(f"<p>Exported {html.escape(writing.exported_at)}</p>")
    for section in sections:
        parts.append(f"<section>\n<h2>{html.escape(section.heading)}</h2>")
        facts = [f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in section.facts.items()]
        parts += ["<dl>", *facts, "</dl>"] if facts else []
        for message in section.messages:
            said = html.escape(" · ".join([message.role.capitalize(), *_notes(message, writing)]))
            parts.append(f"<article>\n<h3>{said}</h3>\n<pre>{html.escape(message.content)}</pre>\n</article>")
        parts.append("</section>")
    return "\n".join([*parts, "</body>\n</html>\n"])


def as_json(conversations: Sequence[Conversation], writing: Writing, *, grouped: bool) -> JsonValue:
    """Write them as JSON text, with nothing of what is to be written lost."""
    content: dict[str, object] = {"version": "1.0"}
    if writing.timestamps:
        content["exportDate"] = writing.exported_at
    shown = [_conversation(conversation, writing) for conversation in conversations]
    if grouped:
        content["conversations"] = shown
    else:
        content["messages"] = [
            {"conversationId": conversation.id, **_message(message, writing)}
            for conversation, message in by_time(conversations)
        ]
    return {"content": json.dumps(content, indent=2, ensure_ascii=False)}


def grouped_sections(conversations: Sequence[Conversation], writing: Writing) -> list[Section]:
    """Put each conversation under its title."""
    return [Section(one.title or UNTITLED, dict(_facts(one, writing)), one.messages) for one in conversations]


def one_section(conversations: Sequence[Conversation], _: Writing) -> list[Section]:
    """Put all that was said under one heading, in the order it was said in."""
    return [Section("All Messages", {}, [message for _, message in by_time(conversations)])]


def by_time(conversations: Sequence[Conversation]) -> list[tuple[Conversation, Message]]:
    """Put all messages in the order they were said in, whatever their conversation."""
    said = [(one, message) for one in conversations for message in one.messages]
    return sorted(said, key=lambda pair: str(pair[1].created_at))


#: How each format that is one text is written.
TEXTS: Mapping[str, Callable[[Sequence[Section], Writing], JsonValue]] = {
    "markdown": as_markdown,
    "html": as_html,
}
FORMATS = (
    ExportFormat(
        id="markdown",
        name="Markdown",
        description="Text with headings, to read or to keep with notes",
        extensions=[".md"],
    ),
    ExportFormat(
        id="html",
        name="HTML",
        description="One page for a browser, with nothing in it that runs",
        extensions=[".html"],
    ),
    ExportFormat(
        id="json",
        name="JSON",
        description="All of it, for programs",
        extensions=[".json"],
    ),
)


def _facts(conversation: Conversation, writing: Writing) -> Iterator[tuple[str, str]]:
    if writing.metadata:
        if conversation.model:
            yield "Model", conversation.model
        if conversation.system_prompt:
            yield "System prompt", conversation.system_prompt
        yield "Messages", str(len(conversation.messages))
    if writing.timestamps and conversation.created_at:
        yield "Created", _moment(conversation.created_at.isoformat())


def _notes(message: Message, writing: Writing) -> Iterator[str]:
    if writing.metadata and message.model:
        yield message.model
    if writing.timestamps and message.created_at:
        yield _moment(message.created_at.isoformat())
    if writing.costs and message.tokens is not None:
        yield f"{message.tokens} tokens"
    if writing.costs and message.cost is not None:
        yield f"${message.cost:.6f}"


def _conversation(conversation: Conversation, writing: Writing) -> dict[str, object]:
    shown: dict[str, object] = {"id": conversation.id, "title": conversation.title}
    if writing.metadata:
        names = {"model", "system_prompt", "temperature", "max_tokens", "project_id"}
        shown |= conversation.model_dump(mode="json", by_alias=True, include=names)
    if writing.timestamps:
        shown |= conversation.model_dump(mode="json", by_alias=True, include={"created_at", "updated_at"})
    return {**shown, "messages": [_message(message, writing) for message in conversation.messages]}


def _message(message: Message, writing: Writing) -> dict[str, object]:
    names = {"id", "role", "content"}
    names |= {"model", "parent_id"} if writing.metadata else set()
    names |= {"created_at"} if writing.timestamps else set()
    names |= {"cost", "tokens"} if writing.costs else set()
    return message.model_dump(mode="json", by_alias=True, include=names)


def _moment(iso: str) -> str:
    return iso.replace("+00:00", "Z")


def _one_line(text: str) -> str:
    return " ".join(text.split())
