"""What importing a module loads, beside what a DAG file has loaded anyway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache

#: Airflow is imported once: each module is then imported by a child of that process, which has no other's.
_CODE = """
import json, os, sys
import airflow.triggers.base
from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, BaseSensorOperator, conf
from airflow.providers.common.compat.sdk import DecoratedOperator
bare = set(sys.modules)
for module in sys.argv[1:]:
    if os.fork() == 0:
        __import__(module)
        print(json.dumps({module: sorted(set(sys.modules) - bare)}), flush=True)
        os._exit(0)
    os.wait()
"""


def printed(code: str, *arguments: str) -> str:
    """Run code in a process that `make coverage` does not measure, which imports modules of its own there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@cache
def loaded_beside_airflow(*modules: str) -> dict[str, list[str]]:
    """Name what each module loads, by itself, in a process that has what every DAG file needs."""
    loaded: dict[str, list[str]] = {}
    for line in printed(_CODE, *modules).splitlines():
        loaded |= json.loads(line)
    return loaded
