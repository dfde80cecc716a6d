"""What processes hold: it is seen when there is more of it."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from support.processes import has_proc
from support.upkeep import Upkeep, least, upkeep_of

pytestmark = pytest.mark.skipif(not has_proc(), reason="this platform does not say what a process holds")

BEFORE = Upkeep(processes=1, memory=1000, files=20, connections=2, threads=4)


def test_a_socket_and_a_thread_that_are_kept_are_counted() -> None:
    before, done = upkeep_of([os.getpid()]), threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with closing(socket.socket()):
        after = upkeep_of([os.getpid()])
    done.set()
    thread.join()
    assert after.connections == before.connections + 1
    assert after.files == before.files + 1
    assert after.threads == before.threads + 1
    assert after.memory > 0


def test_what_has_grown_is_named() -> None:
    after = replace(BEFORE, memory=1051, connections=3)
    assert after.grown_since(BEFORE, 0.05) == ["memory: 1000 -> 1051", "connections: 2 -> 3"]


def test_a_little_more_and_anything_less_is_nothing() -> None:
    assert replace(BEFORE, memory=1050, files=10).grown_since(BEFORE, 0.05) == []


def test_a_process_that_has_ended_holds_nothing() -> None:
    assert upkeep_of([2**22 + 1, os.getpid()]).processes == 1


def test_of_several_looks_the_least_of_each_kind_counts() -> None:
    assert least([Upkeep(2, 900, 20, 9, 5), Upkeep(2, 950, 18, 7, 6)]) == Upkeep(2, 900, 18, 7, 5)
