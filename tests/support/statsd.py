"""A StatsD server that Airflow's metrics are sent to."""

from __future__ import annotations

import os
import socket
from collections import defaultdict
from contextlib import closing, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from statsd import StatsClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from artificer_provider.metrics import Stats


class Listener:
    """A StatsD server, as far as one datagram after the other is read."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self.port: int = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()

    def heard(self, count: int) -> dict[str, list[str]]:
        """Give the values of the next datagrams by their names."""
        values: dict[str, list[str]] = defaultdict(list)
        for _ in range(count):
            name, _, value = self._socket.recv(1024).decode().partition(":")
            values[name].append(value)
        return dict(values)

    def until(self, last: str) -> dict[str, list[str]]:
        """Give the values of all datagrams up to one of this name."""
        values: dict[str, list[str]] = defaultdict(list)
        while last not in values:
            for name, told in self.heard(1).items():
                values[name] += told
        return dict(values)


@contextmanager
def listening(stats: Stats, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """Have Airflow's metrics sent to a server of ours, by Airflow's own logger of them."""
    module = import_module(stats.__module__)
    room = "airflow.metrics" if module.__name__ == "airflow.stats" else module.__name__.rpartition(".")[0]
    logger = import_module(f"{room}.statsd_logger")
    with (
        closing(Listener()) as listener,
        closing(StatsClient("127.0.0.1", listener.port, prefix="airflow")) as client,
    ):
        sender = logger.SafeStatsdLogger(client)
        if hasattr(module, "_backend"):
            monkeypatch.setattr(module, "_backend", sender)
        else:  # below Airflow 3.3
            monkeypatch.setattr(stats, "instance", sender, raising=False)
            monkeypatch.setattr(stats, "_instance_pid", os.getpid(), raising=False)
        yield listener
