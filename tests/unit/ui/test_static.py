from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import vendor

from artificer_provider import ui

STATIC = Path(ui.__file__).parent / "static"
RECORD = json.loads(vendor.RECORD.read_text())
MODULES = sorted(STATIC.rglob("*.js"))
WHAT_ASKS_ANOTHER_HOST = re.compile(r"""(?:from|import)\s*\(?\s*["'](?!\./)|url\(|@import|["'`]https?:""")
WHAT_CSP_FORBIDS = re.compile(r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write")


def test_the_vendored_files_are_what_was_recorded_of_them() -> None:
    recorded = {name: sha for package in RECORD.values() for name, sha in package["files"].items()}
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in vendor.VENDOR.iterdir()
        if file != vendor.RECORD
    }
    assert found == recorded


@pytest.mark.parametrize("package", vendor.PACKAGES, ids=lambda package: package.name)
def test_a_vendored_package_has_its_licence_beside_it(package: vendor.Package) -> None:
    record = RECORD[package.name]
    assert (record["version"], record["integrity"]) == (package.version, package.integrity)
    licence = (vendor.VENDOR / f"LICENSE-{package.name}").read_text()
    assert {"MIT": "MIT License", "Apache-2.0": "Apache License"}[package.license] in licence


def test_a_vendored_archive_that_is_not_the_recorded_one_is_refused() -> None:
    assert vendor.integrity(b"another") != vendor.PACKAGES[0].integrity
    assert vendor.in_browser(b'import{x}from"preact";\n//# sourceMappingURL=preact.js.map') == (
        b'import{x}from"./preact.js";\n'
    )


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_imports_files_beside_it_and_writes_no_markup(module: Path) -> None:
    text = module.read_text()
    for name in re.findall(
        r"""(?:^import|^export|[};]from|^} from).*?["'](\.[^"']+)["']""", text, re.MULTILINE
    ):
        assert (module.parent / name).is_file(), f"{module.name} imports {name}"
    if module.parent == STATIC:
        assert WHAT_ASKS_ANOTHER_HOST.findall(text) == []
        assert WHAT_CSP_FORBIDS.findall(text) == []


def test_our_own_files_are_small() -> None:
    files = [file for file in STATIC.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 150_000
    for file in STATIC.glob("*.[jc]s*"):
        assert len(file.read_text().splitlines()) < 400, file.name
