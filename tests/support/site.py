"""A distributed Airflow, an engine, its models, and the way between them: all that a test can do harm to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local_engine import LocalEngine
from processes import Pulse, no_pulse, session_members

from support.bad_network import BadNetwork
from support.clock import Clock
from support.cluster import Cluster
from support.model_server import ModelServer
from support.processes import is_stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from support.fault_plan import Fault
    from support.load import Load

DAGS = Path(__file__).parent.parent / "distributed" / "dags"
#: Room for what is landed; a disk of its own, so that it can be full.
OUTPUT_SIZE = "64m"
#: The part whose clock can be set.
SKEWED = "worker-2"


@dataclass(frozen=True)
class Site:
    """
    All that the distributed tests run against.

    :param clock: that of one worker.
    :param has_disk: whether what is landed has a disk of its own.
    """

    airflow: Cluster
    engine: LocalEngine
    engine_data: Path
    models: ModelServer
    network: BadNetwork
    inputs: Path
    outputs: Path
    clock: Clock
    has_disk: bool

    def begin(self, load: Load, *, pulse: Pulse = no_pulse) -> None:
        """Write the files of a run, and ask for it."""
        load.write(self.inputs)
        self.airflow.trigger(load.dag_id, run_id=load.run_id, pulse=pulse)

    def can_befall(self, fault: Fault) -> bool:
        """Tell whether this machine can be harmed so."""
        return {"disk full": self.has_disk, "clock": self.clock.can_be_set}.get(fault.kind, True)

    def is_ripe(self, fault: Fault) -> bool:
        """Tell whether it is the moment for a fault: some show nothing while no model is asked anything."""
        needs_work = fault.kind in ("network", "disk full") or fault.place == "engine"
        return not needs_work or self.models.in_flight > 0

    def lasts(self, fault: Fault, harm_of: Callable[[], int]) -> bool:
        """Tell whether a fault goes on beyond its time: a disk is full until somebody has tried to write."""
        return fault.kind == "disk full" and harm_of() == 0

    def befall(self, fault: Fault) -> Callable[[], int]:
        """Let a fault begin, and return what counts the harm that it has done so far."""
        match fault.kind, fault.target:
            case "kill", part:
                harm = self._kill(part)
                return lambda: harm
            case "pause", part:
                self._signal(part, signal.SIGSTOP)
                return lambda: sum(map(is_stopped, self._processes_of(part)))
            case "network", mode:
                self.network.mode = mode
                return _since_now(lambda: self.network.spoilt)
            case "disk full", _:
                count = _since_now(lambda: self.airflow.logged("No space left on device"))
                self._fill_disk()
                return count
            case "clock", _:
                # Ahead or behind, by more than anything here waits.
                self.clock.set(120 if fault.number % 2 else -120)
                return _since_now(lambda: self.clock.wrong_readings)
            case unknown:
                raise ValueError(unknown)

    def mend(self, fault: Fault) -> None:
        """Let a fault be over."""
        match fault.kind, fault.target:
            case "kill", "engine":
                self.engine.start_again()
                self.airflow.warden.look_after(self.engine.pid)
                self.engine.wait_ready()
            case "kill", "database":
                self.airflow.database.start()
            case "kill", part:
                self.airflow.start_part(part)
            case "pause", part:
                self._signal(part, signal.SIGCONT)
            case "network", _:
                self.network.mode = "open"
            case "disk full", _:
                self._ballast.unlink(missing_ok=True)
            case "clock", _:
                self.clock.set(0)

    @contextmanager
    def paused(self, parts: Iterable[str]) -> Iterator[None]:
        """Stop some parts for as long as the block takes."""
        with ExitStack() as ends:
            for part in parts:
                ends.callback(self._signal, part, signal.SIGCONT)
                self._signal(part, signal.SIGSTOP)
            yield

    @property
    def _ballast(self) -> Path:
        return self.outputs / "ballast"

    def _fill_disk(self) -> None:
        with suppress(OSError), self._ballast.open("wb", buffering=0) as ballast:
            while True:
                ballast.write(b"\0" * 4096)

    def _kill(self, part: str) -> int:
        """Kill a part, and count its processes; of the engine, the calls that it was waiting for."""
        if part == "engine":
            calls = self.models.in_flight
            self.engine.kill()
            return calls
        return self.airflow.database.kill() if part == "database" else self.airflow.kill_part(part)

    def _processes_of(self, part: str) -> list[int]:
        return session_members(self.engine.pid) if part == "engine" else self.airflow.processes_of(part)

    def _signal(self, part: str, number: signal.Signals) -> None:
        for pid in self._processes_of(part):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _since_now(count: Callable[[], int]) -> Callable[[], int]:
    """Make what counts from here on."""
    before = count()
    return lambda: count() - before


@contextmanager
def running_site(home: Path) -> Iterator[Site]:
    """Start all of it in a folder, and end all of it whatever happens."""
    folders = {name: home / name for name in ("airflow", "inputs", "outputs")}
    for folder in folders.values():
        folder.mkdir()
    env = {
        "ARTIFICER_TEST_INPUT": str(folders["inputs"]),
        "ARTIFICER_TEST_OUTPUT": str(folders["outputs"]),
        "PYTHONPATH": os.pathsep.join(sys.path),  # what DAGs share with the tests
    }
    with ExitStack() as ends:
        models = ModelServer()
        ends.callback(models.close)
        airflow = ends.enter_context(Cluster(folders["airflow"], DAGS, env))
        has_disk = _own_disk(folders["outputs"], airflow, ends)
        data = home / "engine"
        engine_env = {"ARTIFICER_ENGINE_LLM_URL": models.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
        engine = ends.enter_context(LocalEngine(data, log=home / "engine.log", env=engine_env))
        engine.start()
        airflow.warden.look_after(engine.pid)
        engine.wait_ready()
        network = BadNetwork(urlsplit(engine.address or "").port or 0)
        ends.callback(network.close)
        clock = Clock(home)
        airflow.migrate()
        airflow.start(
            {"artificer_default": {**engine.connection, "host": network.address}}, {SKEWED: clock.environment}
        )
        airflow.wait_healthy()
        airflow.warm_up()
        yield Site(
            airflow, engine, data, models, network, folders["inputs"], folders["outputs"], clock, has_disk
        )


def _own_disk(folder: Path, airflow: Cluster, ends: ExitStack) -> bool:
    """Give a folder a small disk of its own, which only root can."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={OUTPUT_SIZE}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.call(mount, stderr=subprocess.DEVNULL) != 0:
        return False
    airflow.warden.unmount(folder)
    ends.callback(subprocess.call, ["umount", "--lazy", str(folder)])
    return True
