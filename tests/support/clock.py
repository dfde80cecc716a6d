"""A clock of some processes that can be set wrong while they run; made with the machine's C compiler."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path


class Clock:
    """
    The wrong clock, before any process has it.

    :param folder: where the library and the file that says how wrong it is are put.
    """

    def __init__(self, folder: Path) -> None:
        self._library = folder / "skew.so"
        self._skew = folder / "skew"
        self._skew.write_bytes(struct.pack("qq", 0, 0))
        compiler = shutil.which("cc")
        source = Path(__file__).with_name("skew.c")
        command = [compiler or "", "-shared", "-fPIC", "-O2", "-o", str(self._library), str(source), "-ldl"]
        #: Whether there is such a clock on this machine.
        self.can_be_set = compiler is not None and subprocess.call(command) == 0

    @property
    def environment(self) -> dict[str, str]:
        """What gives a process this clock."""
        if not self.can_be_set:
            return {}
        return {"LD_PRELOAD": str(self._library), "ARTIFICER_TEST_SKEW": str(self._skew)}

    def set(self, seconds: int) -> None:
        """Say by how much it is wrong from now on."""
        with self._skew.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    @property
    def wrong_readings(self) -> int:
        """How often somebody read it while it was wrong."""
        return int(struct.unpack("qq", self._skew.read_bytes())[1])
