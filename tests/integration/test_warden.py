"""Nothing is left behind by tests that are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from support.processes import is_alive
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

#: Stands for the tests: starts something that lasts, and says what it is.
TESTS = """
import subprocess, sys
from pathlib import Path
from support.warden import Warden

warden, folder = Warden(), Path(sys.argv[1])
warden.remove(folder)
lasting = subprocess.Popen(["sleep", "600"], start_new_session=True)
warden.look_after(lasting.pid)
print(lasting.pid, flush=True)
lasting.wait()
"""


def test_what_was_started_ends_with_tests_that_are_killed(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", TESTS, str(folder)], env=environment, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        lasting = int(tests.stdout.readline())
        assert is_alive(lasting)
        tests.kill()
    wait_until(lambda: not is_alive(lasting), "what was started has ended")
    wait_until(lambda: not folder.exists(), "the folder is gone")
