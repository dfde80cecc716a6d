"""Who calls, as a request brings it: whose rows it sees, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Request

#: Whose rows those are that were made without a key, or under the one of ARTIFICER_ENGINE_API_KEY.
LOCAL_OWNER = "local"
EVERYTHING = "*"


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
