"""Writes rows to object storage, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators._formats import Format, written
from artificer_provider.operators._parts import FOLDER as PARTS
from artificer_provider.operators._parts import Parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from artificer_provider.batch.plan import Json

#: What waiting does not mend; any other error of a storage may pass.
WRONG_PLACE = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)

MANIFEST = "manifest.json"
#: As much of a list as goes to XCom: the manifest has all of it.
_SHOWN = 5
_SHOWN_FILES = 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    What stands beside the rows.

    :param outcome: how the run ended: ``succeeded``, ``failed``, ``budget``, ``deadline`` or ``unpriced``.
    :param counts: rows by what became of them.
    :param cost: US dollars; None where the engine does not say of every row.
    :param rounds: how often what had no good answer may have been done over beyond what the task asks for.
    :param phase_costs: US dollars by phase, of a chain; None where the engine does not say of every row.
    """

    run: str
    path: str
    outcome: str
    files: list[str]
    job_ids: list[str]
    items: int
    counts: dict[str, int]
    cost: float | None
    tokens: int | None
    models: list[str]
    rounds: int = 0
    phase_costs: dict[str, float | None] = field(default_factory=dict[str, "float | None"])

    def to_json(self) -> dict[str, Json]:
        """Write it as plain values."""
        return {"version": 2, **asdict(self)}

    def to_xcom(self, place: str) -> dict[str, Json]:
        """
        Write what the next task needs: never more than a few KiB, whatever the size of the run.

        :param place: where the manifest is, which has all files, jobs and models.
        """
        return {
            **self.to_json(),
            "manifest": place,
            "files": [*self.files[:_SHOWN_FILES]],
            "file_count": len(self.files),
            "job_ids": [*self.job_ids[:_SHOWN]],
            "job_count": len(self.job_ids),
            "models": [*self.models[:_SHOWN]],
        }


class Landing:
    """
    The folder of one run.

    :param folder: where rows and manifest go.
    :param run: the digest of the run key; another run's folder is left alone.
    """

    def __init__(self, folder: ObjectStoragePath, run: str, form: Format) -> None:
        self._folder = folder
        self._run = run
        self._form = form

    @property
    def path(self) -> str:
        """Where the folder is."""
        return str(self._folder)

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
            manifest = self._folder / MANIFEST
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

    def write_rows(self, shard: int, shards: int, records: Iterable[Mapping[str, Json]]) -> str:
        """Write the rows of a shard aside, then move them to their place; return the file's name."""
        name = f"rows-{shard + 1:04}-of-{shards:04}.{self._form}"
        aside = self._folder / f".{name}.part"
        with aside.open("wb") as file:
            written(self._form, records, file)
        aside.replace(self._folder / name)
        return name

    def last(self) -> Manifest | None:
        """Read the manifest of this run that an earlier try wrote; None where there is none."""
        try:
            said = json.loads((self._folder / MANIFEST).read_text(encoding="utf-8"))
            known = {name: said[name] for name in Manifest.__dataclass_fields__ if name in said}
            found = Manifest(**known)
        except (OSError, ValueError, TypeError):
            return None
        return found if found.run == self._run else None

    def parts(self, mark: str) -> Parts:
        """
        Give the rows of a chain that were made by now, beside those that are landed.

        :param mark: whose they are.
        """
        return Parts(self._folder / PARTS, mark)

    def write_manifest(self, manifest: Manifest) -> str:
        """Write the manifest, last of all; return where it is."""
        aside = self._folder / f".{MANIFEST}.part"
        aside.write_text(json.dumps(manifest.to_json(), ensure_ascii=False, indent=2), encoding="utf-8")
        place = self._folder / MANIFEST
        aside.replace(place)
        return str(place)
