"""Find a Python that the project can live on. Standard library only, in syntax that Python 3.8 reads."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3", "python")
SPAN = ">=3.11,<3.15"
HOW_TO_GET_ONE = (
    "Install one (apt-get install python3 python3-venv, brew install python@3.12, pyenv install 3.12 "
    "or uv python install 3.12) or name it: make PYTHON=/path/to/python."
)

# Python 2 must be able to answer this too.
QUESTION = """
import json, os, struct, sys
found = dict(path=os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
             version=list(sys.version_info[:3]), wide=struct.calcsize("P") == 8,
             kind=sys.implementation.name if sys.version_info > (3, 4) else "cpython",
             threading="free" if "t" in getattr(sys, "abiflags", "") else "locked", makes_venvs=False)
if sys.version_info > (3, 4):
    from importlib.util import find_spec
    found["makes_venvs"] = bool(find_spec("venv") and find_spec("ensurepip"))
print(json.dumps(found))
"""


class BootstrapError(Exception):
    """Say in one sentence why the bootstrap stops."""


class Interpreter(NamedTuple):
    """What a Python says about itself; ``path`` is its base installation, whatever venv or shim was asked."""

    path: str
    version: tuple[int, int, int]
    wide: bool
    kind: str
    threading: str
    makes_venvs: bool

    def __str__(self) -> str:
        """Name it for a person."""
        return "Python {}.{}.{} ({})".format(*self.version, self.path)


def answer_of(command: list[str], environ: Mapping[str, str]) -> str:
    """Return what a short command prints; it hangs no more than half a minute."""
    done = subprocess.run(
        command, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True
    )
    return done.stdout.decode(errors="replace").strip()


def ask(executable: str | Path, environ: Mapping[str, str]) -> Interpreter | None:
    """Start an executable and let it say what it is; None if it does not start or does not answer."""
    command = [str(executable), "-E", "-S", "-c", QUESTION]  # without site it answers in half the time
    try:
        said = json.loads(answer_of(command, environ).splitlines()[-1])
        major, minor, patch = said.pop("version")
        return Interpreter(version=(major, minor, patch), **said)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError, TypeError):
        return None


def misfit(python: Interpreter) -> str | None:
    """Say why the project cannot live on this Python; None if it can."""
    if not (3, 11) <= python.version < (3, 15):
        return "it must be Python 3.11, 3.12, 3.13 or 3.14"
    if not python.wide:
        return "it is a 32 bit build and the wheels need 64"
    if python.kind != "cpython" or python.threading == "free":
        return "the wheels need an ordinary CPython build"
    return None


def missing_venv(python: Interpreter) -> str | None:
    """Say what pip's way of making a venv lacks on this Python; None if nothing."""
    if python.makes_venvs:
        return None
    package = "python{}.{}-venv".format(*python.version[:2])
    return f"it lacks venv or ensurepip: apt-get install {package}, or install uv"


def named(name: str, environ: Mapping[str, str]) -> Interpreter:
    """Ask the Python that the user named in ``$PYTHON``."""
    executable = shutil.which(str(Path(name).expanduser()), path=environ.get("PATH"))
    python = ask(executable, environ) if executable else None
    if python is None:
        raise BootstrapError(f"PYTHON={name} does not run. {HOW_TO_GET_ONE}")
    return python


def candidates(environ: Mapping[str, str], uv: str | None) -> Iterator[str]:
    """Yield executables that may be a fitting Python, the likeliest first."""
    yield sys.executable
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    # Every folder, not only the first hit: a shim that fails often stands before the real thing.
    yield from filter(None, (shutil.which(name, path=folder) for name in NAMES for folder in folders))
    pyenv = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/"), ".pyenv"))
    yield from (str(path) for path in sorted(pyenv.glob("versions/*/bin/python"), reverse=True))
    if uv:
        command = [uv, "python", "find", "--managed-python", "--no-python-downloads", "--no-project", SPAN]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            yield answer_of(command, environ)


def find_interpreter(environ: Mapping[str, str], uv: str | None) -> Interpreter:
    """Return the Python that ``$PYTHON`` names, or the first that fits and can make a venv without uv."""

    def refusal(python: Interpreter) -> str | None:
        return misfit(python) or (None if uv else missing_venv(python))

    if environ.get("PYTHON"):
        python = named(environ["PYTHON"], environ)
        if refusal(python):
            raise BootstrapError("PYTHON={}, {}: {}.".format(environ["PYTHON"], python, refusal(python)))
        return python

    almost = None
    for executable in candidates(environ, uv):
        found = ask(executable, environ)
        if found is None or misfit(found):
            continue
        if refusal(found) is None:
            return found
        almost = almost or f"{found} was found, but {refusal(found)}."
    raise BootstrapError(almost or "No Python 3.11 to 3.14 (64 bit) was found. " + HOW_TO_GET_ONE)
