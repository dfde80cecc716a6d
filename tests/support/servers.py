"""A PostgreSQL and a Redis of the tests' own, as real processes on loopback."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from processes import Child, ProcessError, child_environment, free_port
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from support.processes import children

if TYPE_CHECKING:
    from support.warden import Warden

READY_SECONDS = 30.0
#: Debian keeps PostgreSQL's commands off PATH, a folder for each version.
_DEBIAN = Path("/usr/lib/postgresql")


def own_port() -> int:
    """Find a port that no other site started just now finds too, and that no connection takes meanwhile."""
    return free_port(random.SystemRandom().randrange(15000, 30000))


class Postgres:
    """
    A database cluster in a folder of its own, which goes with it.

    It refuses to run as root: root starts it as another user. What a transaction has committed outlives a
    kill, though not a power failure: nothing is synced to disk.
    """

    def __init__(self, home: Path, warden: Warden) -> None:
        self.port = own_port()
        self._home = home
        self._warden = warden
        self._as_user, owner = _other_user()
        # The folders of pytest are closed to other users.
        self._folder = Path(tempfile.mkdtemp(prefix="artificer-postgres-"))
        warden.remove(self._folder)
        if owner is not None:
            os.chown(self._folder, *owner)
        command = [*self._as_user, _postgres("initdb"), "-D", str(self._folder / "data"), "-U", "airflow"]
        subprocess.run(
            [*command, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            cwd=self._folder,
        )
        self.child = self.start()

    @property
    def url(self) -> str:
        """Where it is, for SQLAlchemy."""
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/postgres"

    def start(self) -> Child:
        """Start it, or start it again, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "200",
            "shared_buffers": "64MB",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [*self._as_user, _postgres("postgres"), "-D", str(self._folder / "data"), *options]
        self.child = _started(command, self._home / "postgres.log", self._warden)
        check = [_postgres("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        self.child.wait_for(lambda: subprocess.call(check) == 0, "was not ready", seconds=READY_SECONDS)
        return self.child

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Ask it, over a connection of its own."""
        with create_engine(self.url, poolclass=NullPool).begin() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def kill(self) -> int:
        """Kill it with all that serve a connection: those have left its session. Tell how many it was."""
        serving = children(self.child.pid)
        self.child.kill()
        for pid in serving:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return 1 + len(serving)

    def stop(self) -> None:
        self.child.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _other_user() -> tuple[list[str], tuple[int, int] | None]:
    """Give the words that start a command as somebody else than root, and who that is."""
    if os.geteuid() != 0:
        return [], None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            words = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            return words, (user.pw_uid, user.pw_gid)
    raise ProcessError("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")


def _postgres(command: str) -> str:
    folders = sorted(_DEBIAN.glob("*/bin"), reverse=True) if _DEBIAN.is_dir() else []
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    return _found(command, path, "postgresql")


def _found(command: str, path: str | None, package: str) -> str:
    found = shutil.which(command, path=path)
    if found is None:
        raise ProcessError(f"{command} is not on this machine: apt-get install {package}")
    return found


class Redis:
    """A Redis that keeps nothing."""

    def __init__(self, home: Path, warden: Warden) -> None:
        self.port = own_port()
        command = _found("redis-server", None, "redis-server")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.child = _started([command, *options], home / "redis.log", warden)
        self.child.wait_for(self._answers, "was not ready", seconds=READY_SECONDS)

    def url(self, database: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        self.child.check_running()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False

    def stop(self) -> None:
        self.child.stop()


def _started(command: list[str], log: Path, warden: Warden) -> Child:
    child = Child(command, environment=child_environment(), log=log)
    warden.look_after(child.pid)
    return child
