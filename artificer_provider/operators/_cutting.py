"""How a run is cut into jobs of the size that its engine takes."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from artificer_provider.batch.layout import SMALL_JOB_BYTES, lay_out
from artificer_provider.client.errors import ArtificerError, ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from artificer_provider.batch.layout import Bounds, Layout
    from artificer_provider.batch.record import Header
    from artificer_provider.client import Artificer
    from artificer_provider.client.errors import InvalidRequestError
    from artificer_provider.operators._asked import Asked
    from artificer_provider.operators._ledger import Ledger


def bounds_of(client: Artificer, wanted: Bounds) -> Bounds:
    """
    Say what a job may hold that goes to this engine: under ``/api/trpc`` a body has 1 MiB (WIRE §1).

    :raises ArtificerError: when the engine has to be asked how it speaks, and does not answer.
    """
    _know_dialect(client)
    return replace(wanted, bytes=min(wanted.bytes, SMALL_JOB_BYTES)) if client.trpc_prefix else wanted


def cut(client: Artificer, asked: Asked, header: Header | None = None) -> Layout:
    """
    Cut a run into jobs.

    :param header: what is known of it from before; the engine may have refused jobs of the first size.
    :raises ArtificerError: when the input cannot be read, or the engine cannot be asked how it speaks.
    """
    return lay_out(asked.source, asked.work, _bounds(client, asked, header))


def cut_smaller(
    refused: InvalidRequestError, client: Artificer, asked: Asked, ledger: Ledger, log: Logger
) -> None:
    """
    Cut a run anew, into jobs of half the size or less, because the engine refused one as too large.

    :param refused: what it said; raised again when it is about something else.
    :raises ConfigurationError: when jobs of the run are there already, or one item alone is too large.
    """
    if refused.status_code != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise refused
    if ledger.has_jobs:
        raise ConfigurationError(
            f"{refused.message} Other jobs of this run are there already, so it cannot be cut anew. Raise "
            "the body limit of the engine, or of the proxy before it, and clear the task; or give it a lower "
            "max_items_per_job and durable=False, which pays for all of it again."
        ) from refused
    if ledger.may_have_forgotten:
        raise ConfigurationError(
            f"{refused.message} Below Airflow 3.3 a run cannot be cut anew, since nothing remembers how: "
            "give the task a lower max_items_per_job."
        ) from refused
    header = ledger.begun
    bounds = _bounds(client, asked, header)
    before = tuple(record.shard for record in ledger.shards)
    layout = lay_out(asked.source, asked.work, bounds := bounds.halved())
    while layout.shards == before:  # its jobs are far smaller than what was taken for the engine's limit
        layout = lay_out(asked.source, asked.work, bounds := bounds.halved())
    log.warning(
        "%s The run is cut into %d jobs of at most %d bytes.",
        refused.message,
        len(layout.shards),
        bounds.bytes,
    )
    ledger.lay_out_anew(replace(header, job_bytes=bounds.bytes), layout)


def _bounds(client: Artificer, asked: Asked, header: Header | None) -> Bounds:
    bounds = bounds_of(client, asked.bounds)
    refused = header.job_bytes if header is not None else None
    return bounds if refused is None else replace(bounds, bytes=min(bounds.bytes, refused))


def _know_dialect(client: Artificer) -> None:
    """Have a client whose connection does not say how its engine speaks find out."""
    if client.dialect is not None:
        return
    try:
        client.health()
    except ArtificerError:
        if client.dialect is None:
            raise
