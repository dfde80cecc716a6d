"""``artificer health``: how the engine is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from artificer_provider.cli import _output
from artificer_provider.cli._call import Call, calls_engine
from artificer_provider.cli._errors import ExitCode, sentence_of
from artificer_provider.client.errors import ArtificerError, ConfigurationError, StatusError

if TYPE_CHECKING:
    from artificer_provider.client import Artificer

HEALTHY = frozenset({"ok", "healthy"})


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("health")(calls_engine(health))


def health(call: Call) -> ExitCode:
    """
    Say how the engine is.

    Exit code 0 means healthy, 1 that it is not, or cannot be reached.
    """
    with call.client() as client:
        try:
            found = _look(client)
        except ConfigurationError:
            raise
        except ArtificerError as error:
            status = "unhealthy" if isinstance(error, StatusError) else "unreachable"
            found = {"status": status, "error": sentence_of(error)}
    if call.as_json:
        _output.write_json(found)
    elif "error" in found:
        _output.say(f"artificer: {found['error']}")
    else:
        _output.write("".join(f"{name:9}{_told(value)}\n" for name, value in found.items() if value))
    return ExitCode.DONE if found["status"] in HEALTHY else ExitCode.FAILED


def _look(client: Artificer) -> dict[str, object]:
    client.health()  # finds the dialect and opens a connection, which is not the engine's latency
    begun = time.perf_counter()
    found = client.health()
    latency = time.perf_counter() - begun
    more = found.model_extra or {}
    return {
        "status": found.status,
        "version": found.version,
        "mode": found.mode,
        "models": more.get("models"),
        "dialect": client.dialect,
        "latency": round(latency * 1000, 1),
    }


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return f"{value} ms" if isinstance(value, float) else str(value)
