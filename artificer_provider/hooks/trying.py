"""Tries a connection: asks the engine who it is, who we are, and what is left; finds out what is wrong."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    AuthenticationError,
    ConfigurationError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StatusError,
)
from artificer_provider.hooks import findings
from artificer_provider.hooks.findings import Found
from artificer_provider.hooks.problems import problem, was_connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.client import Artificer
    from artificer_provider.hooks.settings import Settings

#: Seconds for all of it; whoever pressed the button waits.
MOST = 10.0
#: Seconds of silence at most, and to connect, where the connection allows more.
SILENCE = 4.0
#: Seconds after which no other address is tried any more.
LOOK_AROUND_UNTIL = 7.0
#: Errors of an engine: that one is there needs no further proof.
_OF_AN_ENGINE = (AuthenticationError, PermissionDeniedError, RateLimitError, ServerError)

T = TypeVar("T")


def tried(settings: Settings) -> tuple[bool, str]:
    """
    Try a connection, in 10 s at most.

    :return: whether it is good, and what was found or is wrong, in words without a key.
    """
    told: Future[tuple[bool, str]] = Future()

    def work() -> None:
        try:
            told.set_result(_tried(settings))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is taken
            told.set_exception(error)

    # In a thread of its own: nothing bounds how long a name is looked up.
    threading.Thread(target=work, name="artificer-trial", daemon=True).start()
    try:
        return told.result(MOST)
    except TimeoutError:
        return False, (
            f"No verdict on {settings.base_url} within {MOST:g} s: its name is looked up too slowly, or the "
            "engine is too slow."
        )


def _tried(settings: Settings) -> tuple[bool, str]:
    begun = time.monotonic()
    # The budget of the connection is for work: a budget of one call a minute would allow no second question.
    quick = replace(
        settings,
        timeout=min(settings.timeout, SILENCE),
        connect_timeout=min(settings.connect_timeout, SILENCE),
        calls_a_minute=None,
        worker_url=None,
    )
    try:
        found = _look(quick)
    except ConfigurationError:
        raise
    except ArtificerError as error:
        return False, _explained(error, quick, begun + LOOK_AROUND_UNTIL)
    if not found.is_well:
        return False, f"The engine is there, but not well. {found.told()}"
    return True, found.told()


def _look(settings: Settings) -> Found:
    """Ask an engine all that is told of it."""
    with _client(settings) as client:
        who = client.auth.protected()
        refused: list[str] = []

        def asked(call: Callable[[], T], what: str) -> T | None:
            try:
                return call()
            except ArtificerError as error:
                reason = error.reason if isinstance(error, StatusError) else error.message
                refused.append(f"It does not say {what}: {reason.rstrip('.')}.")
            return None

        health = asked(client.health, "how it is")
        asked(lambda: client.batch.list(limit=1), "which jobs there are")
        models = asked(lambda: client.models.list(limit=100), "which models it has")
        well = asked(client.monitoring.get_health, "how its models are")
        return Found(
            base_url=settings.base_url,
            dialect=client.dialect or settings.dialect,
            status=health.status if health else None,
            version=health.version if health else None,
            mode=health.mode if health else None,
            user=who.user_id,
            key_id=who.key_id,
            scopes=who.scopes,
            seen_from=who.client_ip,
            calls_left=client.calls_left,
            models=None if models is None else len(models),
            unwell=[model.model for model in well.health if not model.is_healthy] if well else [],
            refused=refused,
        )


def _explained(error: ArtificerError, settings: Settings, until: float) -> str:
    """Find out what is wrong where the error alone does not say, for as long as there is time."""
    if not isinstance(error, _OF_AN_ENGINE):
        if _is_plain_on_tls(error, settings.base_url):
            return findings.needs_tls(settings.base_url)
        if not isinstance(error, ArtificerConnectionError) and (hint := _found_elsewhere(settings, until)):
            return hint
    return problem(error, settings.base_url, has_key=settings.api_key is not None)


def _is_plain_on_tls(error: ArtificerError, base_url: str) -> bool:
    """Tell whether plain HTTP was spoken to a port that speaks TLS: by a handshake that certifies nothing."""
    parts = urlsplit(base_url)
    if parts.scheme != "http" or (isinstance(error, ArtificerConnectionError) and not was_connected(error)):
        return False
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((parts.hostname or "", parts.port or 80), timeout=SILENCE / 2) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname),
        ):
            return True
    except OSError:
        return False


def _found_elsewhere(settings: Settings, until: float) -> str | None:
    """Look for the engine in the other dialect, and at other addresses of the same server."""
    if settings.dialect != "auto" and (spoken := _dialect_at(replace(settings, dialect="auto"))):
        return findings.other_dialect(settings.dialect, spoken)
    for base_url in findings.candidates(settings.base_url):
        if time.monotonic() < until and _dialect_at(replace(settings, dialect="auto", base_url=base_url)):
            return findings.elsewhere(settings.base_url, base_url)
    return None


def _dialect_at(settings: Settings) -> str | None:
    """Say what an engine at this address speaks; None where there is none."""
    with _client(settings) as client:
        try:
            client.auth.public()
        except _OF_AN_ENGINE:
            return client.dialect
        except ArtificerError:
            return None
        return client.dialect


def _client(settings: Settings) -> Artificer:
    return settings.client().with_options(retries=0, deadline=SILENCE)
