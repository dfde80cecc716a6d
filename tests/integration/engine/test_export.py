"""Conversations, as files."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from support.conversing import converse, refusal, send
from support.trpc import Trpc, error_of

from artificer_provider.client.models.export import Exported
from artificer_provider.engine import exporting

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer

SCRIPT = "<script>alert('x')</script> & \"quotes\" </pre>"


def export(engine: Engine, conversation: str | None, **query: object) -> Exported:
    path = "/api/export/conversations" + (f"/{conversation}" if conversation else "")
    reply = engine.http.get(path, params={name: str(value) for name, value in query.items()})
    assert reply.status_code == 200, reply.text
    return Exported.model_validate(reply.json())


def text_of(exported: Exported) -> str:
    assert exported.text is not None
    return exported.text


class Page(HTMLParser):
    """What a browser would see: the tags, and the text in messages."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.said: list[str] = []
        self.in_message = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag == "pre":
            self.in_message = True
            self.said.append("")

    def handle_endtag(self, tag: str) -> None:
        self.in_message = self.in_message and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self.in_message:
            self.said[-1] += data


@pytest.fixture
def conversation(talker: Engine, models: ModelServer) -> str:
    """A conversation whose title, instruction, question and answer would all be markup."""
    made = converse(talker, title=f"T {SCRIPT}", systemPrompt=f"S {SCRIPT}")
    models.replies[f"Q {SCRIPT}"] = [f"A {SCRIPT}"]
    send(talker, made, f"Q {SCRIPT}").raise_for_status()
    return made


def test_the_formats_are_those_that_are_written(talker: Engine, conversation: str) -> None:
    formats = talker.http.get("/api/export/formats").json()
    assert [one["id"] for one in formats] == ["markdown", "html", "json"]
    for one in formats:
        assert export(talker, conversation, format=one["id"]).format == one["id"]
        assert one["extensions"]


def test_nothing_that_was_said_is_markup_in_the_page(talker: Engine, conversation: str) -> None:
    page = Page(text_of(export(talker, conversation, format="html")))
    assert page.said == [f"Q {SCRIPT}", f"A {SCRIPT}"]
    assert page.tags <= {
        *("html", "head", "meta", "title", "style", "body", "p"),
        *("section", "article", "h2", "h3", "pre", "dl", "dt", "dd"),
    }


def test_json_holds_all_that_was_kept(talker: Engine, conversation: str) -> None:
    kept = talker.http.get(f"/api/conversations/{conversation}").json()
    [found] = json.loads(text_of(export(talker, conversation, format="json")))["conversations"]
    assert {name: value for name, value in found.items() if value is not None and name != "messages"} == {
        name: value for name, value in kept.items() if name != "messages"
    }
    for ours, theirs in zip(found["messages"], kept["messages"], strict=True):
        assert {name: value for name, value in ours.items() if value is not None} == theirs


def test_markdown_is_headings_and_what_was_said(talker: Engine, conversation: str) -> None:
    text = text_of(export(talker, conversation))
    assert text.startswith("# Chat Export\n\n**Export Date:** ")
    assert f"\n## T {SCRIPT}\n" in text
    assert f"**System prompt:** S {SCRIPT}" in text
    assert "\n### User *(" in text
    assert f"\n\nA {SCRIPT}\n" in text
    assert "*(10 tokens)*" in text


@pytest.mark.parametrize("format_name", ["markdown", "html", "json"])
def test_what_is_not_wanted_is_left_out(talker: Engine, conversation: str, format_name: str) -> None:
    year = str(talker.http.get(f"/api/conversations/{conversation}").json()["createdAt"])[:5]
    whole = text_of(export(talker, conversation, format=format_name))
    for flag, there in (
        ("includeMetadata", "S "),
        ("includeTimestamps", year),
        ("includeCosts", "10"),
    ):
        assert there in whole
        kept = text_of(export(talker, conversation, format=format_name, **{flag: "false"}))
        assert len(kept) < len(whole)
        if flag != "includeCosts":  # ids and moments hold such figures as well
            assert there not in kept.replace("font-size:1rem", "")
    assert "tokens" not in text_of(export(talker, conversation, format=format_name, includeCosts="false"))


def test_an_export_is_summed_up(talker: Engine, conversation: str) -> None:
    summed = export(talker, conversation).metadata
    assert (summed.conversation_id, summed.total_messages, summed.total_tokens) == (conversation, 2, 10)
    assert summed.total_cost is None  # no price is known
    assert summed.export_date is not None
    everything = export(talker, None, format="json").metadata
    listed = int(talker.http.get("/api/conversations").headers["X-Total-Count"])
    assert everything.total_conversations == listed
    assert everything.conversation_id is None


def test_all_conversations_are_exported_apart_or_in_one_line(talker: Engine, models: ModelServer) -> None:
    first, second = converse(talker, title="First"), converse(talker, title="Second")
    for conversation, content in ((first, "one"), (second, "two"), (first, "three")):
        send(talker, conversation, content).raise_for_status()
    found = json.loads(text_of(export(talker, None, format="json")))["conversations"]
    assert [one["title"] for one in found[:2]] == ["First", "Second"]
    flat = json.loads(text_of(export(talker, None, format="json", groupByConversation="false")))["messages"]
    assert [one["content"] for one in flat[-6:]] == ["one", ">one", "two", ">two", "three", ">three"]
    assert [one["conversationId"] for one in flat[-6:]] == [first, first, second, second, first, first]
    text = text_of(export(talker, None, groupByConversation="false"))
    assert text.index("\n>two\n") < text.index("\nthree\n")


def test_what_cannot_be_exported_is_refused(talker: Engine, conversation: str) -> None:
    path = "/api/export/conversations"
    for at in (path, f"{path}/{conversation}"):
        status, code, message = refusal(talker.http.get(at, params={"format": "notion"}))
        assert (status, code) == (422, "not_offered")
        assert "writes markdown, html, json" in message
    assert refusal(talker.http.get(f"{path}/no"))[:2] == (404, "not_found")
    assert refusal(talker.http.get(path, params={"colour": "red"}))[:2] == (422, "validation_error")


@pytest.mark.slow
def test_an_export_that_would_not_fit_into_memory_is_refused(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker)
    path = f"/api/conversations/{conversation}/messages"
    for _ in range(exporting.MAX_CHARS // 10_000):
        body = {"role": "user", "content": "x" * 10_000}
        talker.http.post(path, json=body).raise_for_status()
    status, code, message = refusal(talker.http.get(f"/api/export/conversations/{conversation}"))
    assert (status, code) == (422, "too_large")
    assert "10,000,000" in message
    talker.http.delete(f"/api/conversations/{conversation}").raise_for_status()


def test_the_deployed_dialect_says_the_same(talker: Engine, conversation: str) -> None:
    trpc = Trpc(talker.http)
    assert [one["id"] for one in trpc.query("export.getFormats")["formats"]] == ["markdown", "html", "json"]
    asked = {"conversationId": conversation, "format": "html", "includeTimestamps": False}
    page = trpc.query("export.exportConversation", asked)
    ours = export(talker, conversation, format="html", includeTimestamps="false")
    assert page["data"] == ours.data
    everything = trpc.query("export.exportAll", {"format": "json"})
    assert everything["metadata"]["totalConversations"] == len(
        json.loads(everything["data"]["content"])["conversations"]
    )
    refused = error_of(trpc.get("export.exportAll", {"format": "roam"}))
    assert refused["data"]["code"] == "BAD_REQUEST"
