"""``artificer search``: what a project's documents say of something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from artificer_provider.cli import _output
from artificer_provider.cli._call import Call, calls_engine

if TYPE_CHECKING:
    from artificer_provider.client.models.search import SearchResult

BAR = 10
TOLD_CHARS = 160


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("search")(calls_engine(search))


def search(
    call: Call,
    project_id: Annotated[str, typer.Argument(metavar="PROJECT_ID", show_default=False)],
    query: Annotated[str, typer.Argument(metavar="QUERY", show_default=False)],
    *,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="How many pieces at most, 1 to 50.", show_default="10")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(metavar="SCORE", help="Leave out what is less near than that, 0 to 1.")
    ] = None,
) -> None:
    """Search a project's documents for what a question means, the nearest piece first."""
    with call.client() as client:
        found = client.search.documents(project_id, query, limit=limit, min_score=min_score)
    if call.as_json:
        _output.write_json(found.model_dump(mode="json", by_alias=True, exclude_none=True))
    elif found.results:
        _output.write_table(("SCORE", "", "DOCUMENT", "PIECE", "TEXT"), [_row(one) for one in found.results])
    else:
        _output.say("Nothing was found.")


def _row(found: SearchResult) -> tuple[str, ...]:
    score = found.score or 0.0
    place = found.metadata.chunk_index
    text = " ".join(found.content.split())
    return (
        "" if found.score is None else f"{score:.3f}",
        "█" * round(BAR * min(max(score, 0.0), 1.0)),
        found.filename or found.document_id,
        "" if place is None else str(place),
        f"{text[:TOLD_CHARS]}…" if len(text) > TOLD_CHARS else text,
    )
