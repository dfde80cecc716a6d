"""Starts the engine as a process: an address, a data directory of its own, and a clean end."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import sqlite3
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from artificer_provider import __version__
from artificer_provider.engine import keys
from artificer_provider.engine.addresses import read_network
from artificer_provider.engine.answering.models_file import (
    ModelsError,
    address_problem,
    read_key,
    read_models,
)
from artificer_provider.engine.answering.openai import LlmServer
from artificer_provider.engine.answering.registry import Answerers
from artificer_provider.engine.app import make_app
from artificer_provider.engine.chatting import Turns
from artificer_provider.engine.data_directory import DataDirectoryError, own
from artificer_provider.engine.documents.pool import Documents
from artificer_provider.engine.door import Door
from artificer_provider.engine.gate import Gate
from artificer_provider.engine.llm import weights
from artificer_provider.engine.memory import share_arenas
from artificer_provider.engine.retrieval import Retrieval
from artificer_provider.engine.store import DATABASE, Store, UnreadableStoreError, connect
from artificer_provider.engine.trpc.deployed_http import IDLE_SECONDS
from artificer_provider.engine.trpc.mount import make_runner
from artificer_provider.engine.trpc.quirks import Quirk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from artificer_provider.engine.addresses import Network
    from artificer_provider.engine.running import Runs

# Longer than clients keep an idle connection: the one that closes it should not be us.
KEEP_ALIVE = 75

CONNECTIONS_GRACE = 3

#: Where documents lie while they are read, under the data directory.
SCRATCH = "reading"


class CannotServeError(Exception):
    """The engine cannot start, with one sentence that says why and what to do."""


@dataclass(frozen=True)
class Settings:
    """
    What the engine is started with.

    :param port: 0 takes a free one.
    :param data: where the database lies; made when it is not there.
    :param api_key: a key that is good for everything, beside those in the database; None for no such key.
    :param servers: the language models of the models file.
    :param any_model: the server of ARTIFICER_ENGINE_LLM_URL, for its own model and any that nobody else has.
    :param small_model: the weights of the language model that runs here, where they have been fetched.
    :param quirks: what it does wrong, as deployed engines do; with any there is tRPC alone.
    :param trusted: the proxies that are believed when they say for whom they call.
    """

    host: str
    port: int
    data: Path
    api_key: str | None = field(default=None, repr=False)
    servers: Sequence[LlmServer] = ()
    any_model: LlmServer | None = None
    small_model: Path | None = None
    quirks: frozenset[Quirk] = frozenset()
    trusted: Sequence[Network] = ()


def read_settings(
    host: str,
    port: int,
    data: Path,
    models: Path | None,
    environment: Mapping[str, str],
    *,
    proxies: Sequence[str] = (),
) -> Settings:
    """
    Put together what the command line and the environment say.

    :param models: the models file; None for the one that ARTIFICER_ENGINE_MODELS names, if any.
    :param proxies: the networks of the proxies that are believed; none for those that
        ARTIFICER_ENGINE_TRUSTED_PROXIES names, with commas between them.
    :raises CannotServeError: when they do not go together.
    """
    api_key = environment.get("ARTIFICER_ENGINE_API_KEY") or None
    if api_key is None and not _is_loopback(host) and not _has_keys(data):
        raise CannotServeError(
            f"--host {host} can be reached by others: make a key (artificer keys create --name N --data "
            f"{data}), set ARTIFICER_ENGINE_API_KEY, or use --host 127.0.0.1."
        )
    trusted = _trusted(proxies or environment.get("ARTIFICER_ENGINE_TRUSTED_PROXIES", "").split(","))
    if models is None and (named := environment.get("ARTIFICER_ENGINE_MODELS")):
        models = Path(named).expanduser()
    try:
        servers = () if models is None else read_models(models, environment)
        small_model = weights.installed(environment)
        any_model = _any_model(environment)
        return Settings(host, port, data, api_key, servers, any_model, small_model, trusted=trusted)
    except ModelsError as error:
        raise CannotServeError(str(error)) from error


def _has_keys(data: Path) -> bool:
    """Tell whether there are keys in a data directory; one that is not there yet is not made."""
    database = data / DATABASE
    if not database.is_file():
        return False
    try:
        with closing(connect(database)) as connection:
            return keys.exist(connection)
    except sqlite3.DatabaseError:
        return False  # an older engine's file has no table of them; what is no database is told of later


def _trusted(networks: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(read_network(network) for network in networks if network.strip())
    except ValueError as error:
        raise CannotServeError(f"--trusted-proxy (ARTIFICER_ENGINE_TRUSTED_PROXIES): {error}.") from error


def _any_model(environment: Mapping[str, str]) -> LlmServer | None:
    url = environment.get("ARTIFICER_ENGINE_LLM_URL") or None
    vision = environment.get("ARTIFICER_ENGINE_VISION_MODEL") or None
    if url is None:
        if vision is not None:
            raise CannotServeError(
                "ARTIFICER_ENGINE_VISION_MODEL is a model of ARTIFICER_ENGINE_LLM_URL, which is not set: set "
                "it too, or mark a model of the models file with vision = true."
            )
        return None
    if problem := address_problem(url):
        raise CannotServeError(
            f"ARTIFICER_ENGINE_LLM_URL {problem}; a key is given in ARTIFICER_ENGINE_LLM_KEY."
        )
    model = environment.get("ARTIFICER_ENGINE_LLM_MODEL") or None
    return LlmServer(url, model, read_key("ARTIFICER_ENGINE_LLM_KEY", environment), vision=vision)


def serve(settings: Settings) -> None:
    """
    Serve until SIGINT or SIGTERM.

    :raises CannotServeError: when the address or the data directory cannot be had; nothing is left behind.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Extractive work is plain Python in part: shorter turns keep the event loop quick while it runs.
    sys.setswitchinterval(0.0005)
    share_arenas()
    try:
        answerers = Answerers(settings.servers, settings.any_model, settings.small_model)
    except ModelsError as error:
        raise CannotServeError(str(error)) from error
    with ExitStack() as held:
        listening = held.enter_context(closing(_listen(settings.host, settings.port)))
        try:
            held.enter_context(own(settings.data))
        except DataDirectoryError as error:
            raise CannotServeError(str(error)) from error
        try:
            store = Store(settings.data / DATABASE)
        except UnreadableStoreError as error:
            raise CannotServeError(f"{error}.") from error
        door = Door(store, settings.api_key, settings.trusted)
        held.callback(door.close)
        retrieval = Retrieval(store, answerers.embedder)
        runner = make_runner(store, answerers, retrieval, settings.quirks)
        documents = Documents(settings.data / SCRATCH)
        turns = Turns(store, answerers, retrieval)
        host, port = listening.getsockname()[:2]
        ready = (
            f"Artificer engine {__version__} on http://{f'[{host}]' if ':' in host else host}:{port} "
            f"(data: {settings.data}, models: {', '.join(answerers.names)})"
        )
        config = uvicorn.Config(
            Gate(make_app(store, answerers, runner, documents, retrieval, turns=turns), door),
            log_config=None,
            access_log=False,
            proxy_headers=False,  # it would believe whoever calls from this machine; the gate asks who it is
            lifespan="on",
            timeout_graceful_shutdown=CONNECTIONS_GRACE,
            timeout_keep_alive=IDLE_SECONDS if Quirk.KEEP_ALIVE in settings.quirks else KEEP_ALIVE,
        )
        # uvicorn stops on these and then raises them again: a stop that was asked for is no failure.
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, lambda *_: None)
        _Server(config, (runner, turns), ready).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Says one line once it answers, and stops the jobs and streams before it waits for anybody."""

    def __init__(self, config: uvicorn.Config, under_way: Sequence[Runs | Turns], ready: str) -> None:
        super().__init__(config)
        self._under_way = under_way
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._ready, flush=True)  # noqa: T201 - whoever started the engine waits for this line

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for each in self._under_way:
            each.wind_down()
        await super().shutdown(sockets)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotServeError(f"--host {host} is no address of this machine ({error.strerror}).") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # At once, not when the server starts: a port that is only bound can be bound a second time.
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise CannotServeError(
            f"Cannot listen on {host} port {port} ({error.strerror}): end what uses it, or take --port 0."
        ) from error
    return listening
