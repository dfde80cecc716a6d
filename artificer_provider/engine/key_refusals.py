"""Why a call under a key is refused, in words. Only who holds the whole key is told anything of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.keys import State

if TYPE_CHECKING:
    from datetime import datetime

    from artificer_provider.engine.addresses import Address
    from artificer_provider.engine.keys import Key

#: What is said of no key in particular.
UNAUTHORIZED: Final = "unauthorized"
_ASK: Final = "ask who runs this engine for another."


def refusal_of(key: Key, address: Address | None, now: datetime) -> EngineError | None:
    """Say why a key is not good at a moment, from an address; None when it is."""
    state = key.state(now)
    if state is State.REVOKED:
        return _bad_key(
            "revoked_key", f"This key ({key.id}) was revoked: ask who runs this engine for another."
        )
    if state is State.EXPIRED:
        return _bad_key(
            "expired_key",
            f"This key ({key.id}) expired at {key.expires_at:%Y-%m-%d %H:%M} UTC: {_ASK}",
        )
    if not key.goes_from(address):
        seen = "an unknown address" if address is None else str(address)
        return EngineError(
            403,
            "forbidden_address",
            f"This key ({key.id}) may not be used from {seen}, where this call comes from.",
        )
    return None


def no_key() -> EngineError:
    """Ask for a key."""
    return _bad_key(UNAUTHORIZED, "This engine asks for a key: send 'Authorization: Bearer <key>'.")


def unknown_key() -> EngineError:
    """Say that a key is none of this engine's."""
    return _bad_key(
        UNAUTHORIZED,
        "This engine does not know this key: send one of its own as 'Authorization: Bearer <key>'.",
    )


def missing_scope(key: Key, scope: str) -> EngineError:
    """Say what a key would need."""
    return EngineError(
        403,
        "missing_scope",
        f"This needs the scope {scope}; this key ({key.id}) has {', '.join(key.scopes) or 'none'}.",
    )


def too_many(key: Key, seconds: int) -> EngineError:
    """Say when to come again."""
    return EngineError(
        429,
        "rate_limited",
        f"This key ({key.id}) may be used {key.calls_a_minute} times a minute: come again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )


def _bad_key(code: str, sentence: str) -> EngineError:
    return EngineError(401, code, sentence, headers={"WWW-Authenticate": "Bearer"})
