"""A real HTTP server that answers what a test tells it to, in order, and remembers what it was asked."""

from __future__ import annotations

import itertools
import json
import ssl
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay: float = 0.0  #: seconds of silence before the answer
    cut: bool = False  #: close the connection instead of answering
    pieces: Iterable[bytes] | None = None  #: a chunked body, perhaps without an end
    drip: float = 0.0  #: seconds before each of them
    bare: bytes | None = None  #: what goes over the connection as it is, and then its end


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int = 0

    @property
    def json(self) -> object:
        return json.loads(self.body)


class ScriptedServer:
    """
    :param idle: seconds after which a connection without a request is closed; never unless given.
    :param tls: what it shows its certificate with; it speaks plain HTTP unless given.
    """

    def __init__(self, idle: float | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.replies: deque[Reply] = deque()
        self.otherwise: Callable[[Asked], Reply] = lambda _: Reply(501, "no answer was scripted")
        self.asked: list[Asked] = []
        self.hung_up = threading.Event()  #: the client closed a connection before its reply was whole
        self.connections = itertools.count(1)
        handler = type("Handler", (_Handler,), {"timeout": idle, "script": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._scheme = "https" if tls else "http"
        if tls is not None:
            # The handshake is left to the thread of each connection.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def will_answer(self, *replies: Reply) -> None:
        self.replies.extend(replies)

    def forget(self) -> None:
        self.asked.clear()
        self.replies.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # connections at once that need not knock a second time, a second later


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go out one after the other, at once
    script: ScriptedServer

    def setup(self) -> None:
        super().setup()
        self.number = next(self.script.connections)

    def handle(self) -> None:
        # A client that hangs up between two calls, or that does not trust us.
        with suppress(ConnectionError, ssl.SSLError):
            super().handle()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(length), self.number)
        script = self.script
        script.asked.append(asked)
        reply = script.replies.popleft() if script.replies else script.otherwise(asked)
        time.sleep(reply.delay)
        try:
            self._write(reply)
        except OSError:
            script.hung_up.set()
            self.close_connection = True

    def _write(self, reply: Reply) -> None:
        if reply.cut or reply.bare is not None:
            self.wfile.write(reply.bare or b"")
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        if reply.pieces is not None:
            self._write_pieces(reply.pieces, reply.drip)
            return
        content = json.dumps(reply.body).encode() if reply.raw is None else reply.raw
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _write_pieces(self, pieces: Iterable[bytes], drip: float) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            time.sleep(drip)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
        pass
