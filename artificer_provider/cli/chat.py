"""``artificer chat``: a message and its answer, shown while it is given."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artificer_provider.cli import _output
from artificer_provider.cli._call import Call, calls_engine
from artificer_provider.cli._errors import CommandError, ExitCode, sentence_of
from artificer_provider.client.errors import ArtificerError
from artificer_provider.client.limits import MAX_MESSAGE_CHARS

if TYPE_CHECKING:
    from artificer_provider.client import Artificer


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("chat")(calls_engine(chat))


def chat(
    call: Call,
    message: Annotated[
        str | None,
        typer.Argument(metavar="[MESSAGE]", show_default="stdin, or what is typed, line by line"),
    ] = None,
    *,
    conversation: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The conversation to go on with.", show_default="a new one"),
    ] = None,
    project: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose documents are looked up for answers.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Who answers.", show_default="the engine's")] = None,
    system: Annotated[str | None, typer.Option(help="What the model is told before all.")] = None,
) -> ExitCode | None:
    """
    Say something to a model, and show its answer while it comes.

    Without a MESSAGE a terminal is asked for one after the other, until Ctrl-D.
    """
    if conversation is not None and (project or model or system):
        raise CommandError(
            "--project, --model and --system are for a new conversation: leave out --conversation."
        )
    said = _piped() if message is None and not sys.stdin.isatty() else message
    with call.client() as client:
        if conversation is None:
            new = client.conversations.create(model=model, system_prompt=system, project_id=project)
            conversation = new.id
            _output.say(
                f"Conversation {conversation}; go on with it: artificer chat --conversation {conversation}"
            )
        if said is not None:
            _answer(call, client, conversation, said)
            return None
        return _converse(call, client, conversation)


def _piped() -> str:
    try:
        # Of a character too many it is refused by name when it is sent, so there is no use in reading more.
        text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig").read(MAX_MESSAGE_CHARS + 1).strip()
    except UnicodeDecodeError as error:
        raise CommandError("The message on stdin is not UTF-8.") from error
    if not text:
        raise CommandError("There is no message: give it as an argument, or on stdin.")
    return text


def _converse(call: Call, client: Artificer, conversation: str) -> ExitCode | None:
    """Ask for messages until there are no more; one that fails does not end it."""
    code = None
    while True:
        try:
            line = _asked_for().strip()
        except EOFError:
            _output.say("")
            return code
        if not line:
            continue
        try:
            _answer(call, client, conversation, line)
            code = None
        except ArtificerError as error:
            _output.say(f"artificer: {sentence_of(error)}")
            code = ExitCode.FAILED


def _asked_for() -> str:
    if sys.stdout.isatty():
        return input("> ")  # which then can be edited
    sys.stderr.write("> ")
    sys.stderr.flush()
    return input()


def _answer(call: Call, client: Artificer, conversation: str, message: str) -> None:
    pieces: list[str] = []
    last: dict[str, Any] = {}
    try:
        for chunk in client.chat.stream(conversation, message):
            pieces.append(chunk.content)
            if not call.as_json:
                _output.write(chunk.content)
            last |= chunk.metadata.model_dump(mode="json", by_alias=True, exclude_unset=True)
    finally:
        if pieces and not call.as_json and not "".join(pieces[-2:]).endswith("\n"):
            _output.write("\n")
    if call.as_json:
        _output.write_json({"conversationId": conversation, "content": "".join(pieces), **last})
    elif names := {source["filename"] for source in last.get("sources", [])}:
        _output.say(f"From {', '.join(sorted(names))}")
