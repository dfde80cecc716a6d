"""A run over documents: one after the other is read, and what is read is landed as it goes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from artificer_provider.batch.layout import gathered, lay_out
from artificer_provider.batch.plan import Item
from artificer_provider.batch.record import Outcome
from artificer_provider.client.errors import ArtificerConnectionError, ArtificerError
from artificer_provider.operators._document_rows import Document, Documents, Tally
from artificer_provider.operators._landing import WRONG_PLACE
from artificer_provider.operators._parts import LOCAL
from artificer_provider.operators._readings import ends_run
from artificer_provider.operators._worked import WorkedRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from airflow.providers.common.compat.sdk import AirflowException, ObjectStoragePath
    from airflow.sdk.types import Logger

    from artificer_provider.batch.layout import Layout
    from artificer_provider.batch.record import Landed
    from artificer_provider.client import AsyncArtificer
    from artificer_provider.operators._asked import Asked
    from artificer_provider.operators._document_rows import DocumentRow
    from artificer_provider.operators._hands import Hand
    from artificer_provider.operators._landing import Landing
    from artificer_provider.operators._ledger import Ledger
    from artificer_provider.operators._readings import Reading

_MILLISECONDS = 1000


def items_of(files: Iterable[ObjectStoragePath]) -> list[Item]:
    """Make an item of each file, once: its size and its last change tell whether it is still the same."""
    items: list[Item] = []
    for file in dict.fromkeys(files):
        found = file.stat()
        items.append(Item(str(file), {"size": found.st_size, "changed": int(found.st_mtime * _MILLISECONDS)}))
    return items


class DocumentRun(WorkedRun[Document, Documents]):
    """
    A run over documents.

    :param reading: what is done to each.
    :param hands: documents under way at once.
    """

    def __init__(
        self,
        *,
        asked: Asked,
        ledger: Ledger,
        landing: Landing,
        log: Logger,
        reading: Reading,
        hands: int,
        permanent: type[AirflowException],
    ) -> None:
        super().__init__(
            asked=asked, ledger=ledger, landing=landing, log=log, hands=hands, permanent=permanent
        )
        self._reading = reading

    def rows(self) -> Iterator[DocumentRow]:
        """Give the rows of all documents, in their order."""
        for number in range(len(self._ledger.shards)):
            with closing(self._shard(number)) as shard:
                yield from shard.rows(self._inputs(number))

    def _laid_out(self) -> Layout:
        # Without a call: where all of it is read here, there need not be an engine.
        return lay_out(self._asked.source, self._asked.work, self._asked.bounds)

    def _begin_anew(self, layout: Layout, why: str) -> None:
        """Lay the run out anew; the rows of files that are the same stand."""
        before = self.header
        self.log.info("%s: what was read of the same files is kept.", why)
        generation = max((record.generation for record in self._ledger.shards), default=0)
        self._ledger.open(self._asked.conn_id, layout, generation)
        was_failed = before.outcome not in (None, Outcome.SUCCEEDED)
        self._ledger.note(replace(self.header, rounds=before.rounds + was_failed))

    async def _meet(self, client: AsyncArtificer) -> None:
        await self._reading.meet(client)

    def _hand_for(self, client: AsyncArtificer) -> Callable[[Documents], Hand[Document]]:
        return lambda _: partial(read, self._reading, client)

    def _shard(self, number: int) -> Documents:
        # Of no shard: where a file came or went, others stand in other shards than before.
        work = gathered([], self._asked.work).fingerprint
        mark = f"{work[:16]}-g{self._ledger.shards[number].generation}"
        return Documents(self._landing.parts(mark), self._inputs(number))

    def _write(self, number: int, shard: Documents) -> Landed:
        tally = Tally(self._ledger.shards[number].shard.first, self._reading.columns)
        records = tally.records(shard.rows(self._inputs(number)))
        return tally.landed(self._landing.write_rows(number, self.header.shards, records))


async def read(reading: Reading, client: AsyncArtificer, document: Document) -> Document:
    """
    Read one document; where that fails, it says so and the others go on.

    :raises ArtificerError: when the error would meet every other document too.
    :raises OSError: when the storage fails, as far as waiting mends it.
    """
    try:
        async with _at_hand(document.file) as file:
            document.found = await reading.read(client, file)
    except ArtificerError as error:
        if ends_run(error):
            raise
        document.is_in_doubt = isinstance(error, ArtificerConnectionError) and error.sent
        doubt = " The call may have been billed." if document.is_in_doubt else ""
        document.error = error.message + doubt
    except WRONG_PLACE as error:
        document.error = f"it cannot be read: {error}"
    return document


@asynccontextmanager
async def _at_hand(place: str) -> AsyncIterator[Path]:
    """Have a document as a file of this machine: PDFium would read one from elsewhere in tiny pieces."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    file = ObjectStoragePath(place)
    if file.protocol in LOCAL:
        yield Path(file.path)
        return
    with tempfile.NamedTemporaryFile(prefix="artificer-") as copy:
        await asyncio.to_thread(_copy, file, Path(copy.name))
        yield Path(copy.name)


def _copy(file: ObjectStoragePath, to: Path) -> None:
    with file.open("rb") as source, to.open("wb") as target:
        shutil.copyfileobj(source, target)
