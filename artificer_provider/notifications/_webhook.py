"""Where a notification is posted, as a connection of Airflow's ``http`` kind says."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Self, cast
from urllib.parse import urlsplit

import httpx

from artificer_provider.client.errors import ArtificerConnectionError, ConfigurationError, error_class
from artificer_provider.hooks.settings import base_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Connection

#: Seconds without a byte, and to connect, after which a post counts as failed.
TIMEOUT = 10.0
#: And what it may take in all.
LONGEST = 20.0
#: What Airflow's own HTTP hook reads of an extra beside headers, and has no meaning here.
_NO_HEADERS = frozenset(
    {
        "allow_redirects",
        "cert",
        "check_response",
        "max_redirects",
        "proxies",
        "stream",
        "timeout",
        "trust_env",
    }
)


class _Unsaid(logging.Filter):
    """Keeps addresses of webhooks, which often are their only secret, out of what httpx logs of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        args = record.args if isinstance(record.args, tuple) else ()
        return self.addresses.isdisjoint(map(str, args))


_UNSAID = _Unsaid()
logging.getLogger("httpx").addFilter(_UNSAID)


@dataclass(frozen=True, slots=True, repr=False)
class Webhook:
    """
    Where a notification is posted. It is not shown: its address may be a secret.

    :param place: the connection, and scheme and host of the address, for people.
    :param ca: the path of a bundle of authorities to trust in place of the usual ones.
    """

    place: str
    url: str
    headers: Mapping[str, str]
    auth: tuple[str, str] | None = None
    ca: str | None = None

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """
        Read a connection: its host is the whole address, and texts of its extra are headers.

        A password goes with the login as basic authentication, and without one as a bearer token.

        :raises ConfigurationError: naming the connection and what is wrong with it.
        """
        conn_id = connection.conn_id
        url = base_url(conn_id, connection.host, connection.schema, connection.port)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                f"Connection {conn_id!r}: its host is no address of a webhook, such as https://host/path."
            )
        extra = _extra(conn_id, connection.extra)
        ca = extra.pop("verify", None)
        if ca is False:
            raise ConfigurationError(
                f"Connection {conn_id!r}: verify is false, and certificates of webhooks are always verified; "
                "name the bundle of your authority in its place."
            )
        headers = {name: said for name, said in extra.items() if isinstance(said, str)}
        if connection.password and not connection.login:
            headers["Authorization"] = f"Bearer {connection.password}"
        return cls(
            f"webhook {conn_id!r} ({parts.scheme}://{parts.netloc})",
            url,
            headers,
            (connection.login, connection.password or "") if connection.login else None,
            ca if isinstance(ca, str) and ca else None,
        )

    async def post(self, text: str) -> None:
        """
        Post a text as ``{"text": …}``, once.

        :raises ArtificerError: in a sentence without the address, when it does not arrive.
        """
        trusted = await asyncio.to_thread(self._trusted)  # to read all authorities takes a tenth of a second
        try:
            _UNSAID.addresses.add(str(httpx.URL(self.url)))
            async with asyncio.timeout(LONGEST):
                status = await self._sent(text, trusted)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise ArtificerConnectionError(
                f"The {self.place} gave no reply ({type(error).__name__}). The text is not posted again.",
                sent=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.InvalidURL),
            ) from None  # the error may name the address
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            known = f" {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else ""
            raise error_class(status)(
                f"The {self.place} did not take the text: HTTP {status}{known}. It is not posted again.",
                status_code=status,
            )

    async def _sent(self, text: str, trusted: ssl.SSLContext) -> int:
        async with (
            httpx.AsyncClient(timeout=TIMEOUT, verify=trusted, auth=self.auth) as client,
            # What it replies is not read: there may be any amount of it.
            client.stream("POST", self.url, json={"text": text}, headers=dict(self.headers)) as reply,
        ):
            return reply.status_code

    def _trusted(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca) if self.ca else httpx.create_ssl_context()
        except OSError as error:
            raise ConfigurationError(
                f"The {self.place}: the bundle {self.ca!r} cannot be read: {error.strerror or error}."
            ) from None


def _extra(conn_id: str, said: str | None) -> dict[str, object]:
    try:
        read: object = json.loads(said or "{}")
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise ConfigurationError(f"Connection {conn_id!r}: the extra is no JSON object of headers.")
    given = cast("dict[str, object]", read)
    return {name: value for name, value in given.items() if name not in _NO_HEADERS}
