"""Which addresses are tRPC's."""

from __future__ import annotations

PREFIX = "/api/trpc/"
#: Beside the procedures: events, with plain JSON bodies (WIRE §7).
STREAMS = "/api/stream/"

#: The routers a deployed engine has (WIRE §5). Not each is served here, but a call to one is a tRPC call.
ROUTERS = frozenset(
    {
        "auth",
        "batch",
        "chat",
        "conversations",
        "export",
        "images",
        "messages",
        "modelAdmin",
        "monitoring",
        "orchestration",
        "projects",
        "search",
        "usage",
    }
)


def called(path: str) -> str | None:
    """Find the procedures that a path names, at the root or under ``/api/trpc``; None where it names none."""
    if path.startswith(PREFIX):
        return path.removeprefix(PREFIX)
    name = path.removeprefix("/")
    router, dot, _ = name.partition(".")
    return name if dot and router in ROUTERS else None
