"""The commands, put together; each is a module that is imported only when it can be needed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from artificer_provider import __version__

#: The modules beside this one, each with an ``add_to``, in the order of the help.
COMMANDS = ("engine", "keys", "batch", "pdf", "chat", "search", "health")


def make_app(words: list[str]) -> typer.Typer:
    """
    Put the command together.

    :param words: what was typed: where the first of them is a command, no other is imported.
    """
    app = typer.Typer(
        name="artificer",
        callback=_artificer,
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
        # Its boxes would wrap a sentence that scripts and people want whole, and show local variables.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        import_module(f"artificer_provider.cli.{name}").add_to(app)
    return app


def _show_version(is_asked: bool) -> None:  # noqa: FBT001 - how typer calls it
    if is_asked:
        sys.stdout.write(f"artificer {__version__}\n")
        raise typer.Exit


def _artificer(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Tools beside the Artificer Airflow provider: work an engine from the shell, or run the embedded one."""
