"""The entry points of this package as its project file has them, whatever is installed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from artificer_provider import __version__

if TYPE_CHECKING:
    import pytest

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def entry_points() -> dict[str, dict[str, str]]:
    """Read them, by group."""
    groups: dict[str, dict[str, str]] = tomllib.loads(PROJECT.read_text())["project"]["entry-points"]
    return groups


def install_entry_points(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process find them, as an installation of this tree would."""
    metadata = folder / f"airflow_provider_artificer-{__version__}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: airflow-provider-artificer\nVersion: {__version__}\n"
    )
    lines = [
        line
        for group, entries in entry_points().items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), "")
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(folder)
