"""The commands behind the targets of make, in a repository of their own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.own_project import executable, fake_python

if TYPE_CHECKING:
    from pathlib import Path

    from support.own_project import Project


@pytest.mark.parametrize(
    ("named", "reason"), [("python3.8", "it must be Python 3.11"), ("python9", "PYTHON=python9 does not run")]
)
def test_a_named_python_that_does_not_fit_is_refused_in_one_line(
    project: Project, named: str, reason: str
) -> None:
    fake_python(project.bin / "python3.8", (3, 8, 18))
    code, out, err = project.run("venv", PYTHON=named)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert reason in err
    assert not (project.root / ".venv").exists()


def test_engine_becomes_the_tool_and_gets_its_arguments_a_clean_environment_and_one_ctrl_c(
    project: Project,
) -> None:
    project.run("venv")
    executable(
        project.root / ".venv" / "bin" / "artificer",
        "#!/bin/sh\nexec '{}' -c '{}' \"$@\"\n".format(
            sys.executable,
            "import os, signal, sys\n"
            "signal.signal(signal.SIGINT, lambda *_: sys.exit(7))\n"
            'print(os.getpid(), sys.argv[1:], os.environ.get("PYTHONDONTWRITEBYTECODE"), flush=True)\n'
            'print(os.environ["NO_PROXY"], flush=True)\nsignal.pause()\n',
        ),
    )
    surroundings = {"PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "corp"}
    with project.start("engine", "--port", "0", "a b", **surroundings) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{process.pid} ['engine', '--port', '0', 'a b'] None\n"
        assert process.stdout.readline() == "corp,127.0.0.1,localhost,::1\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 7


def test_make_alone_helps_passes_over_a_broken_python_and_hands_args_on(project: Project) -> None:
    executable(project.bin / "python3", "#!/bin/sh\nexit 127\n")
    executable(project.bin / "python", f"#!/bin/sh\nexec '{sys.executable}' \"$@\"\n")
    (project.root / ".venv" / "bin").mkdir(parents=True)

    def make(*arguments: str) -> str:
        command = ["make", "--no-print-directory", *arguments]
        return subprocess.check_output(command, cwd=project.root, env=project.environ, text=True, timeout=60)

    assert re.findall(r"^  ([\w-]+) ", make(), re.MULTILINE) == [
        "demo", "ui", "engine", "test", "test-ui", "test-slow", "coverage", "test-chaos", "test-distributed",
        "test-matrix", "test-live", "bench", "docs", "check", "dist", "venv", "lock", "clean", "help",
    ]  # fmt: skip
    make("venv")
    executable(project.root / ".venv" / "bin" / "artificer", '#!/bin/sh\nprintf \'<%s>\' "$@" "$KEY"\n')
    assert make("engine", "ARGS=--data 'a b'", "KEY=k") == "<engine><--data><a b><k>"


def test_check_runs_all_checks_though_one_fails_and_says_which(project: Project) -> None:
    project.run("venv")
    for tool in ("ruff", "bandit", "mypy", "lint-imports", "pyright", "node"):
        executable(project.root / ".venv" / "bin" / tool, f"#!/bin/sh\necho {tool} ran; [ {tool} != mypy ]\n")
    code, out, _ = project.run("check")
    assert code == 1
    assert re.findall(r"(\S+) ran", out) == ["ruff", "ruff", "bandit", "mypy", "lint-imports", "pyright"]
    assert re.search(r"^== mypy: failed, \d+\.\d s$", out, re.MULTILINE)
    assert out.endswith("Failed: mypy\n")


def test_docs_fail_at_a_warning_and_say_where_the_home_page_is(project: Project) -> None:
    project.run("venv")
    python = project.root / ".venv" / "bin" / "python"
    python.rename(python.with_name("real"))
    sphinx = '*sphinx*) echo "$@"; exit $FOUND;;'
    executable(python, f'#!/bin/sh\ncase "$*" in {sphinx} *) exec "$(dirname "$0")/real" "$@";; esac\n')
    code, out, _ = project.run("docs", FOUND="0")
    assert code == 0
    assert "--fail-on-warning" in out
    home = project.root / "build" / "docs" / "index.html"
    assert out.endswith(f"The home page: {home.as_uri()}\n")
    code, out, _ = project.run("docs", FOUND="1")
    assert code == 1
    assert "home page" not in out
    assert "--builder linkcheck docs " in project.run("docs", "linkcheck", FOUND="0")[1]


def test_clean_removes_what_was_made_and_follows_no_link_out(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "__pycache__"
    outside.mkdir(parents=True)
    (project.root / "build").symlink_to(outside.parent)
    (project.root / "linked").symlink_to(outside.parent)
    (project.root / "tools" / "__pycache__").mkdir(exist_ok=True)
    project.run("venv")
    (project.root / "build").unlink()
    (project.root / "build").symlink_to(outside.parent)
    assert project.run("clean")[0] == 0
    assert outside.is_dir()
    left = {path.name for path in project.root.rglob("*")}
    assert left.isdisjoint({".venv", "build", "__pycache__"})
    assert {"bootstrap.py", "linked", "requirements.lock"} <= left
