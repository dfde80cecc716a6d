"""Which certificates are good."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True)
class Trust:
    """
    Which certificates are good.

    :param verify: whether any is looked at; without that, whoever is between can read the key.
    :param ca: authorities to trust beside the usual ones: the path of a bundle, or PEM.
    """

    verify: bool = True
    ca: str | None = None


def trust(ca: str | os.PathLike[str] | None, *, verify: bool, has_own_client: bool) -> Trust:
    """
    Say which certificates are good.

    :param has_own_client: whether the user brings an HTTP client, which has made up its mind.
    :raises ConfigurationError: when it cannot be had.
    """
    if has_own_client and (ca is not None or not verify):
        raise ConfigurationError("verify and ca are for the client's own connections: leave out http_client.")
    return Trust(verify, None if ca is None else os.fspath(ca))


def trusting(context: ssl.SSLContext, trust: Trust) -> ssl.SSLContext:
    """
    Have a context trust the authorities that were named, too.

    :raises ConfigurationError: when they cannot be read.
    """
    if trust.ca is None or not trust.verify:
        return context
    is_pem = "-----BEGIN" in trust.ca
    try:
        if is_pem:
            context.load_verify_locations(cadata=trust.ca)
        elif Path(trust.ca).is_dir():
            context.load_verify_locations(capath=trust.ca)
        else:
            context.load_verify_locations(cafile=trust.ca)
    except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
        what = "The CA's text" if is_pem else f"The CA bundle {trust.ca!r}"
        reason = error.strerror if isinstance(error, OSError) else None
        raise ConfigurationError(f"{what} cannot be read, and nothing was sent: {reason or error}.") from None
    return context
