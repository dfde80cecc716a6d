"""
The hook: an Airflow connection of type ``artificer`` made into clients.

A DAG that is parsed imports this, so it loads nothing of the client before a task runs.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.common.compat.sdk import BaseHook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from artificer_provider.client import Artificer, AsyncArtificer

DEFAULT_TIMEOUT = 30.0
#: How an engine is spoken to; the first is what a connection that does not say gets.
DIALECTS = ("auto", "rest", "trpc")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a connection says, ready for a client. Its ``repr`` shows no key."""

    base_url: str
    api_key: str | None
    timeout: float
    dialect: str

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """
        Read a connection.

        :raises ConfigurationError: naming the field of the connection.
        """
        from artificer_provider.client.errors import ConfigurationError

        timeout = connection.extra_dejson.get("timeout") or DEFAULT_TIMEOUT
        if not isinstance(timeout, int | float) or timeout <= 0:
            raise ConfigurationError(
                f"Connection {connection.conn_id!r}: the timeout is {timeout!r}; it must be seconds, over 0."
            )
        dialect = connection.extra_dejson.get("dialect") or DIALECTS[0]
        if dialect not in DIALECTS:
            raise ConfigurationError(
                f"Connection {connection.conn_id!r}: the dialect is {dialect!r}; it must be one of "
                f"{', '.join(DIALECTS)}."
            )
        url = base_url(connection.conn_id, connection.host, connection.schema, connection.port)
        return cls(url, connection.password or None, float(timeout), dialect)

    def client(self) -> Artificer:
        """Make a client. Close it, or use it in a ``with`` block."""
        from artificer_provider.client import Artificer

        return Artificer(self.api_key, self.base_url, timeout=self.timeout, dialect=self.dialect)

    def async_client(self) -> AsyncArtificer:
        """Make a client for ``await``."""
        from artificer_provider.client import AsyncArtificer

        return AsyncArtificer(self.api_key, self.base_url, timeout=self.timeout, dialect=self.dialect)

    def __repr__(self) -> str:
        key = "set" if self.api_key else "none"
        return (
            f"Settings(base_url={self.base_url!r}, api_key={key}, timeout={self.timeout:g}, "
            f"dialect={self.dialect!r})"
        )


def base_url(conn_id: str, host: str | None, schema: str | None, port: int | None) -> str:
    """
    Make the base URL out of a connection's fields.

    A host that is a URL stands as it is. A bare host is asked over TLS, unless it is this machine or the
    schema says ``http``.

    :raises ConfigurationError: where there is no host.
    """
    from artificer_provider.client.errors import ConfigurationError

    if not host:
        raise ConfigurationError(
            f"Connection {conn_id!r} has no base URL: put one like https://host in its host."
        )
    if "://" in host:
        return host
    scheme = schema or ("http" if _is_loopback(host) else "https")
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ArtificerHook(BaseHook):
    """
    Talks to an Artificer engine.

    :param artificer_conn_id: the connection: its host is the engine's base URL, its password the API key.
    """

    conn_name_attr = "artificer_conn_id"
    default_conn_name = "artificer_default"
    conn_type = "artificer"
    hook_name = "Artificer"

    def __init__(self, artificer_conn_id: str = default_conn_name, **kwargs: Any) -> None:  # noqa: ANN401 - BaseHook's
        super().__init__(**kwargs)
        self.artificer_conn_id = artificer_conn_id

    def settings(self) -> Settings:
        """
        Read the connection.

        :raises ConfigurationError: naming what is wrong with it.
        """
        return Settings.of(self.get_connection(self.artificer_conn_id))

    def get_conn(self) -> Artificer:
        """
        Make a client. Close it, or use it in a ``with`` block.

        :raises ConfigurationError: naming what is wrong with the connection.
        """
        return self.settings().client()

    async def get_async_conn(self) -> AsyncArtificer:
        """
        Make a client for ``await``, without blocking the event loop.

        :raises ConfigurationError: naming what is wrong with the connection.
        """
        from airflow.providers.common.compat.connection import get_async_connection

        return Settings.of(await get_async_connection(self.artificer_conn_id)).async_client()

    def test_connection(self) -> tuple[bool, str]:
        """Ask the engine how it is, and whether it knows the key. For the button of the connection form."""
        from artificer_provider.client.errors import ArtificerError, AuthenticationError

        try:
            with self.get_conn() as client:
                health = client.health()
                client.batch.list(limit=1)
        except AuthenticationError as error:
            return False, f"The engine is there, but does not take the API key. {error.message}"
        except ArtificerError as error:
            return False, error.message
        version = f", version {health.version}" if health.version else ""
        return True, f"The engine answers: {health.status}{version}."
