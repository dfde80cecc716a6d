"""Start and end processes, each in a session of its own, so that nothing is left running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")

#: Called once in each round of a wait; what it raises ends the wait.
Pulse = Callable[[], None]

POLL_SECONDS = 0.25
TERM_SECONDS = 5.0
KILL_SECONDS = 5.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ProcessError(RuntimeError):
    """A process ended, or did not get ready, against what it was started for."""


def no_pulse() -> None:
    """Let a wait go on."""


def wait_until(condition: Callable[[], T], *, seconds: float, pulse: Pulse = no_pulse) -> T:
    """
    Ask again and again until the answer is true, and return that answer.

    :param condition: what is asked, four times a second.
    :param seconds: how long to go on asking.
    :param pulse: called before each question.
    :raises TimeoutError: when the time is up.
    """
    end = time.monotonic() + seconds
    while True:
        pulse()
        if answer := condition():
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"no answer within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def free_port(preferred: int, *, besides: Collection[int] = ()) -> int:
    """
    Return the preferred port when nothing listens there, else another free one.

    :param preferred: tried first.
    :param besides: ports promised to others that do not listen yet.
    """
    if preferred not in besides and _can_listen(preferred):
        return preferred
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in besides and _can_listen(port):
            return port


def _can_listen(port: int) -> bool:
    """Try every address, since some servers listen on all of them."""
    wanted = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0")]  # noqa: S104 - a probe, closed at once
    if socket.has_dualstack_ipv6():
        wanted.append((socket.AF_INET6, "::"))
    for family, host in wanted:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def child_environment(**settings: str) -> dict[str, str]:
    """
    Return this process's environment made fit for the processes started here.

    Without the user's Airflow settings, with the commands of this Python first on PATH, and with the loopback
    addresses kept from any proxy.

    :param settings: variables to set on top.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    # Airflow's many processes import the same modules: without .pyc files each compiles them anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]
    )
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, [environment.get(name), *LOOPBACK]))
    return environment | settings


def command_path(name: str) -> Path:
    """Return where a command of the running virtual environment lies."""
    return Path(sys.executable).parent / name


def session_members(session: int) -> list[int]:
    """Return the ids of the living processes of a session."""
    return [pid for pid in _living_processes() if _session_of(pid) == session]


def _living_processes() -> Iterator[int]:
    if Path("/proc/self/stat").exists():
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _state(entry) not in ("Z", ""):
                yield int(entry.name)
        return
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,stat="],  # noqa: S607 - where ps lies differs between systems
        capture_output=True,
        text=True,
        check=True,
    )
    for pid, state in map(str.split, listing.stdout.splitlines()):
        if not state.startswith("Z"):
            yield int(pid)


def _state(entry: Path) -> str:
    """Read the one-letter state of a process, empty when it is gone: a dead one not yet waited for is Z."""
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


class Child:
    """
    A process that leads a session of its own and writes to a log file.

    :param arguments: the command line, the program first.
    :param environment: all of its environment.
    :param log: the file its output goes to; what was there is lost.
    :param interrupt_seconds: how long it may take to end by itself after the first, polite signal.
    """

    def __init__(
        self, arguments: list[str], *, environment: dict[str, str], log: Path, interrupt_seconds: float = 5.0
    ) -> None:
        self.log = log
        self.name = " ".join([Path(arguments[0]).name, *arguments[1:2]])
        self._interrupt_seconds = interrupt_seconds
        self._stopped = False
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                arguments,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The id of the process and of its session."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with; nothing while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Return all that it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def error(self, problem: str) -> ProcessError:
        """Say what is wrong with it, with the last line it wrote and where the others are."""
        last = next(
            (line.strip() for line in reversed(self.output().splitlines()) if line.strip()), "nothing"
        )
        return ProcessError(f"`{self.name}` {problem}. The last line of its log ({self.log}) is: {last}")

    def check_running(self) -> None:
        """
        Refuse to go on without it.

        :raises ProcessError: when it has ended.
        """
        if self.exit_code is not None:
            raise self.error(f"ended by itself with exit code {self.exit_code}")

    def wait_for(
        self, condition: Callable[[], T], failure: str, *, seconds: float, pulse: Pulse = no_pulse
    ) -> T:
        """
        Ask until the answer is true, and return that answer.

        :param failure: what to say of this process when the time is up: "was not ready".
        :param seconds: how long to go on asking.
        :param pulse: called before each question.
        :raises ProcessError: when the time is up.
        """
        try:
            return wait_until(condition, seconds=seconds, pulse=pulse)
        except TimeoutError:
            raise self.error(f"{failure} within {seconds:.0f} s") from None

    def wait(self, *, seconds: float, pulse: Pulse = no_pulse) -> None:
        """
        Wait for its end.

        :param seconds: how long that may take.
        :param pulse: called in each round of the wait.
        :raises ProcessError: when it did not end, or not with 0.
        """
        self.wait_for(lambda: self.exit_code is not None, "did not end", seconds=seconds, pulse=pulse)
        if self.exit_code != 0:
            raise self.error(f"failed with exit code {self.exit_code}")

    def kill(self) -> None:
        """End it and all of its session at once, as a crash does."""
        for pid in session_members(self.pid):
            _send(pid, signal.SIGKILL)
        self._process.wait(KILL_SECONDS)

    def stop(self) -> None:
        """
        End it and all of its session: SIGINT to it, then SIGTERM and SIGKILL to whatever is left.

        A second time does nothing.

        :raises ProcessError: when something outlives even SIGKILL.
        """
        if self._stopped:
            return
        # Only the leader gets the SIGINT: it ends its own children in good order.
        if self.exit_code is None:
            self._process.send_signal(signal.SIGINT)
            self._session_ends_within(self._interrupt_seconds)
        for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
            if self._session_ends_within(0):
                break
            for pid in session_members(self.pid):
                _send(pid, number)
            self._session_ends_within(seconds)
        if left := session_members(self.pid):
            raise ProcessError(f"`{self.name}` left processes behind that nothing ends: {left}")
        self._stopped = True

    def _session_ends_within(self, seconds: float) -> bool:
        """Reap the leader on the way: a zombie no longer counts as a member, yet holds the session's id."""
        try:
            return wait_until(
                lambda: self.exit_code is not None and not session_members(self.pid), seconds=seconds
            )
        except TimeoutError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
