"""Fetch the published JavaScript files that the pages in the Airflow UI stand on."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "artificer_provider" / "ui" / "static" / "vendor"
RECORD = VENDOR / "vendored.json"

# What the browser is asked to import has to be a path: nothing resolves names of packages there.
SPECIFIERS = {b'"preact"': b'"./preact.js"'}
SOURCE_MAP = re.compile(rb"\n?//# sourceMappingURL=\S+\s*\Z")


@dataclass(frozen=True)
class Package:
    """
    A package of the npm registry, and which of its files we ship.

    :param integrity: of the published archive, as npm writes it.
    :param files: our name of each file, by its name in the archive.
    """

    name: str
    version: str
    license: str
    integrity: str
    files: dict[str, str]


PACKAGES = (
    Package(
        name="preact",
        version="11.2.0",
        license="MIT",
        integrity="sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==",
        files={
            "dist/preact.mjs": "preact.js",
            "hooks/dist/hooks.mjs": "hooks.js",
            "LICENSE": "LICENSE-preact",
        },
    ),
    Package(
        name="htm",
        version="3.1.1",
        license="Apache-2.0",
        integrity="sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        files={"dist/htm.mjs": "htm.js", "LICENSE": "LICENSE-htm"},
    ),
)


class VendorError(RuntimeError):
    """A package is not what was recorded of it."""


def main() -> int:
    """Fetch every package, write its files, and record their hashes."""
    npm = shutil.which("npm")
    if npm is None:
        print("There is no npm here: install Node.js, for instance apt-get install npm.", file=sys.stderr)
        return 1
    VENDOR.mkdir(parents=True, exist_ok=True)
    try:
        record = {package.name: vendored(package, npm) for package in PACKAGES}
    except VendorError as error:
        print(error, file=sys.stderr)
        return 1
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


def vendored(package: Package, npm: str) -> dict[str, object]:
    """Write the files of ``package`` and say what was written."""
    with tempfile.TemporaryDirectory() as folder:
        archive = packed(package, npm, Path(folder))
        files = {ours: in_browser(member(archive, name)) for name, ours in package.files.items()}
    for name, content in files.items():
        (VENDOR / name).write_bytes(content)
    return {
        "version": package.version,
        "license": package.license,
        "integrity": package.integrity,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }


def packed(package: Package, npm: str, folder: Path) -> Path:
    """Have npm fetch the archive from the registry it is set to."""
    spec = f"{package.name}@{package.version}"
    command = [npm, "pack", spec, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        raise VendorError(f"npm could not fetch {spec}: {done.stderr.strip() or 'it gave no reason'}")
    found = integrity(archives[0].read_bytes())
    if found != package.integrity:
        raise VendorError(
            f"{spec} is not what was recorded: {found}, not {package.integrity}. Nothing was written."
        )
    return archives[0]


def integrity(content: bytes) -> str:
    """Return the hash of an archive as npm writes it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def member(archive: Path, name: str) -> bytes:
    """Read one file out of an archive."""
    with tarfile.open(archive) as opened:
        content = opened.extractfile(f"package/{name}")
        if content is None:
            raise VendorError(f"{archive.name} has no file {name}.")
        return content.read()


def in_browser(content: bytes) -> bytes:
    """Make the imports paths, and leave out the pointer to a map that is not shipped."""
    for name, path in SPECIFIERS.items():
        content = content.replace(b"from" + name, b"from" + path)
    return SOURCE_MAP.sub(b"\n", content)


if __name__ == "__main__":
    raise SystemExit(main())
