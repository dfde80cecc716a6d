"""Who calls, as a request brings it: whose rows it sees, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from artificer_provider.engine.keys import LOCAL_OWNER
from artificer_provider.engine.scopes import EVERYTHING

__all__ = ["EVERYTHING", "LOCAL_OWNER", "By", "Caller", "caller_of"]


@dataclass(frozen=True)
class Caller:
    """
    One who calls.

    :param owner: whose rows are seen and made.
    :param scopes: what may be done; ``*`` is everything, none where no key is asked for.
    :param key_id: the key that was sent; None where none is asked for, or it is the environment's.
    :param address: the IP address that the call comes from.
    """

    owner: str = LOCAL_OWNER
    scopes: tuple[str, ...] = (EVERYTHING,)
    key_id: str | None = None
    address: str | None = None


def caller_of(request: Request) -> Caller:
    """Say who sent a request that the gate let in."""
    caller: Caller = request.state.caller
    return caller


#: The parameter of an operation that has to know who calls.
By: TypeAlias = Annotated[Caller, Depends(caller_of)]
