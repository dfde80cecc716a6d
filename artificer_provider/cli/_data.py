"""Where the engine of this machine keeps its data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

DataDirectory = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="Where the engine keeps its data.")
]


def data_home() -> Path:
    """Where programs of this user keep their data (XDG)."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "artificer" / "engine"
