"""A server between a client and an engine that hands everything on, and remembers what was asked."""

from __future__ import annotations

from typing import Self

import httpx

from support.scripted_server import Asked, Reply, ScriptedServer

_OWN = {"host", "content-length", "connection", "accept-encoding"}


class Relay(ScriptedServer):
    """
    :param url: of the engine.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)
        self.otherwise = self._hand_on

    def _hand_on(self, asked: Asked) -> Reply:
        headers = {name: value for name, value in asked.headers.items() if name not in _OWN}
        said = self._http.request(asked.method, asked.path, headers=headers, content=asked.body)
        told = {name: said.headers[name] for name in said.headers if name.startswith("x-")}
        told["Content-Type"] = said.headers.get("content-type", "application/json")
        return Reply(said.status_code, headers=told, raw=said.content)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._http.close()
