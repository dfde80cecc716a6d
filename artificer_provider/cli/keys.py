"""``artificer keys``: who may call the embedded engine of this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from artificer_provider.cli._data import DataDirectory, data_home
from artificer_provider.cli._errors import reported

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
    ] = "local",
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
        from artificer_provider.cli import _keys

        key = _keys.wanted(
            name,
            owner,
            allowed=scope or [],
            addresses=address or [],
            expires=expires,
            calls_a_minute=calls_a_minute,
        )
        _keys.create(data, key, as_json=as_json)


@app.command("list")
def show(*, data: DataDirectory = data_home(), as_json: AsJson = False) -> None:  # noqa: B008 - as above
    """
    Show the keys, and how much each is used.

    The counts of a running engine are a few seconds old. `refused` are those of the calls that a key was not
    good for.
    """
    with reported():
        from artificer_provider.cli import _keys

        _keys.show(data, as_json=as_json)


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
        from artificer_provider.cli import _keys

        _keys.revoke(data, key_id, as_json=as_json)


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
        from artificer_provider.cli import _keys

        _keys.rotate(data, key_id, grace, as_json=as_json)


if __name__ == "__main__":
    app(prog_name="artificer keys")
