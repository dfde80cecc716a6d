"""The process that has imported a program, and forks others of it that become it (:mod:`support.forge`)."""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = "artificer_provider.cli"
IMPORTED = (
    "artificer_provider.engine.serve",
    "artificer_provider.client._http",
    "rich.progress",
    "rich.table",
    *(f"artificer_provider.cli.{name}" for name in ("_app", "engine", "keys", "batch", "pdf", "chat")),
    *(f"artificer_provider.cli.{name}" for name in ("search", "health")),
)
FIRST_FILE = 3  # after the three streams


def forge(control_file: int, program: str = COMMAND, imported: Sequence[str] = IMPORTED) -> None:
    """Fork what is asked for, until nobody can ask any more; its ``main`` is what a forked process runs."""
    for module in imported:
        import_module(module)
    gc.freeze()
    control = socket.socket(fileno=control_file)
    alarm, alarmed = socket.socketpair()
    alarmed.setblocking(False)  # noqa: FBT003 - its only name
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked is interrupted too, and ends them
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(alarmed.fileno())
    living: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, alarm], [], [])
        if alarm in ready:
            alarm.recv(4096)
            _bury(living)
        if control not in ready:
            continue
        size, files, _, _ = socket.recv_fds(control, 4, 4)
        if not size:
            return
        words, environment, cwd = json.loads(_received(control, int.from_bytes(size)))
        pid = os.fork()
        if not pid:
            for each in (control, alarm, alarmed):
                each.detach()
            _become(program, words, environment, cwd, files[:3])
        *streams, living[pid] = files
        for stream in streams:
            os.close(stream)
        os.write(living[pid], b"%d\n" % pid)


def _received(control: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        content += control.recv(size - len(content))
    return content


def _bury(living: dict[int, int]) -> None:
    """Tell of those that ended how they did."""
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        told = living.pop(pid)
        with suppress(BrokenPipeError):  # nobody waits for it any more
            os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(told)


def _become(
    program: str, words: list[str], environment: dict[str, str], cwd: str, streams: list[int]
) -> NoReturn:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(FIRST_FILE, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["artificer", *words]
    import_module(program).main()
    sys.exit()
