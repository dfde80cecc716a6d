"""Make the project's ``.venv`` from ``requirements.lock``, once, and know when it has to be made anew."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from _environment import pip_config_files, pip_environment, pip_settings, uv_environment
from _interpreter import BootstrapError, Interpreter, answer_of, ask, find_interpreter, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The venv is an editable install of these: a change in one of them means a new venv.
MADE_FROM = ("requirements.lock", "pyproject.toml", "artificer_provider/__init__.py")
STAMP = ".made-from"
# Measured: the venv takes 650 MB with its compiled files, and the wheels 160 MB more on the way.
DISK_TO_INSTALL, MEMORY_TO_INSTALL = 1200, 500
# Unlike ``-m compileall`` it does not fail for the templates that some packages ship as .py files.
COMPILE_ALL = """
import compileall, sysconfig
if __name__ == "__main__":
    compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2, workers=0)
"""
# How pip, uv and Python begin the lines that say what went wrong.
TROUBLE = re.compile(
    r"\s*(error|fatal|warning: retrying|\u00d7|\S*Error:|cause|expected|got|.* (requires|has requirement) )",
    re.IGNORECASE,
)


class Step(NamedTuple):
    """One command of an installation, and what it is called while it runs."""

    title: str
    command: list[str]


def find_uv(environ: Mapping[str, str]) -> str | None:
    """Return the uv on PATH if it runs."""
    uv = shutil.which("uv", path=environ.get("PATH"))
    if uv is None:
        return None
    try:
        return uv if answer_of([uv, "--version"], environ) else None
    except (OSError, subprocess.SubprocessError):
        return None


def uv_steps(uv: str, python: Interpreter, venv: Path) -> list[Step]:
    """List what uv does; it compiles what it installs, or each of Airflow's processes would at its start."""
    into = ["--python", str(venv / "bin" / "python")]
    locked = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--compile-bytecode"]
    project = ["--no-deps", "--no-build-isolation", "--no-index", "--editable", "."]
    base = ["--no-project", "--no-python-downloads", "--python", python.path]
    return [
        Step("venv", [uv, "venv", *base, str(venv)]),
        Step("packages", [uv, "pip", "install", *into, *locked, "--requirement", "requirements.lock"]),
        Step("this project", [uv, "pip", "install", *into, *project]),
        Step("consistency", [uv, "pip", "check", *into]),
    ]


def pip_steps(python: Interpreter, venv: Path) -> list[Step]:
    """List what pip does. Compiling is a step of its own: pip would do it on one core."""
    venv_python = str(venv / "bin" / "python")
    pip = [venv_python, "-m", "pip", "--no-input", "--no-color"]
    quiet = ["--progress-bar", "off", "--no-compile"]
    locked = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    project = ["--no-deps", "--no-build-isolation", "--no-index", "--editable", "."]
    return [
        Step("venv", [python.path, "-m", "venv", str(venv)]),
        Step("packages", [*pip, "install", *quiet, *locked, "--requirement", "requirements.lock"]),
        Step("compiling", [venv_python, "-c", COMPILE_ALL]),
        Step("this project", [*pip, "install", *quiet, *project]),
        Step("consistency", [*pip, "check"]),
    ]


def fingerprint(root: Path, python: Interpreter) -> str:
    """Return a digest of all that a venv in this folder would be made from."""
    digest = hashlib.sha256(os.fsencode("\0".join([str(root), python.path, str(python.version)])))
    for name in MADE_FROM:
        digest.update(b"\0" + (root / name).read_bytes())
    return digest.hexdigest()


def is_ready(root: Path, environ: Mapping[str, str]) -> bool:
    """Tell whether the venv is whole, was made from what lies here now, and its Python still runs."""
    stamp = root / ".venv" / STAMP
    if not stamp.is_file():
        return False
    python = ask(root / ".venv" / "bin" / "python", environ)
    if python is None or stamp.read_text(encoding="utf-8") != fingerprint(root, python):
        return False
    wanted = environ.get("PYTHON")
    return not wanted or named(wanted, environ).path == python.path


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep other bootstraps of this folder waiting. The folder itself is locked, so no file is left."""
    try:
        import fcntl

        folder = os.open(root, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("  waiting for another make that is setting up .venv", file=sys.stderr, flush=True)
                fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def free_memory_mb(proc: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the memory left for new processes, swap and a container's limit counted; None if unknown."""
    try:
        lines = dict(line.split(":", 1) for line in proc.read_text(encoding="ascii").splitlines())
        free = sum(int(lines[name].split()[0]) * 1024 for name in ("MemAvailable", "SwapFree"))
    except (OSError, KeyError, ValueError):
        return None
    # Outside a container there is no such file, and no limit is the word "max".
    with contextlib.suppress(OSError, KeyError, ValueError):
        limit = int((cgroup / "memory.max").read_text(encoding="ascii"))
        pairs = (cgroup / "memory.stat").read_text(encoding="ascii").splitlines()
        stat = dict(pair.split() for pair in pairs)
        free = min(free, limit - int(stat["anon"]) - int(stat["shmem"]))
    return free // 2**20


def require_resources(root: Path, what_for: str, disk_mb: int, memory_mb: int) -> None:
    """Raise unless there is room for what is about to start."""
    short = "{} needs about {} MB of {}, and {} MB are free{}: free some and run it again."
    disk, memory = shutil.disk_usage(root).free // 2**20, free_memory_mb()
    if disk < disk_mb:
        raise BootstrapError(short.format(what_for, disk_mb, "disk", disk, f" where {root} lies"))
    if memory is not None and memory < memory_mb:
        raise BootstrapError(short.format(what_for, memory_mb, "memory", memory, ""))


def wait_for(process: subprocess.Popen[bytes], title: str) -> None:
    """Wait for a step with its time on the terminal; end it if the wait is broken off."""
    label, began, ticking = f"  {title:<13}", time.monotonic(), sys.stdout.isatty()
    print(label, end="", flush=True)
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
            if ticking:
                print(f"\r{label}{time.monotonic() - began:6.0f} s", end="", flush=True)
    except BaseException:
        print(flush=True)
        process.terminate()
        process.wait()
        raise
    print("{}{:8.1f} s".format("\r" + label if ticking else "", time.monotonic() - began), flush=True)


def telling_lines(log: str) -> list[str]:
    """Pick from the end of an installer's log the lines that say what went wrong."""
    last = [line for line in log.splitlines() if line.strip()][-60:]
    return ([line for line in last if TROUBLE.match(line)] or last)[-6:]


def run_step(step: Step, root: Path, environ: Mapping[str, str], log: Path) -> None:
    """Run one step of an installation, its output in the log."""
    with log.open("a+b") as output:
        start = output.tell()
        output.write("$ {}\n".format(" ".join(step.command)).encode())
        output.flush()
        process = subprocess.Popen(
            step.command, cwd=root, env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        wait_for(process, step.title)
        if process.returncode == 0:
            return
        output.seek(start)
        said = output.read().decode(errors="replace")
    print(*telling_lines(said), sep="\n", file=sys.stderr)
    ended = f"{Path(step.command[0]).name} ended with {process.returncode}"
    raise BootstrapError(
        f"Making .venv failed at the step '{step.title}' ({ended}); the next run makes it anew. Log: {log}"
    )


def install(root: Path, environ: Mapping[str, str]) -> None:
    """Make the venv anew; its stamp is written last, so that nothing half-made passes for whole."""
    uv = find_uv(environ)
    python = find_interpreter(environ, uv)
    venv, log = root / ".venv", root / "build" / "logs" / "install.log"
    remove(venv)
    require_resources(root, "Making .venv", DISK_TO_INSTALL, MEMORY_TO_INSTALL)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    print("Making .venv with {} and {}".format(python, "uv" if uv else "pip"), flush=True)
    if uv:
        steps = uv_steps(uv, python, venv)
        clean = uv_environment(environ, pip_settings(environ, pip_config_files(environ)))
    else:
        steps, clean = pip_steps(python, venv), pip_environment(environ)
    for step in steps:
        run_step(step, root, clean, log)
    made = ask(venv / "bin" / "python", environ)
    if made is None:
        raise BootstrapError(f"The Python of the new .venv does not run; the log: {log}")
    (venv / STAMP).write_text(fingerprint(root, made), encoding="utf-8")


def remove(path: Path) -> None:
    """Remove a file, a link (never what it points to) or a folder; a venv's stamp goes first."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        with contextlib.suppress(FileNotFoundError):
            (path / STAMP).unlink()
        shutil.rmtree(path)


def ensure_venv(root: Path, environ: Mapping[str, str]) -> None:
    """Make the venv unless it is ready; of several at once, one makes it and the others wait."""
    missing = [name for name in MADE_FROM if not (root / name).is_file()]
    if missing:
        raise BootstrapError("{} is missing: git checkout -- {}".format(missing[0], " ".join(missing)))
    if is_ready(root, environ):
        return
    with alone(root):
        if not is_ready(root, environ):
            install(root, environ)
