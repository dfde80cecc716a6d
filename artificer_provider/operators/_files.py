"""The files that an argument names: one, a list, a folder, or a pattern, on any object storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.batch.plan import refuse_one_value
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators._landing import WRONG_PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.providers.common.compat.sdk import ObjectStoragePath

_WILD = "*?["


def files_of(places: str | Sequence[str]) -> list[ObjectStoragePath]:
    """
    Find the files, in an order that does not change; hidden ones are not meant.

    :param places: the path or URL of a file or a folder, or a pattern such as ``s3://inbox/2026-*/*.pdf``; or
        a list of these.
    :raises ConfigurationError: when a file or folder that is named is not there. A pattern may match nothing.
    """
    if isinstance(places, str):
        return sorted(set(_found(places)), key=str)
    refuse_one_value(places, "files")
    return [file for place in places for file in files_of(place)]


def _found(place: str) -> Iterator[ObjectStoragePath]:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    folder, pattern = folder_and_pattern(place)
    try:
        path = ObjectStoragePath(folder)
        if pattern:
            yield from _visible(path.glob(pattern))
        elif path.is_dir():
            yield from _visible(path.iterdir())
        else:
            path.stat()
            yield path
    except (*WRONG_PLACE, ValueError) as error:  # the last for a storage that Airflow does not know
        raise ConfigurationError(f"{place} cannot be read: {error}.") from error


def _visible(paths: Iterator[ObjectStoragePath]) -> Iterator[ObjectStoragePath]:
    return (path for path in paths if not path.name.startswith(".") and path.is_file())


def folder_and_pattern(place: str) -> tuple[str, str]:
    """Cut a pattern where its first wildcard segment begins."""
    parts = place.split("/")
    for number, part in enumerate(parts):
        if any(sign in part for sign in _WILD):
            return "/".join(parts[:number]) or ("/" if place.startswith("/") else "."), "/".join(
                parts[number:]
            )
    return place, ""
