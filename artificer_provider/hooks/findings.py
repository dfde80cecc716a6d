"""What a trial of a connection found, in words. Nothing here is sent, and no sentence holds a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from artificer_provider.hooks.places import is_this_machine, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

HEALTHY = frozenset({"ok", "healthy"})
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Found:
    """
    What an engine said of itself and of the caller; None is what it did not say, or would not.

    :param calls_left: of this minute.
    :param models: how many it knows.
    :param unwell: those of them that were not well when it last asked them.
    :param refused: what it would not do, as sentences.
    """

    base_url: str
    dialect: str
    status: str | None = None
    version: str | None = None
    mode: str | None = None
    user: str | None = None
    key_id: str | None = None
    scopes: Sequence[str] = ()
    seen_from: str | None = None
    calls_left: int | None = None
    models: int | None = None
    unwell: Sequence[str] = ()
    refused: Sequence[str] = ()

    @property
    def is_well(self) -> bool:
        """Whether the engine says so, or says nothing."""
        return self.status is None or self.status in HEALTHY

    def told(self) -> str:
        """Tell it in a few sentences."""
        what = [
            f"speaks {self.dialect}",
            self.status and f"status {self.status}",
            self.version and f"version {self.version}",
            self.mode and f"mode {self.mode}",
        ]
        sentences = [
            f"The engine at {self.base_url} answers: {', '.join(filter(None, what))}.",
            self._who(),
            self._left(),
            self._models(),
            *self.refused,
        ]
        if self.key_id and self.base_url.startswith("http://") and not is_this_machine(self.base_url):
            sentences.append("The key goes over the network unencrypted: use https.")
        return " ".join(filter(None, sentences))

    def _who(self) -> str:
        seen = f", seen from {self.seen_from}" if self.seen_from else ""
        if self.user is None and self.key_id is None:
            return f"It knows you by no name{seen}."
        key = f"key {self.key_id}" if self.key_id else "a key without id" if self.scopes else "no key asked"
        scopes = f"; scopes: {', '.join(self.scopes)}" if self.scopes else ""
        return f"You are {self.user or 'nobody by name'} ({key}{scopes}){seen}."

    def _left(self) -> str:
        if self.calls_left is None:
            return "It says nothing of a rate limit."
        return f"{self.calls_left} calls are left of this minute's rate limit."

    def _models(self) -> str:
        if self.models is None:
            return ""
        count = f"{self.models} model{'' if self.models == 1 else 's'}"
        if not self.unwell:
            return f"It has {count}, none known to be unwell."
        more = f" and {len(self.unwell) - _SHOWN} more" if len(self.unwell) > _SHOWN else ""
        return f"It has {count}; not well: {', '.join(self.unwell[:_SHOWN])}{more}."


def elsewhere(base_url: str, found_at: str) -> str:
    """Say where the engine is."""
    return f"There is no engine at {base_url}. The engine is at {found_at}: put that in the connection."


def other_dialect(said: str, spoken: str) -> str:
    """Say which dialect to choose."""
    return f"The engine does not speak {said}, but {spoken}: choose {spoken} or auto as the dialect."


def needs_tls(base_url: str) -> str:
    """Say that plain HTTP was spoken to a port that speaks TLS."""
    return f"{place_of(base_url)} speaks TLS, not plain http: write https://{urlsplit(base_url).netloc}."


def candidates(base_url: str) -> list[str]:
    """Give other addresses of the same server where an engine may be, the likeliest first."""
    parts = urlsplit(base_url)
    root = f"{parts.scheme}://{parts.netloc}"
    steps = [step for step in parts.path.split("/") if step]
    parents = ["/" + "/".join(steps[:count]) if count else "" for count in range(len(steps) - 1, -1, -1)]
    # A client that is given a root looks under /api/trpc, too.
    paths = dict.fromkeys([*parents, "/api"])
    return [root + path for path in paths if path != parts.path.rstrip("/")]
