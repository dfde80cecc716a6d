"""The options that every command has that calls an engine, in one place."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artificer_provider.cli._errors import ExitCode, reported

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.client import Artificer

TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """
    Which engine a command calls, and how it answers.

    :param as_json: nothing but JSON on stdout.
    """

    base_url: str | None
    api_key: str | None = field(repr=False)
    dialect: str
    timeout: float
    as_json: bool

    def client(self) -> Artificer:
        """Make a client, to be used in a ``with`` block."""
        from artificer_provider.client import Artificer

        return Artificer(self.api_key, self.base_url, dialect=self.dialect, timeout=self.timeout)


def _shared(
    *,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="ARTIFICER_BASE_URL",
            show_default="http://localhost:3001",
            help="Where the engine is.",
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            envvar="ARTIFICER_API_KEY",
            show_default=False,
            help="The engine's key. As an option, everybody on this machine can see it in the list of "
            "processes: better set the variable.",
        ),
    ] = None,
    dialect: Annotated[
        str,
        typer.Option(
            metavar="auto|rest|trpc",
            autocompletion=lambda: ["auto", "rest", "trpc"],
            help="How the engine is spoken to; auto asks it.",
        ),
    ] = "auto",
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Without a byte, after which a try counts as failed.")
    ] = TIMEOUT,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, and nothing else, to stdout.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error happened, and which calls are tried again.")
    ] = False,
) -> None:
    """Name the options; :func:`calls_engine` gives them to every command."""


def calls_engine(command: Callable[..., ExitCode | None]) -> Callable[..., None]:
    """
    Give a command the options that say which engine is called, and report its errors.

    :param command: takes a :class:`Call` before its own parameters, and may have a ``timeout`` of its own.
    """
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    names = {parameter.name for parameter in own}
    shared = [
        parameter
        for parameter in inspect.signature(_shared, eval_str=True).parameters.values()
        if parameter.name not in names
    ]

    @wraps(command)
    def called(**given: Any) -> None:  # noqa: ANN401 - what typer read
        said = {parameter.name: given.pop(parameter.name) for parameter in shared}
        debug = said.pop("debug")
        if debug:
            _show_log()
        with reported(debug=debug):
            code = command(Call(**{"timeout": TIMEOUT, **said}), **given)
        raise typer.Exit(code or ExitCode.DONE)

    parameters = [*own, *shared]
    # What typer looks at.
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # any function can have one
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _show_log() -> None:
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("artificer_provider.client").setLevel(logging.INFO)
