"""Wheel and sdist, as they would be uploaded."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from email import message_from_bytes
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt
from support.dist import ROOT, built

from artificer_provider import __version__

if TYPE_CHECKING:
    from email.message import Message

    from support.dist import Dist

WHEEL_BYTES = 1_500_000
SOMEWHERE = "https://git.example.com/us/provider"


def names_of(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as packed:
        return packed.namelist()


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as packed:
        [name] = [name for name in packed.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(packed.read(name))


def unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as packed:
        packed.extractall(folder, filter="data")
    [project] = folder.iterdir()
    return project


def described(wheel: Path) -> str:
    text = metadata_of(wheel).get_payload(decode=True)
    assert isinstance(text, bytes)
    return text.decode()


def targets(markdown: str) -> dict[str, list[str]]:
    """Where the links and the pictures of a page lead, as an index renders it."""
    found: dict[str, list[str]] = {"a": [], "img": []}
    for block in MarkdownIt("gfm-like", {"linkify": False}).parse(markdown):
        for token in block.children or ():
            if token.type == "link_open":
                found["a"].append(str(token.attrs["href"]))
            elif token.type == "image":
                found["img"].append(str(token.attrs["src"]))
    return found


def test_the_wheel_holds_the_package_and_nothing_else(dist: Dist) -> None:
    names = names_of(dist.wheel)
    folders = {name.partition("/")[0] for name in names}
    assert folders == {"artificer_provider", f"airflow_provider_artificer-{__version__}.dist-info"}
    assert not [name for name in names if "test" in Path(name).name or name.endswith((".pyc", ".orig"))]
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "artificer_provider").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == here


def test_the_wheel_is_small(dist: Dist) -> None:
    assert dist.wheel.stat().st_size <= WHEEL_BYTES


def test_the_wheel_says_that_it_is_typed_and_carries_every_licence(dist: Dist) -> None:
    names = names_of(dist.wheel)
    assert "artificer_provider/py.typed" in names
    licences = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
    vendor = "artificer_provider/ui/static/vendor"
    assert licences == {"LICENSE", "NOTICE", f"{vendor}/LICENSE-htm", f"{vendor}/LICENSE-preact"}
    assert metadata_of(dist.wheel)["License-Expression"] == "Apache-2.0 AND MIT"


def test_airflow_is_led_to_the_provider_and_to_its_pages(dist: Dist) -> None:
    with zipfile.ZipFile(dist.wheel) as packed:
        [name] = [name for name in packed.namelist() if name.endswith("entry_points.txt")]
        points = packed.read(name).decode()
    assert "provider_info = artificer_provider.get_provider_info:get_provider_info" in points
    assert "artificer = artificer_provider.ui.plugin:ArtificerPlugin" in points
    assert "artificer = artificer_provider.cli:main" in points


def test_nothing_but_airflow_and_the_client_is_needed_without_extras(dist: Dist) -> None:
    needed = metadata_of(dist.wheel).get_all("Requires-Dist", [])
    assert sorted(one for one in needed if "extra ==" not in one) == [
        "apache-airflow-providers-common-compat>=1.14.0",
        "apache-airflow<4,>=3.1",
        "httpx-sse>=0.4",
        "httpx>=0.27",
        "pendulum>=3",
        "pydantic>=2",
    ]


def test_where_nobody_says_where_the_sources_are_no_link_leads_nowhere(dist: Dist) -> None:
    page = targets(described(dist.wheel))
    assert not page["img"]
    assert not [target for target in page["a"] if not target.startswith("https://")]
    assert "See docs/client.md" in described(dist.wheel)
    assert metadata_of(dist.wheel).get_all("Project-URL") is None


def test_the_links_of_a_release_lead_to_its_own_sources(tmp_path: Path) -> None:
    wheel = built(tmp_path, ARTIFICER_REPOSITORY_URL=SOMEWHERE + "/").wheel
    page = targets(described(wheel))
    assert len(page["a"]) > 10
    assert page["img"]
    assert all(target.startswith(f"{SOMEWHERE}/blob/v{__version__}/") for target in page["a"])
    assert all(target.startswith(f"{SOMEWHERE}/raw/v{__version__}/") for target in page["img"])
    led = [target.partition(f"/v{__version__}/")[2].partition("#")[0] for target in page["a"] + page["img"]]
    assert not [path for path in led if not (ROOT / path).exists()]
    assert f"Source, {SOMEWHERE}" in metadata_of(wheel).get_all("Project-URL", [])


def test_the_same_sources_make_the_same_bytes_wherever_they_lie(dist: Dist, tmp_path: Path) -> None:
    project = unpacked(dist.sdist, tmp_path / "another place")
    again = built(tmp_path / "dist", project)
    assert sha256(again.wheel.read_bytes()).digest() == sha256(dist.wheel.read_bytes()).digest()
    assert sha256(again.sdist.read_bytes()).digest() == sha256(dist.sdist.read_bytes()).digest()


@pytest.mark.parametrize("when", ["315532800", "1700000000"])
def test_it_is_as_old_as_its_builder_says(tmp_path: Path, when: str) -> None:
    first, second = (built(tmp_path / name, SOURCE_DATE_EPOCH=when) for name in ("first", "second"))
    assert first.wheel.read_bytes() == second.wheel.read_bytes()
    assert first.sdist.read_bytes() == second.sdist.read_bytes()
    with tarfile.open(first.sdist) as packed:
        assert {member.mtime for member in packed} == {int(when)}


def test_a_file_that_lies_about_is_not_shipped(dist: Dist, tmp_path: Path) -> None:
    project = unpacked(dist.sdist, tmp_path / "messy")
    (project / ".env").write_text("ARTIFICER_API_KEY=sk_secret")
    (project / "notes.txt").write_text("mine")
    shutil.copytree(project / "docs", project / "build" / "docs")
    assert built(tmp_path / "dist", project).sdist.read_bytes() == dist.sdist.read_bytes()


def test_the_sdist_holds_what_the_tests_need(dist: Dist, tmp_path: Path) -> None:
    project = unpacked(dist.sdist, tmp_path)
    for name in ("tests", "tools", "docs", "dags_examples"):
        here = {path.relative_to(ROOT) for path in (ROOT / name).rglob("*.py")}
        there = {path.relative_to(project) for path in (project / name).rglob("*.py")}
        assert not here ^ there
    assert (project / "tests" / "data" / "wire" / "exchanges.jsonl").is_file()
    assert {"Makefile", "README.md", "requirements.lock"} <= {path.name for path in project.iterdir()}
