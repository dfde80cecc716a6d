"""Phases, as the command line says them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from artificer_provider.cli._errors import CommandError
from artificer_provider.cli._phases import read_phases

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("said", "phase"),
    [
        ("a", {"name": "a"}),
        ("a:summarize", {"name": "a", "task_type": "summarize"}),
        ("a=Be brief: a=b", {"name": "a", "system_prompt": "Be brief: a=b"}),
        ("a=Two\nlines", {"name": "a", "system_prompt": "Two\nlines"}),
        ("two words:qa", {"name": "two words", "task_type": "qa"}),
    ],
)
def test_a_phase_is_a_name_with_a_prompt_or_a_task(said: str, phase: dict[str, Any]) -> None:
    assert read_phases([said], None, None) == [phase]


@pytest.mark.parametrize("said", ["", "=prompt", ":task", "a=", "a:"])
def test_what_is_no_phase_is_named(said: str) -> None:
    with pytest.raises(CommandError, match=f"--phase {said!r}"):
        read_phases([said], None, None)


def test_phases_are_said_once(tmp_path: Path) -> None:
    file = tmp_path / "phases.json"
    file.write_text('[{"name": "a"}]')
    assert read_phases([], file, None) == [{"name": "a"}]
    for said, given in (([], None), (["a"], file)):
        with pytest.raises(CommandError, match="not both"):
            read_phases(said, given, None)


@pytest.mark.parametrize(
    ("content", "hint"), [("[", "is no JSON"), ("[]", "no list"), ('["a"]', "no list"), ("{}", "no list")]
)
def test_a_file_that_holds_no_phases_is_named(tmp_path: Path, content: str, hint: str) -> None:
    file = tmp_path / "phases.json"
    file.write_text(content)
    with pytest.raises(CommandError, match=hint):
        read_phases([], file, None)


def test_a_model_is_for_phases_that_name_none(tmp_path: Path) -> None:
    file = tmp_path / "phases.json"
    file.write_text('[{"name": "a"}, {"name": "b", "model": "large"}]')
    assert [phase["model"] for phase in read_phases([], file, "small")] == ["small", "large"]
