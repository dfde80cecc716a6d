"""One TLS context for the many clients of loopback servers: making one takes a tenth of a second."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What makes one context for each client.
create_ssl_context = httpx.create_ssl_context
_shared = cache(create_ssl_context)


@contextmanager
def one_context() -> Iterator[None]:
    """Give every client the same one. Only as long as it is asked for: other tests have their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", _shared)
        yield
