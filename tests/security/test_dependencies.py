"""What is installed with this package is listed, wanted, and free to be used beside it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import dependencies
import pytest

PAGE = {
    cells[1]: cells[2:5]
    for line in dependencies.TARGET.read_text(encoding="utf-8").splitlines()
    if len(cells := [cell.strip() for cell in line.split("|")]) == 6 and cells[1] not in ("package", "---")
}
DECLARED = dependencies.declared()


def test_the_page_names_what_is_declared_and_nothing_else() -> None:
    assert list(PAGE) == [one.name for one in DECLARED]
    assert set(PAGE) == set(dependencies.WHY), "say in WHY what it is for, or take it out there"


@pytest.mark.parametrize("name", [one.name for one in DECLARED])
def test_a_dependency_has_a_licence_that_binds_nobody_else(name: str) -> None:
    try:
        licence = dependencies.licence(name)
    except PackageNotFoundError:
        licence = PAGE[name][1]  # an extra that is not installed here
    else:
        assert PAGE[name][1] == licence or set(PAGE[name][1].split()) & set(licence.split())
    assert licence not in ("", "unknown")
    assert dependencies.FORBIDDEN.search(licence) is None, licence


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-or-later",
        "AGPL-3.0-only",
        "GNU Affero General Public License v3",
        "GNU General Public License v2 (GPLv2)",
        "BUSL-1.1",
    ],
)
def test_such_a_licence_would_be_found(licence: str) -> None:
    assert dependencies.FORBIDDEN.search(licence)
    assert not dependencies.FORBIDDEN.search("GNU Lesser General Public License v3 (LGPLv3)")
