"""The venv is made by uv or pip: once, whole or not at all, anew when what it was made from is another."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest
from _interpreter import ask
from _venv import pip_steps
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.own_project import Project


def test_a_second_run_finds_the_venv_ready(project: Project) -> None:
    for _ in range(2):
        assert project.run("venv")[0] == 0
    assert project.venvs_made() == 1


def change_lock(project: Project) -> None:
    (project.root / "requirements.lock").write_text("# newer\n")


def change_project(project: Project) -> None:
    (project.root / "pyproject.toml").write_text("[project]\n")


def lose_python(project: Project) -> None:
    python = project.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")


def move_folder(project: Project) -> None:
    moved = project.root.with_name("elsewhere")
    project.root.rename(moved)
    project.root = moved


@pytest.mark.parametrize("happen", [change_lock, change_project, lose_python, move_folder])
def test_the_venv_is_made_anew_when_what_it_was_made_from_is_gone(
    project: Project, happen: Callable[[Project], None]
) -> None:
    project.run("venv")
    stray = project.root / ".venv" / "stray"
    stray.touch()
    happen(project)
    assert project.run("venv")[0] == 0
    assert project.venvs_made() == 2
    assert not (project.root / ".venv" / "stray").exists()


def test_a_failed_install_leaves_no_stamp_and_says_what_failed_and_where_the_log_is(project: Project) -> None:
    (project.bin / "fail").touch()
    code, _, err = project.run("venv")
    log = project.root / "build" / "logs" / "install.log"
    assert code == 1
    assert err.splitlines()[0] == "error: the index burns"
    assert "at the step 'packages' (uv ended with 2)" in err
    assert err.rstrip().endswith(str(log))
    assert "working" in log.read_text()
    assert not project.stamp.exists()
    (project.bin / "fail").unlink()
    assert project.run("venv")[0] == 0
    assert project.stamp.exists()


def test_ctrl_c_ends_the_installer_with_code_130_and_leaves_no_stamp(project: Project) -> None:
    (project.bin / "hold").touch()
    pid = project.bin / "pid"
    with project.start("venv") as process:
        wait_until(lambda: pid.exists() and pid.read_text().strip() != "", "the installer runs")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not project.stamp.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_of_two_at_once_one_makes_the_venv_and_the_other_waits(project: Project) -> None:
    hold = project.bin / "hold"
    hold.touch()
    with project.start("venv") as first:
        wait_until((project.bin / "pid").exists, "the installer runs")
        with project.start("venv") as second:
            assert second.stderr is not None
            assert "waiting for another make" in second.stderr.readline()
            hold.unlink()
            assert (first.wait(30), second.wait(30)) == (0, 0)
    assert project.venvs_made() == 1


def test_uv_is_started_with_the_settings_of_pip(project: Project) -> None:
    project.run("venv", PIP_INDEX_URL="http://localhost:9/simple")
    seen = (project.bin / "environment").read_text().splitlines()
    assert "UV_DEFAULT_INDEX=http://localhost:9/simple" in seen


def write_wheel(path: Path, module: str) -> Path:
    name = path.name.split("-")[0]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module}.py", "")
        archive.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        archive.writestr(f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{name}-1.dist-info/RECORD", "")
    return path


# The project of the test is "built" by handing out a wheel that lies ready.
BACKEND = """
import shutil
def build_editable(folder, config_settings=None, metadata_directory=None):
    shutil.copy("stub-1-py3-none-any.whl", folder)
    return "stub-1-py3-none-any.whl"
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "stub"
version = "1"
"""


@pytest.mark.slow
def test_without_uv_pip_installs_what_the_lock_has_a_hash_for_and_nothing_else(project: Project) -> None:
    (project.bin / "uv").unlink()
    write_wheel(project.root / "stub-1-py3-none-any.whl", "stub")
    (project.root / "backend.py").write_text(BACKEND)
    (project.root / "pyproject.toml").write_text(PROJECT)
    wheel = write_wheel(project.bin / "pinned-1-py3-none-any.whl", "pinned")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = project.root / "requirements.lock"
    lock.write_text(f"pinned==1 --hash=sha256:{digest}\n")
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project.bin), "PYTHONDONTWRITEBYTECODE": "1"}
    assert project.run("venv", **offline)[0] == 0
    packages = next(project.root.glob(".venv/lib/python3*/site-packages"))
    assert (packages / "stub-1.dist-info").is_dir()
    assert (packages / "pinned.py").is_file()
    assert list(packages.glob("__pycache__/pinned.*.pyc"))

    write_wheel(project.bin / "other-1-py3-none-any.whl", "other")
    environ = {**project.environ, **offline}
    python = ask(project.root / ".venv" / "bin" / "python", environ)
    assert python is not None
    command = next(
        step.command for step in pip_steps(python, project.root / ".venv") if step.title == "packages"
    )
    for pin in ("other==1", f"other==1 --hash=sha256:{digest}"):
        lock.write_text(f"{pin}\n")
        refused = subprocess.run(
            command, cwd=project.root, env=environ, capture_output=True, text=True, check=False
        )
        assert refused.returncode == 1
        assert "HASHES" in refused.stderr.upper()
    assert not (packages / "other.py").exists()
