"""Where an address leads, as people read it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

#: What a client asks of an engine to find out what it is: no part of its address.
_ASKED = ("/openapi.json", "/api/trpc/auth.public", "/auth.public", "/api/auth/protected", "/auth.protected")
_LIKE_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{3,45}")


def place_of(base_url: str) -> str:
    """Name host and port, one that goes without saying among them."""
    parts = urlsplit(base_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def is_this_machine(base_url: str) -> bool:
    """Tell whether an address is one of this machine, or of this container."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def pointed_at(location: str) -> str:
    """Take what was asked for off the address that a redirect points to."""
    for asked in _ASKED:
        if location.endswith(asked):
            return location.removesuffix(asked) or "/"
    return location


def address_in(words: str) -> str | None:
    """Find an IP address in a sentence."""
    for found in _LIKE_ADDRESS.findall(words):
        try:
            return str(ipaddress.ip_address(found.strip(".")))
        except ValueError:
            continue
    return None
