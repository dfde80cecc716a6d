"""What is shipped, built from sources."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Dist:
    """A build: its sdist and its wheel."""

    sdist: Path
    wheel: Path


def built(folder: Path, project: Path = ROOT, **env: str) -> Dist:
    """
    Build a project into an empty folder.

    :param env: variables of the build; nobody says where the sources are unless one of these does.
    """
    environ = {name: value for name, value in os.environ.items() if name != "ARTIFICER_REPOSITORY_URL"}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(
        command, cwd=project, env={**environ, **env}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Dist(sdist, wheel)
