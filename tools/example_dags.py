"""A Sphinx extension that lists the DAGs of ``dags_examples``, with what each says of itself."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGE = "examples"
FOLDER = Path(__file__).parent.parent / "dags_examples"


def setup(app: Sphinx) -> dict[str, bool]:
    """Fill the page when Sphinx reads it."""
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", lambda *_: [PAGE])
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _fill(_app: Sphinx, name: str, source: list[str]) -> None:
    """Put the DAGs behind what stands there already."""
    if name == PAGE:
        for file in sorted(FOLDER.glob("*.py")):
            source[0] += f"\n{described(file)}\n"


def described(file: Path) -> str:
    """Write what a DAG's docstring says, and below it the DAG."""
    text = file.read_text(encoding="utf-8")
    said = (ast.get_docstring(ast.parse(text)) or "").replace("``", "`")
    first = "from __future__" if "from __future__" in text else "import"
    shown = f"```{{literalinclude}} ../dags_examples/{file.name}\n:start-at: {first}\n```"
    return f"## `{file.stem}`\n\n{said}\n\n{shown}"
