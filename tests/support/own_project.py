"""A repository of a test's own, with the real scripts that make its venv and run its tools."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = [
    REPOSITORY / "tools" / name for name in ("bootstrap.py", "_environment.py", "_interpreter.py", "_venv.py")
]
SYSTEM_PATH = os.pathsep.join(["/usr/bin", "/bin", str(Path(shutil.which("make") or "/usr/bin/make").parent)])

# Makes real venvs, installs nothing; `fail` and `hold` lie beside it to make it fail or wait.
FAKE_UV = r"""#!/bin/sh
here=$(dirname "$0")
[ "$1" = --version ] && { echo "uv 1.0"; exit 0; }
echo "$*" >> "$here/calls"
env > "$here/environment"
if [ "$1" = venv ]; then
  while [ $# -gt 1 ]; do [ "$1" = --python ] && python=$2; shift; done
  exec "$python" -m venv --without-pip "$1"
fi
[ -e "$here/fail" ] && { echo "working"; echo "error: the index burns" >&2; exit 2; }
echo $$ > "$here/pid"
while [ -e "$here/hold" ]; do sleep 0.02; done
exit 0
"""


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def fake_python(path: Path, version: tuple[int, int, int], *, makes_venvs: bool = True) -> Path:
    says = {"path": str(path), "version": version, "wide": True, "kind": "cpython", "threading": "locked"}
    return executable(path, f"#!/bin/sh\necho '{json.dumps({**says, 'makes_venvs': makes_venvs})}'\n")


@dataclass
class Project:
    """A repository of its own with the real scripts, in a path with spaces, and a uv beside it."""

    root: Path
    bin: Path

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{self.bin}{os.pathsep}{SYSTEM_PATH}",
            "HOME": str(self.bin),
            "PIP_CONFIG_FILE": os.devnull,
        }

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / ".made-from"

    @contextlib.contextmanager
    def start(self, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, "tools/bootstrap.py", *arguments],
            cwd=self.root,
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str, **environ: str) -> tuple[int, str, str]:
        with self.start(*arguments, **environ) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def venvs_made(self) -> int:
        calls = self.bin / "calls"
        return calls.read_text().count("venv --no-project") if calls.exists() else 0


def own_project(folder: Path) -> Project:
    """Make one of the real scripts, and of empty files where the others lie."""
    made = Project(folder / "a path" / "with spaces", folder / "bin")
    (made.root / "tools").mkdir(parents=True)
    (made.root / "artificer_provider").mkdir()
    for script in SCRIPTS:
        shutil.copy(script, made.root / "tools")
    shutil.copy(REPOSITORY / "Makefile", made.root)
    for name in ("requirements.lock", "pyproject.toml", "artificer_provider/__init__.py"):
        (made.root / name).write_text("")
    executable(made.bin / "uv", FAKE_UV)
    return made
