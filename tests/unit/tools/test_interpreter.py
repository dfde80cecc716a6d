"""Which Python makes the venv, and which can read the scripts that look for it."""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING

import pytest
from _interpreter import BootstrapError, find_interpreter
from support.own_project import SCRIPTS, executable, fake_python

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_python_3_8_reads_the_scripts_and_they_import_only_the_standard_library(script: Path) -> None:
    nodes = list(ast.walk(ast.parse(script.read_text(), feature_version=(3, 8))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    own = {other.stem for other in SCRIPTS}
    assert imported
    assert {name.split(".")[0] for name in imported} <= own | set(sys.stdlib_module_names)


def test_a_broken_shim_on_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = executable(tmp_path / "shims" / "python3.12", "#!/bin/sh\necho no such version >&2; exit 127\n")
    real = fake_python(tmp_path / "real" / "python3.12", (3, 12, 4))
    monkeypatch.setattr(sys, "executable", str(shim))
    path = f"{shim.parent}{os.pathsep}{real.parent}"
    assert find_interpreter({"PATH": path, "HOME": str(tmp_path)}, None).path == str(real)


def test_a_python_of_pyenv_is_found_though_path_has_only_an_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = fake_python(tmp_path / "bin" / "python3", (3, 8, 18))
    kept = fake_python(tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin" / "python", (3, 13, 0))
    monkeypatch.setattr(sys, "executable", str(old))
    assert find_interpreter({"PATH": str(old.parent), "HOME": str(tmp_path)}, None).path == str(kept)


def test_where_no_python_fits_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = fake_python(tmp_path / "python3", (3, 15, 0))
    monkeypatch.setattr(sys, "executable", str(new))
    with pytest.raises(
        BootstrapError, match=r"^No Python 3\.11 to 3\.14 .* Install one \(apt-get install .*$"
    ):
        find_interpreter({"PATH": str(tmp_path), "HOME": str(tmp_path)}, None)


def test_a_python_that_cannot_make_venvs_fits_only_with_uv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = fake_python(tmp_path / "python3", (3, 11, 2), makes_venvs=False)
    monkeypatch.setattr(sys, "executable", str(bare))
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    assert find_interpreter(environ, str(tmp_path / "uv")).path == str(bare)
    with pytest.raises(BootstrapError, match=r"apt-get install python3\.11-venv"):
        find_interpreter(environ, None)
