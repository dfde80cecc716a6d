"""``artificer keys``: who may call the embedded engine of this machine."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from artificer_provider.cli._data import DataDirectory, data_home
from artificer_provider.cli._errors import CommandError, ExitCode, reported
from artificer_provider.cli._output import say, write, write_json, write_table
from artificer_provider.cli._spans import read_end, read_span
from artificer_provider.engine import key_usage, keys, scopes
from artificer_provider.engine.addresses import read_network
from artificer_provider.engine.data_directory import DataDirectoryError, own
from artificer_provider.engine.store import DATABASE, UnreadableStoreError, connect, is_prepared, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from artificer_provider.engine.addresses import Network

LONGEST_NAME = 100
MOST_CALLS = 100_000

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, key_…, as `list` shows it.")]

app = typer.Typer(
    name="keys",
    help="Say who may call the embedded engine of this machine. A running engine follows at once.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def add_to(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app)


@app.command()
def create(
    *,
    name: Annotated[str, typer.Option(help="What it is for; shown in lists.")],
    owner: Annotated[
        str, typer.Option(help="Whose rows it sees and makes; 'local' has those made without a key.")
    ] = keys.LOCAL_OWNER,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do: noun, noun:read or noun:write; given again for more. All by default."
        ),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CIDR", help="A network it may be used from; given again for more. Any by default."
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="SPAN|DATE", help="Until when it is good: 90d, 12h, 2027-01-31.")
    ] = None,
    calls_a_minute: Annotated[
        int | None, typer.Option(min=1, max=MOST_CALLS, help="How often it may be used. Without, no limit.")
    ] = None,
    data: DataDirectory = data_home(),  # noqa: B008 - shown in the help
    as_json: AsJson = False,
) -> None:
    """
    Make a key, and print it.

    It is kept as its hash: this is the only time that it can be seen. From the first key on the engine asks
    everybody for one.
    """
    with reported():
        now = datetime.now(UTC)
        key = keys.Key(
            id=keys.new_id(),
            name=_worded("--name", name),
            created_at=now,
            owner=_worded("--owner", owner),
            scopes=_scopes(scope or [scopes.EVERYTHING]),
            addresses=tuple(_network(cidr) for cidr in address or ()),
            calls_a_minute=calls_a_minute,
            expires_at=_end(expires, now) if expires else None,
        )
        secret = keys.new_secret()
        with _changing(data) as connection:
            is_first = not keys.exist(connection)
            keys.add(connection, key, secret)
        if is_first:
            say(f"The first key: from now on the engine on {data} asks everybody for one, here too.")
        _tell(key, secret, as_json=as_json)


@app.command("list")
def show(*, data: DataDirectory = data_home(), as_json: AsJson = False) -> None:  # noqa: B008 - as above
    """
    Show the keys, and how much each is used.

    The counts of a running engine are a few seconds old. `refused` are those of the calls that a key was not
    good for.
    """
    with reported():
        with _reading(data) as connection:
            found = [(key, key_usage.by_day(connection, key.id)) for key in keys.every(connection)]
        if as_json:
            write_json([{**_described(key), **_usage(days)} for key, days in found])
        elif not found:
            say(f"There are no keys in {data}: the engine there lets in whoever is on this machine.")
        else:
            write_table(_COLUMNS, [_row(key, _usage(days)) for key, days in found])


@app.command()
def revoke(
    key_id: KeyId,
    *,
    data: DataDirectory = data_home(),  # noqa: B008 - as above
    as_json: AsJson = False,
) -> None:
    """
    Make a key good for nothing, for ever.

    When it was the last one the engine still asks for a key: make another.
    """
    with reported():
        with _changing(data) as connection:
            revoked = keys.revoke(connection, _known(connection, key_id), datetime.now(UTC))
        if as_json:
            write_json(_described(revoked))
        say(f"{revoked.id} ({revoked.name}) is good for nothing any more.")


@app.command()
def rotate(
    key_id: KeyId,
    *,
    grace: Annotated[
        str, typer.Option(metavar="SPAN", help="How long the old key is still good, to change over: 1h, 2d.")
    ] = "0",
    data: DataDirectory = data_home(),  # noqa: B008 - as above
    as_json: AsJson = False,
) -> None:
    """
    Put a new key in the place of one, and print it.

    It may do the same, for the same owner and as long. The old one is revoked, or ends with the grace.
    """
    with reported():
        now = datetime.now(UTC)
        try:
            span = read_span(grace)
        except ValueError as error:
            raise CommandError(f"--grace: {error}.") from error
        secret = keys.new_secret()
        with _changing(data) as connection:
            old = _known(connection, key_id)
            if (state := old.state(now)) is not keys.State.ACTIVE:
                raise CommandError(f"{key_id} is {state}, and nobody uses it: make another with `create`.")
            successor, old = keys.rotate(connection, old, secret, now=now, grace=span)
        if old.revoked_at is None:
            say(f"{old.id} is good until {_moment(old.expires_at)}.")
        else:
            say(f"{old.id} is good for nothing any more.")
        _tell(successor, secret, as_json=as_json)


def _tell(key: keys.Key, secret: str, *, as_json: bool) -> None:
    """Print a new key, alone on stdout, so that a script can take it from there."""
    say(f"{key.id} ({key.name}), for {key.owner}: {', '.join(key.scopes)}. The key is shown this once.")
    if as_json:
        write_json({**_described(key), "key": secret})
    else:
        write(f"{secret}\n")


_COLUMNS = (
    "id",
    "name",
    "owner",
    "state",
    "scopes",
    "addresses",
    "a minute",
    "expires",
    "last used",
    "calls",
    "refused",
)


def _row(key: keys.Key, usage: dict[str, object]) -> list[str]:
    return [
        key.id,
        key.name,
        key.owner,
        key.state(datetime.now(UTC)),
        " ".join(key.scopes),
        " ".join(map(str, key.addresses)) or "any",
        "no limit" if key.calls_a_minute is None else str(key.calls_a_minute),
        _moment(key.expires_at) if key.expires_at else "never",
        str(usage["lastUsedAt"] or "never")[:16].replace("T", " "),
        str(usage["calls"]),
        str(usage["refused"]),
    ]


def _described(key: keys.Key) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "state": key.state(datetime.now(UTC)),
        "scopes": list(key.scopes),
        "addresses": [str(network) for network in key.addresses],
        "callsAMinute": key.calls_a_minute,
        "createdAt": _iso(key.created_at),
        "expiresAt": _iso(key.expires_at),
        "revokedAt": _iso(key.revoked_at),
    }


def _usage(days: dict[str, key_usage.Count]) -> dict[str, object]:
    return {
        "lastUsedAt": max((count.last_used_at for count in days.values()), default=None),
        "calls": sum(count.calls for count in days.values()),
        "refused": sum(count.refused for count in days.values()),
        "days": [{"day": day, "calls": count.calls, "refused": count.refused} for day, count in days.items()],
    }


@contextmanager
def _changing(data: Path) -> Iterator[sqlite3.Connection]:
    """Open an engine's database for one change, beside an engine that may be using it."""
    data = data.expanduser()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)  # for the owner alone, as the engine makes it
    with _open(data) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")


@contextmanager
def _reading(data: Path) -> Iterator[sqlite3.Connection]:
    """Open an engine's database, which must be there."""
    data = data.expanduser()
    if not (data / DATABASE).is_file():
        raise CommandError(
            f"{data} has no {DATABASE}: no engine has kept anything there, and no key was made."
        )
    with _open(data) as connection:
        yield connection


@contextmanager
def _open(data: Path) -> Iterator[sqlite3.Connection]:
    database = data / DATABASE
    try:
        with closing(connect(database)) as connection:
            if not is_prepared(connection):
                # Not under an engine that runs: what reads an older file would not know the newer tables.
                with own(data):
                    prepare(connection, database)
            yield connection
    except DataDirectoryError as error:
        raise CommandError(f"{error} Its database is of another version than this command.") from error
    except UnreadableStoreError as error:
        raise CommandError(f"{error}.") from error
    except sqlite3.Error as error:
        raise CommandError(f"{database}: {error}. Nothing was changed.", ExitCode.FAILED) from error


def _known(connection: sqlite3.Connection, key_id: str) -> keys.Key:
    key = keys.by_id(connection, key_id)
    if key is not None:
        return key
    if keys.LOOKS_LIKE_KEY.search(key_id):
        raise CommandError(
            "Name the key by its id (key_…), and rotate it: what was typed may be in a history."
        )
    raise CommandError(
        f"There is no key {key_id!r}: `artificer keys list` shows those there are.", ExitCode.NOT_FOUND
    )


def _worded(option: str, text: str) -> str:
    worded = text.strip()
    if not worded or len(worded) > LONGEST_NAME or not worded.isprintable():
        raise CommandError(f"{option}: write 1 to {LONGEST_NAME} characters that can be printed.")
    return worded


def _scopes(words: list[str]) -> tuple[str, ...]:
    for word in words:
        if not scopes.is_scope(word):
            nouns = ", ".join(scopes.NOUNS)
            raise CommandError(
                f"--scope: {word!r} is none. Write *, a noun, noun:read or noun:write; the nouns are {nouns}."
            )
    return tuple(dict.fromkeys(words))


def _network(text: str) -> Network:
    try:
        return read_network(text)
    except ValueError as error:
        raise CommandError(f"--address: {error}; write 10.0.0.0/8, or 2001:db8::/32.") from error


def _end(text: str, now: datetime) -> datetime:
    try:
        return read_end(text, now)
    except ValueError as error:
        raise CommandError(f"--expires: {error}.") from error


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _iso(moment: datetime | None) -> str | None:
    return (
        None
        if moment is None
        else moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


if __name__ == "__main__":
    app(prog_name="artificer keys")
