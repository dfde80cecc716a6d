"""What deployed engines do wrong, by name: each can be switched on alone, to try a client's defences."""

from __future__ import annotations

from enum import Enum

ALL = "all"
LIST = "list"


class UnknownQuirkError(Exception):
    """A name that is no quirk's."""


class Quirk(Enum):
    """One thing a deployed engine does wrong. WIRE is the page it was measured on."""

    NO_REST = "WIRE §10: there is no REST; its paths are a tRPC 404 (on with any other quirk)"
    ROW_BEFORE_ITEMS = "WIRE §5: a job is listed before its items are there; started then, it runs nothing"
    NUL_ORPHAN = "WIRE §5: a NUL is a 500, and leaves a PENDING job without its items"
    BLOCKING_START = "WIRE §6.2: startJob answers when the whole job has run"
    START_FROM_ANYWHERE = "WIRE §6: startJob runs everything again from any state, also beside a first run"
    LATE_PAUSE = "WIRE §6.3: a job paused or cancelled in its last phase ends COMPLETED, with items not run"
    FAILURES_UNCOUNTED = (
        "WIRE §6.5: failedItems stays 0, and a later phase runs a failed item with an old text"
    )
    APOLOGIES = "WIRE §6.6, §8: where a model fails, the answer is an apology, and the item COMPLETED"
    PHASE1_APOLOGY = "WIRE §6.7: the first phase asks no model, and answers with the apology"
    EARLY_PERCENT = "WIRE §6.8: an item counts as completed after its first phase"
    ZERO_COSTS = "WIRE §6.9: costs and tokens are 0"
    ZOMBIES = "WIRE §6.12: jobs of a killed engine stay RUNNING, and nothing runs them"
    SERVER_ERROR_MOVES = "WIRE §2: an illegal move is a 500"
    UNKNOWN_DROPPED = "WIRE §2: unknown fields are dropped, null is refused where a field may be left out"
    RATE_LIMIT = "WIRE §3: 100 calls a minute for each User-Agent; a 429 says nothing but 60 seconds"
    SMALL_BODIES = "WIRE §1: a body over 1 MiB is a 413 under /api/trpc"
    KEEP_ALIVE = "WIRE §2: an idle connection is closed after 5 seconds"

    @property
    def option(self) -> str:
        """The name on the command line."""
        return self.name.lower()


def chosen(text: str) -> frozenset[Quirk]:
    """
    Read which quirks are asked for. With any of them there is no REST: a client must find tRPC.

    :param text: ``all``, or names with commas between them.
    :raises UnknownQuirkError: naming the first that is none, and all that are.
    """
    if text == ALL:
        return frozenset(Quirk)
    known = {quirk.option: quirk for quirk in Quirk}
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise UnknownQuirkError(f"{name!r} is no quirk; known are {ALL}, {', '.join(known)}.")
    return frozenset(known[name] for name in names) | {Quirk.NO_REST}


def listing() -> str:
    """Name every quirk, with a line that says what it does."""
    width = max(len(quirk.option) for quirk in Quirk)
    return "\n".join(f"{quirk.option:{width}}  {quirk.value}" for quirk in Quirk)
