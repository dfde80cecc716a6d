from __future__ import annotations

import re
from pathlib import Path

import pytest
from _interpreter import BootstrapError
from _venv import free_memory_mb, require_resources, telling_lines

REPOSITORY = Path(__file__).parents[3]


def test_the_lock_has_a_hash_for_every_pin_and_names_no_place() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    pins = re.split(r"\n(?=\S)", lock.strip())
    assert len(pins) > 100
    assert [
        pin for pin in pins if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", pin, re.DOTALL)
    ] == []
    assert "://" not in lock
    assert "index" not in lock


def test_too_little_disk_or_memory_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        BootstrapError, match=r"^Making it needs about 999999999 MB of disk, and \d+ MB are free where "
    ):
        require_resources(tmp_path, "Making it", 999_999_999, 0)
    if free_memory_mb() is not None:
        with pytest.raises(BootstrapError, match="of memory, and"):
            require_resources(tmp_path, "Making it", 0, 999_999_999)


def test_free_memory_counts_swap_and_the_limit_of_a_container(tmp_path: Path) -> None:
    proc = tmp_path / "meminfo"
    proc.write_text("MemTotal: 9 kB\nMemAvailable: 4194304 kB\nSwapFree: 1048576 kB\n")
    assert free_memory_mb(proc, tmp_path) == 5120
    (tmp_path / "memory.stat").write_text(f"anon {2**29}\nfile {2**30}\nshmem 0\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory_mb(proc, tmp_path) == 5120
    (tmp_path / "memory.max").write_text(f"{2**30}\n")
    assert free_memory_mb(proc, tmp_path) == 512
    assert free_memory_mb(tmp_path / "none", tmp_path) is None


def test_of_a_long_log_the_lines_that_name_the_cause_are_told() -> None:
    noise = [f"Collecting {number}" for number in range(100)]
    assert telling_lines("\n".join([*noise, "ERROR: no hash", "", "  Got abc", "done"])) == [
        "ERROR: no hash",
        "  Got abc",
    ]
    assert telling_lines("\n".join(noise)) == noise[-6:]
