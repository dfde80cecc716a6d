"""What a connection says, checked, and made into clients. Nothing is sent, read or looked up here."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

from artificer_provider.connection_form import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_TIMEOUT,
    DIALECTS,
    FIELDS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from airflow.providers.common.compat.sdk import Connection

    from artificer_provider.client import Artificer, AsyncArtificer

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_SCHEMES = ("http", "https")

C = TypeVar("C", "Artificer", "AsyncArtificer")


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What a connection says, ready for a client. Its ``repr`` shows no key.

    :param timeout: seconds without a byte after which a call counts as failed.
    :param connect_timeout: seconds to connect.
    :param project: the id of the project that is meant where none is named.
    :param verify: whether the engine's certificate is checked.
    :param ca: authorities to trust beside the usual ones: the path of a bundle, or PEM.
    :param worker_url: of a server that is asked for images and PDFs before the engine is.
    :param calls_a_minute: the most that one client sends.
    :param namespace: tells this Airflow from others on the same engine; None for what ``[artificer]`` says.
    """

    base_url: str
    api_key: str | None
    timeout: float = DEFAULT_TIMEOUT
    dialect: str = DIALECTS[0]
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    project: str | None = None
    verify: bool = True
    ca: str | None = None
    worker_url: str | None = None
    calls_a_minute: int | None = None
    namespace: str | None = None

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """
        Read a connection. Its extra may hold text for anything, as a URI does.

        :raises ConfigurationError: naming the connection and the field.
        """
        conn_id, where = connection.conn_id, (connection.host, connection.schema, connection.port)
        api_key, extra = _Hidden(connection.password or None), _parsed(connection.extra)
        # Its `repr` shows the key: an error that comes after this has it in no variable.
        del connection
        said = _Extra.of(conn_id, extra)
        return cls(
            base_url=base_url(conn_id, *where),
            api_key=api_key.text,
            timeout=said.seconds("timeout", DEFAULT_TIMEOUT),
            dialect=said.word("dialect", DIALECTS),
            connect_timeout=said.seconds("connect_timeout", DEFAULT_CONNECT_TIMEOUT),
            project=said.text("project"),
            verify=said.switch("verify", default=True),
            ca=said.text("ca"),
            worker_url=said.url("worker_url"),
            calls_a_minute=said.count("calls_a_minute"),
            namespace=said.text("namespace"),
        )

    def client(self) -> Artificer:
        """Make a client. Close it, or use it in a ``with`` block."""
        from artificer_provider.client import Artificer

        return self._made(Artificer)

    def async_client(self) -> AsyncArtificer:
        """Make a client for ``await``."""
        from artificer_provider.client import AsyncArtificer

        return self._made(AsyncArtificer)

    def _made(self, kind: type[C]) -> C:
        return kind(
            self.api_key,
            self.base_url,
            python_worker_url=self.worker_url,
            dialect=self.dialect,
            timeout=self.timeout,
            connect_timeout=self.connect_timeout,
            rate_budget=self.calls_a_minute,
            verify=self.verify,
            ca=self.ca,
        )

    def __repr__(self) -> str:
        said = {name: getattr(self, name) for name in self.__slots__}
        said["api_key"] = "set" if self.api_key else "none"
        if self.ca is not None and "\n" in self.ca:
            said["ca"] = "PEM"
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in said.items())})"


@dataclass(frozen=True, slots=True)
class _Hidden:
    """A text that who lists the variables of a traceback is not shown."""

    text: str | None = field(repr=False)


def _parsed(extra: str | None) -> Mapping[str, object] | None:
    """
    Read the fields of ours in an extra; None where it is no JSON object.

    What else it holds is taken no further: it may be somebody's secret.
    """
    # Not `extra_dejson`: it reads no extra as an empty one, and talks to Airflow's supervisor, which must not
    # be done in an event loop.
    try:
        said: object = json.loads(extra or "{}")
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    return {name: value for name, value in cast("dict[str, object]", said).items() if name in FIELDS}


@dataclass(frozen=True, slots=True)
class _Extra:
    """The extra of a connection; what is empty there was not said."""

    conn_id: str
    said: Mapping[str, object]

    @classmethod
    def of(cls, conn_id: str, said: Mapping[str, object] | None) -> Self:
        if said is None:
            _refuse(conn_id, "the extra is no JSON object", 'write one such as {"timeout": 60}')
        return cls(conn_id, said)

    def text(self, name: str) -> str | None:
        """Read a text; a URI's ``project=12`` arrives as a number."""
        said = self.said.get(name)
        if isinstance(said, int) and not isinstance(said, bool):
            return str(said)
        if said is not None and not isinstance(said, str):
            self._refuse(name, said, "a text")
        return said.strip() or None if said else None

    def word(self, name: str, words: tuple[str, ...]) -> str:
        """Read one of a few words; the first where nothing is said."""
        found = (self.text(name) or words[0]).lower()
        if found not in words:
            self._refuse(name, found, f"one of {', '.join(words)}")
        return found

    def seconds(self, name: str, default: float) -> float:
        """Read seconds."""
        said = self.said.get(name)
        if said is None or said == "":
            return default
        found = _number(said)
        if found is None or not 0 < found < float("inf"):
            self._refuse(name, said, "seconds, over 0")
        return found

    def count(self, name: str) -> int | None:
        """Read a whole number; None where nothing is said."""
        said = self.said.get(name)
        if said is None or said == "":
            return None
        found = _number(said)
        if found is None or not found.is_integer() or found < 1:
            self._refuse(name, said, "a whole number, 1 or more")
        return int(found)

    def switch(self, name: str, *, default: bool) -> bool:
        """Read yes or no."""
        said = self.said.get(name)
        if said is None or said == "":
            return default
        word = str(said).strip().lower()
        if not isinstance(said, bool | int | str) or word not in _TRUE | _FALSE:
            self._refuse(name, said, "true or false")
        return word in _TRUE

    def url(self, name: str) -> str | None:
        """Read a URL."""
        said = self.text(name)
        if said is None:
            return None
        _refuse_user(self.conn_id, name, said)
        if not said.startswith(("http://", "https://")):
            self._refuse(name, said, "a URL like https://host:port")
        return said

    def _refuse(self, name: str, said: object, wanted: str) -> NoReturn:
        label = FIELDS[name]["label"]
        _refuse(self.conn_id, f"{name} ({label!r} in the form) is {said!r}", f"it must be {wanted}")


def _number(said: object) -> float | None:
    """Read a number, or a text that is one."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        return float(said)
    except (ValueError, OverflowError):
        return None


def _refuse(conn_id: str, what: str, remedy: str) -> NoReturn:
    from artificer_provider.client.errors import ConfigurationError

    raise ConfigurationError(f"Connection {conn_id!r}: {what}; {remedy}.")


def _refuse_user(conn_id: str, name: str, url: str) -> None:
    """Refuse a URL that may hold a key: what is no secret is shown."""
    if "@" in url.partition("://")[2].partition("/")[0]:
        _refuse(conn_id, f"{name} holds a user or a password", "put the key into the password alone")


def base_url(conn_id: str, host: str | None, schema: str | None, port: int | None) -> str:
    """
    Make the base URL out of a connection's fields.

    A host that is a URL stands as it is, but that a URI has port and path in fields of their own. A bare host
    is asked over TLS, unless it is this machine or the schema says ``http``.

    :raises ConfigurationError: where there is no host.
    """
    host = (host or "").strip()
    if not host:
        _refuse(conn_id, "the base URL is missing", "put one like https://host into its host")
    schema = (schema or "").strip("/")
    path = "" if schema in _SCHEMES else schema
    if "://" not in host:
        name, *more = host.split("/", 1)
        scheme = schema if schema in _SCHEMES else "http" if _is_loopback(name) else "https"
        host = "/".join([f"{scheme}://{_in_url(name)}", *more])
    _refuse_user(conn_id, "the base URL", host)
    try:
        parts = urlsplit(host)
        has_port = parts.port is not None
    except ValueError:  # whoever makes a client of it is told
        return host
    where = parts.netloc if has_port or not port else f"{parts.netloc}:{port}"
    return urlunsplit(parts._replace(netloc=where, path=parts.path or (f"/{path}" if path else "")))


def _in_url(host: str) -> str:
    """Write a host as a URL has it: an IPv6 address in brackets."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host  # noqa: PLR2004 - IPv6
    except ValueError:
        return host


def _is_loopback(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if host.count(":") == 1 else host
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"
