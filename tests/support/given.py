"""What the blocks of the pages take for given: names that a reader knows from the text around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from artificer_provider.client import Artificer, AsyncArtificer
    from artificer_provider.client.models.batch import BatchJob

    client: Artificer
    aclient: AsyncArtificer
    job: BatchJob

conversation_id = "conv_1"
TEXTS = ["Rain is expected in the north."]
PHASES = [{"name": "summarize", "task_type": "summarize"}]


class Note(NamedTuple):
    """A note of somebody's."""

    text: str


def read_notes(day: str) -> list[Note]:
    """Read the notes of a day."""
    return [Note(f"Nothing happened on {day}.")]
