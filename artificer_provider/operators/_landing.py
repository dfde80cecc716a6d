"""Writes rows to object storage, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from artificer_provider.batch.plan import Json

#: What waiting does not mend; any other error of a storage may pass.
WRONG_PLACE = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)

_MANIFEST = "manifest.json"
_ROWS = "rows-0001-of-0001.jsonl"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands beside the rows, and goes to XCom."""

    run: str
    path: str
    files: list[str]
    job_ids: list[str]
    items: int
    counts: dict[str, int]
    cost: float | None
    tokens: int | None
    models: list[str]

    def to_json(self) -> dict[str, Json]:
        """Write it as plain values."""
        return {"version": 1, **asdict(self)}


class Landing:
    """
    The folder of one run.

    :param folder: where rows and manifest go.
    :param run: the digest of the run key; another run's folder is left alone.
    """

    def __init__(self, folder: ObjectStoragePath, run: str) -> None:
        self._folder = folder
        self._run = run

    def prepare(self) -> None:
        """
        Make sure that rows can be landed, before anything is billed.

        :raises ConfigurationError: when the folder cannot be written, or holds another run's rows.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            probe = self._folder / ".probe"
            probe.write_text("")
            probe.unlink()
            manifest = self._folder / _MANIFEST
            other = json.loads(manifest.read_text()).get("run") if manifest.exists() else self._run
        except (*WRONG_PLACE, ValueError, AttributeError) as error:
            raise ConfigurationError(
                f"The output {self._folder} cannot be used, nothing was started ({error})."
            ) from error
        if other != self._run:
            raise ConfigurationError(
                f"The output {self._folder} holds the rows of another run, nothing was started. "
                "Put {{ run_id }} (and {{ ti.map_index }} for a mapped task) into the output."
            )

    def write_rows(self, records: Iterable[Mapping[str, Json]]) -> str:
        """Write the rows aside, then move them to their place; return the file's name."""
        aside = self._folder / f".{_ROWS}.part"
        with aside.open("w", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False))
                file.write("\n")
        aside.replace(self._folder / _ROWS)
        return _ROWS

    def write_manifest(self, manifest: Manifest) -> str:
        """Write the manifest, last of all; return where it is."""
        aside = self._folder / f".{_MANIFEST}.part"
        aside.write_text(json.dumps(manifest.to_json(), ensure_ascii=False, indent=2), encoding="utf-8")
        place = self._folder / _MANIFEST
        aside.replace(place)
        return str(place)
