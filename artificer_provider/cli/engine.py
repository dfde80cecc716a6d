"""``artificer engine``: the embedded engine, run here until Ctrl-C."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from artificer_provider.cli._data import DataDirectory, data_home
from artificer_provider.cli._errors import CommandError
from artificer_provider.cli._output import say, write

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST_PORT = 65535


class _Engine(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer does not name it
        return super().parse_args(ctx, list(_with_value(args)))


def _with_value(words: list[str]) -> Iterator[str]:
    """Write ``--quirks`` without a value as the value it stands for: typer knows no optional values."""
    for word, following in pairwise([*words, "-"]):
        yield "--quirks=all" if word == "--quirks" and following.startswith("-") else word


def _port(said: str | int) -> int:  # the default passes here too
    text = str(said)
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise typer.BadParameter(f"{text!r} is no port (0 to {LAST_PORT})")
    return int(text)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("engine", cls=_Engine)(engine)


def engine(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        # Some releases of typer name an option after a metavar that is its name in capitals.
        typer.Option(
            "--port", parser=_port, metavar="PORT", help="The port to listen on; 0 takes a free one."
        ),
    ] = 3001,
    data: DataDirectory = data_home(),  # noqa: B008 - shown in the help
    models: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Which model servers there are (TOML).")
    ] = None,
    backup: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Run no engine: copy what the one on --data keeps, which may be running, to a new FILE. "
            "To use the copy, put it as engine.sqlite3 into a directory of its own.",
        ),
    ] = None,
    fetch_model: Annotated[
        bool,
        typer.Option(
            "--fetch-model",
            help="Run no engine: fetch the weights of smollm2-135m-instruct (94 MB; extra engine-llm).",
        ),
    ] = False,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CIDR",
            help="A proxy whose X-Forwarded-For says where a call comes from; given again for more.",
        ),
    ] = None,
    quirks: Annotated[
        str | None,
        typer.Option(
            metavar="[NAME,NAME]",
            help="Speak tRPC alone, and misbehave as deployed engines do: in all ways, or those named; "
            "--quirks=list names them.",
        ),
    ] = None,
) -> None:
    """
    Run the embedded engine until Ctrl-C.

    It answers with extractive methods, or hands texts to the OpenAI-compatible server that
    ARTIFICER_ENGINE_LLM_URL, _KEY and _MODEL name (where no _MODEL is named, only the texts of phases that
    name one). --models (or ARTIFICER_ENGINE_MODELS) names a TOML file of several such servers, with their
    models and what those charge. Callers need a key of `artificer keys`, or that of
    ARTIFICER_ENGINE_API_KEY; as long as there is none, it listens on loopback only.
    """
    try:
        if fetch_model:
            _fetch_model()
        elif backup is not None:
            _back_up(data.expanduser(), backup.expanduser())
        else:
            _serve(host, port, data.expanduser(), models, quirks, trusted_proxy or [])
    except CommandError as error:
        say(f"artificer: {error}")
        raise typer.Exit(error.code) from None


def _serve(  # noqa: PLR0917 - the options of the command
    host: str, port: int, data: Path, models: Path | None, quirks: str | None, proxies: list[str]
) -> None:
    try:
        from artificer_provider.engine.serve import CannotServeError, read_settings, serve
        from artificer_provider.engine.trpc.quirks import LIST, UnknownQuirkError, chosen, listing
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("artificer_provider"):
            raise
        raise CommandError(
            f"The engine needs {error.name}: pip install 'airflow-provider-artificer[engine]'"
        ) from error
    if quirks == LIST:
        write(f"{listing()}\n")
        return
    try:
        settings = read_settings(host, port, data, models, os.environ, proxies=proxies)
        serve(replace(settings, quirks=chosen(quirks) if quirks else frozenset()))
    except (CannotServeError, UnknownQuirkError) as reason:
        raise CommandError(str(reason)) from reason


def _fetch_model() -> None:
    from artificer_provider.engine.llm import weights

    target = weights.weights_path(os.environ)
    try:
        fetched = weights.fetch(target)
    except weights.WeightsError as reason:
        raise CommandError(str(reason)) from reason
    write(f"{weights.MODEL} {'is at' if fetched else 'was already at'} {target}\n")
    if weights.installed(os.environ) is None:
        raise CommandError(f"To run it the engine needs xllamacpp: pip install '{weights.EXTRA}'")


def _back_up(data: Path, copy: Path) -> None:
    from artificer_provider.engine.backup import BackupError, back_up

    try:
        done = back_up(data, copy)
    except BackupError as reason:
        raise CommandError(str(reason)) from reason
    write(f"Copied {done.jobs} jobs ({done.size / 1024**2:.1f} MiB) to {copy}\n")
