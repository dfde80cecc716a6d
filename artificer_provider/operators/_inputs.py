"""Where a task's items come from, as its arguments say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from artificer_provider.batch.plan import as_mapping, refuse_one_value
from artificer_provider.batch.sources import Columns, Csv, JsonLines, LandedRows, Listed, Parquet, TextFiles
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators._arguments import check_path
from artificer_provider.operators._landing import MANIFEST, WRONG_PLACE

if TYPE_CHECKING:
    from typing import BinaryIO

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from artificer_provider.batch.sources import Source

Items = str | Sequence[object] | Mapping[str, object]

_LINES = (".jsonl", ".ndjson")


def source_of(items: Items, columns: Columns) -> Source:
    """
    Find what reads the items: a list, a file on any object storage that Airflow knows, or what a run landed.

    :param items: the list, the path, or what another run gave to XCom.

    :raises ConfigurationError: when the file is not there, or of a kind that is not read.
    """
    if places := place_of(items):
        return _of_path(places[0], columns)
    refuse_one_value(items, "items")
    # A mapped or lazy XCom is a sequence of its own kind.
    return Listed(cast("Sequence[object]", items), columns.prompt)


def place_of(items: object) -> list[str]:
    """Name the file or folder that the items are in, which for those of another run is where it landed."""
    if isinstance(items, Mapping) and isinstance(place := items.get("manifest"), str):
        return [place.removesuffix(f"/{MANIFEST}")]
    return [items] if isinstance(items, str) else []


def _of_path(path: str, columns: Columns) -> Source:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    check_path(path)  # once more: it may have been rendered
    try:
        place = ObjectStoragePath(path)
        if place.is_dir():
            if (landed := _landed_in(place)) is not None:
                return LandedRows(landed, columns)
            return TextFiles(_files_in(place), columns.prompt)
        place.stat()
    except (*WRONG_PLACE, ValueError) as error:
        raise ConfigurationError(
            f"The items cannot be read from {path}: {error}. Is it a path? A text stands in brackets, and "
            "what another task returned is its XComArg (items=that_task.output)."
        ) from error
    opened = partial(_opened, place)
    if place.name.endswith(_LINES):
        return JsonLines(opened, path, columns)
    if place.suffix == ".csv":
        return Csv(opened, path, columns)
    if place.suffix == ".parquet":
        return Parquet(opened, path, columns)
    raise ConfigurationError(
        f"The items in {path} are of a kind that is not read: write .jsonl, .csv or .parquet, or the folder "
        "of text files."
    )


def _landed_in(folder: ObjectStoragePath) -> list[tuple[str, partial[BinaryIO]]] | None:
    """Name the files of rows that a run landed in a folder; None where none did."""
    place = folder / MANIFEST
    if not place.is_file():
        return None
    try:
        said = as_mapping(json.loads(place.read_text(encoding="utf-8")))
    except ValueError:
        return None
    files = said.get("files")
    if "run" not in said or not isinstance(files, list):
        return None
    names = [str(name) for name in cast("list[object]", files)]
    for name in names:
        if not name.endswith(_LINES):
            raise ConfigurationError(
                f"The rows that {folder} holds are in {name}, which is not read: land them with "
                "output_format='jsonl'."
            )
    return [(name, partial(_opened, folder / name)) for name in names]


def _files_in(folder: ObjectStoragePath) -> list[tuple[str, partial[BinaryIO]]]:
    """Name the files of a folder in an order that does not change; hidden ones are not meant."""
    files = sorted(
        (file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")),
        key=lambda file: file.name,
    )
    if not files:
        raise ConfigurationError(f"The folder {folder} has no files: a batch job needs at least one item.")
    return [(file.name, partial(_opened, file)) for file in files]


def _opened(path: ObjectStoragePath) -> BinaryIO:
    try:
        return cast("BinaryIO", path.open("rb"))
    except WRONG_PLACE as error:
        raise ConfigurationError(f"The items cannot be read from {path}: {error}.") from error
