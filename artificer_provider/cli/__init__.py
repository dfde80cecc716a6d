"""The command ``artificer``."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from artificer_provider import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command ``artificer``.

    :param arguments: the words after it; by default those this process was started with.
    :returns: the exit code: 0 when all went well, 2 when it could not be done as asked.
    """
    parser = argparse.ArgumentParser(
        prog="artificer", description="Tools beside the Artificer Airflow provider."
    )
    parser.add_argument("--version", action="version", version=f"artificer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    engine = commands.add_parser(
        "engine",
        help="run the embedded engine",
        description="Run the embedded engine until Ctrl-C. It answers with extractive methods, or hands "
        "texts to the OpenAI-compatible server that ARTIFICER_ENGINE_LLM_URL, _KEY and _MODEL name (where no "
        "_MODEL is named, only the texts of phases that name one). "
        "--models (or ARTIFICER_ENGINE_MODELS) names a TOML file of several such servers, with their models "
        "and what those charge. "
        "ARTIFICER_ENGINE_API_KEY is the key callers must send; without one it listens on loopback only.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    engine.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    engine.add_argument("--port", type=_port, default=3001, help="the port to listen on; 0 takes a free one")
    engine.add_argument("--data", type=Path, default=_data_home(), metavar="DIR", help="where jobs are kept")
    engine.add_argument("--models", type=Path, metavar="FILE", help="which model servers there are (TOML)")
    engine.add_argument(
        "--backup",
        type=Path,
        metavar="FILE",
        help="run no engine: copy what the one on --data keeps, which may be running, to a new FILE. "
        "To use the copy, put it as engine.sqlite3 into a directory of its own",
    )
    engine.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="CIDR",
        help="a proxy whose X-Forwarded-For says where a call comes from; may be given again",
    )
    engine.add_argument(
        "--quirks",
        nargs="?",
        const="all",
        metavar="NAME,NAME",
        help="speak tRPC alone, and misbehave as deployed engines do: in all ways, or those named; 'list' "
        "names them",
    )
    asked = parser.parse_args(arguments)
    if asked.backup is not None:
        return _back_up(asked.data.expanduser(), asked.backup.expanduser())
    return _engine(asked)


def _engine(asked: argparse.Namespace) -> int:
    try:
        from artificer_provider.engine.serve import CannotServeError, read_settings, serve
        from artificer_provider.engine.trpc.quirks import LIST, UnknownQuirkError, chosen, listing
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("artificer_provider"):
            raise
        return _fail(f"The engine needs {error.name}: pip install 'airflow-provider-artificer[engine]'")
    if asked.quirks == LIST:
        print(listing())  # noqa: T201 - what was asked for
        return 0
    try:
        data = asked.data.expanduser()
        settings = read_settings(
            asked.host, asked.port, data, asked.models, os.environ, proxies=asked.trusted_proxy
        )
        quirks = chosen(asked.quirks) if asked.quirks else frozenset()
        serve(replace(settings, quirks=quirks))
    except (CannotServeError, UnknownQuirkError) as reason:
        return _fail(str(reason))
    return 0


def _back_up(data: Path, copy: Path) -> int:
    from artificer_provider.engine.backup import BackupError, back_up

    try:
        done = back_up(data, copy)
    except BackupError as reason:
        return _fail(str(reason))
    print(f"Copied {done.jobs} jobs ({done.size / 1024**2:.1f} MiB) to {copy}")  # noqa: T201 - as below
    return 0


def _fail(sentence: str) -> int:
    print(f"artificer: {sentence}", file=sys.stderr)  # noqa: T201 - a command speaks to its terminal
    return 2


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the last port there is
        raise argparse.ArgumentTypeError(f"{text!r} is no port (0 to 65535)")
    return int(text)


def _data_home() -> Path:
    """Where programs of this user keep their data (XDG)."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "artificer" / "engine"
