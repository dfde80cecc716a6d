from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _interpreter import BootstrapError, ask, find_interpreter
from _venv import pip_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).parents[3]
SCRIPTS = [
    REPOSITORY / "tools" / name for name in ("bootstrap.py", "_environment.py", "_interpreter.py", "_venv.py")
]
SYSTEM_PATH = os.pathsep.join(["/usr/bin", "/bin", str(Path(shutil.which("make") or "/usr/bin/make").parent)])

# Makes real venvs, installs nothing; `fail` and `hold` lie beside it to make it fail or wait.
FAKE_UV = r"""#!/bin/sh
here=$(dirname "$0")
[ "$1" = --version ] && { echo "uv 1.0"; exit 0; }
echo "$*" >> "$here/calls"
env > "$here/environment"
if [ "$1" = venv ]; then
  while [ $# -gt 1 ]; do [ "$1" = --python ] && python=$2; shift; done
  exec "$python" -m venv --without-pip "$1"
fi
[ -e "$here/fail" ] && { echo "working"; echo "error: the index burns" >&2; exit 2; }
echo $$ > "$here/pid"
while [ -e "$here/hold" ]; do sleep 0.02; done
exit 0
"""


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def fake_python(path: Path, version: tuple[int, int, int], *, makes_venvs: bool = True) -> Path:
    says = {"path": str(path), "version": version, "wide": True, "kind": "cpython", "threading": "locked"}
    return executable(path, f"#!/bin/sh\necho '{json.dumps({**says, 'makes_venvs': makes_venvs})}'\n")


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@dataclass
class Project:
    """A repository of its own with the real scripts, in a path with spaces, and a uv beside it."""

    root: Path
    bin: Path

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{self.bin}{os.pathsep}{SYSTEM_PATH}",
            "HOME": str(self.bin),
            "PIP_CONFIG_FILE": os.devnull,
        }

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / ".made-from"

    @contextlib.contextmanager
    def start(self, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, "tools/bootstrap.py", *arguments],
            cwd=self.root,
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str, **environ: str) -> tuple[int, str, str]:
        with self.start(*arguments, **environ) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def venvs_made(self) -> int:
        calls = self.bin / "calls"
        return calls.read_text().count("venv --no-project") if calls.exists() else 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "a path" / "with spaces", tmp_path / "bin")
    (made.root / "tools").mkdir(parents=True)
    (made.root / "artificer_provider").mkdir()
    for script in SCRIPTS:
        shutil.copy(script, made.root / "tools")
    shutil.copy(REPOSITORY / "Makefile", made.root)
    for name in ("requirements.lock", "pyproject.toml", "artificer_provider/__init__.py"):
        (made.root / name).write_text("")
    executable(made.bin / "uv", FAKE_UV)
    return made


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
        until(lambda: pid.exists() and pid.read_text().strip() != "")
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
        until((project.bin / "pid").exists)
        with project.start("venv") as second:
            assert second.stderr is not None
            assert "waiting for another make" in second.stderr.readline()
            hold.unlink()
            assert (first.wait(30), second.wait(30)) == (0, 0)
    assert project.venvs_made() == 1


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
