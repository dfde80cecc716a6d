"""Writes rows to object storage, whole or not at all."""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators._formats import COLUMNS, Format, written
from artificer_provider.operators._parts import FOLDER as PARTS
from artificer_provider.operators._parts import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from artificer_provider.batch.plan import Json

J = TypeVar("J", bound="Json")

#: What waiting does not mend, a storage whose library is not installed among it; any other error may pass.
WRONG_PLACE = (
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    ImportError,
)

MANIFEST = "manifest.json"
_ASIDE = ".part"
_TOLD_CHARS = 120
#: What goes to XCom at most, as JSON in ASCII: Airflow keeps it in its database.
XCOM_BYTES = 4096
#: As much of that as the place of the manifest may take; any object storage's longest key fits.
_PLACE_BYTES = 3400
#: How many of each go to XCom where they fit: the manifest has all of them.
_SHOWN = {"job_ids": 5, "models": 5, "files": 20}


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    What stands beside the rows.

    :param outcome: how the run ended: ``succeeded``, ``failed``, ``budget``, ``deadline`` or ``unpriced``.
    :param counts: rows by what became of them.
    :param cost: US dollars; None where the engine does not say of every row.
    :param rounds: how often what had no good answer may have been done over beyond what the task asks for.
    :param estimate: what it would cost, told before it began: ``least`` and ``likely``, in US dollars.
    :param phase_costs: US dollars by phase, of a chain; None where the engine does not say of every row.
    :param rows: how many are in the files; what was never begun has none.
    :param size: bytes of the files; None where it is not known of each.
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
    estimate: dict[str, Json] | None = None
    phase_costs: dict[str, float | None] = field(default_factory=dict[str, "float | None"])
    rows: int | None = None
    size: int | None = None

    def to_json(self) -> dict[str, Json]:
        """Write it as plain values."""
        return {"version": 2, **asdict(self)}

    def to_xcom(self, place: str) -> dict[str, Json]:
        """
        Write what the next task needs: at most 4 KiB, whatever the size of the run.

        The first jobs, models and files are named as far as they fit. Where the folder's name is so long
        that it does not fit beside the manifest's, ``path`` is None.

        :param place: where the manifest is, which has all files, jobs and models.
        """
        shown: dict[str, Json] = {
            **self.to_json(),
            **{name: [] for name in _SHOWN},
            "path": None,
            "manifest": place,
            "file_count": len(self.files),
            "job_count": len(self.job_ids),
        }
        left = XCOM_BYTES - size(shown)
        if (taken := size(self.path)) <= left:
            shown["path"] = self.path
            left -= taken
        for name, most in _SHOWN.items():
            first = fitting(getattr(self, name)[:most], left)
            shown[name] = [*first]
            left -= sum(map(_taken, first))
        return shown


def fitting(values: Sequence[J], room: int) -> list[J]:
    """Take the first values that fit into so many bytes of JSON."""
    taken = accumulate(map(_taken, values))
    return [value for value, so_far in zip(values, taken, strict=True) if so_far <= room]


def _taken(value: Json) -> int:
    return size(value) + len(", ")


def size(value: Json) -> int:
    """Say how many bytes of JSON a value takes."""
    return len(json.dumps(value))


def folder_at(output: str) -> ObjectStoragePath:
    """
    Find the folder for rows and manifest.

    :raises ConfigurationError: when it names none, or is on a storage that Airflow does not know.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if not output.strip():  # rendered to nothing, which would be the working directory
        raise ConfigurationError("output is empty: name the folder for the rows.")
    try:
        return ObjectStoragePath(output)
    except ValueError as error:
        raise ConfigurationError(
            f"The output {output} cannot be used, nothing was started ({error})."
        ) from error


class Landing:
    """
    The folder of one run.

    :param folder: where rows and manifest go.
    :param run: the digest of the run key; another run's folder is left alone.
    :param columns: those of a table of rows, and whether one holds JSON as text.
    """

    def __init__(
        self,
        folder: ObjectStoragePath,
        run: str,
        form: Format,
        columns: Mapping[str, bool] = COLUMNS,
    ) -> None:
        self._folder = folder
        self.run = run
        self._form = form
        self._columns = columns
        # Two tries can be alive at once: each has names of its own for what it writes aside.
        self._own = uuid.uuid4().hex[:8]
        #: Asked before anything is moved to its place; raises where this try is no longer the task's.
        self.before_move: Callable[[], None] = _nothing
        #: Bytes of the files that were written here.
        self.sizes: dict[str, int] = {}
        #: The manifest that was written here, last of all.
        self.manifest: Manifest | None = None

    @property
    def path(self) -> str:
        """Where the folder is."""
        return str(self._folder)

    @property
    def place(self) -> str:
        """Where the manifest is, once it is written."""
        return str(self._folder / MANIFEST)

    def prepare(self) -> None:
        """
        Make sure that rows can be landed, before anything is billed.

        :raises ConfigurationError: when the folder cannot be written, or holds another run's rows.
        """
        place = self._folder / MANIFEST
        if size(str(place)) > _PLACE_BYTES:
            raise ConfigurationError(
                f"The output {str(place)[:_TOLD_CHARS]}… has {len(str(place)):,} characters, nothing was "
                "started. Name a folder with a shorter path: the next task is told where the manifest is."
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            probe = self._folder / f".probe.{self._own}{_ASIDE}"
            probe.write_text("")
            probe.unlink(missing_ok=True)
            other = json.loads(place.read_text()).get("run") if place.exists() else self.run
        except (*WRONG_PLACE, ValueError, AttributeError) as error:
            raise ConfigurationError(
                f"The output {self._folder} cannot be used, nothing was started ({error})."
            ) from error
        if other != self.run:
            raise ConfigurationError(
                f"The output {self._folder} holds the rows of another run, nothing was started. "
                "Put {{ run_id }} (and {{ ti.map_index }} for a mapped task) into the output."
            )

    def write_rows(self, shard: int, shards: int, records: Iterable[Mapping[str, Json]]) -> str:
        """Write the rows of a shard aside, then move them to their place; return the file's name."""
        name = f"rows-{shard + 1:04}-of-{shards:04}.{self._form}"
        with self._moved_to(name) as aside, aside.open("wb") as file:
            written(self._form, records, file, self._columns)
            self.sizes[name] = file.tell()
        return name

    def last(self) -> Manifest | None:
        """Read the manifest of this run that an earlier try wrote; None where there is none."""
        try:
            said = json.loads((self._folder / MANIFEST).read_text(encoding="utf-8"))
            known = {name: said[name] for name in Manifest.__dataclass_fields__ if name in said}
            found = Manifest(**known)
        except (OSError, ValueError, TypeError):
            return None
        return found if found.run == self.run else None

    def parts(self, mark: str) -> Parts:
        """
        Give the rows that were made here by now, beside those that are landed.

        :param mark: whose they are.
        """
        return Parts(self._folder / PARTS, mark)

    def write_manifest(self, manifest: Manifest) -> str:
        """Write the manifest, last of all, and clear away what killed tries left; return where it is."""
        with self._moved_to(MANIFEST) as aside:
            aside.write_text(json.dumps(manifest.to_json(), ensure_ascii=False, indent=2), encoding="utf-8")
        for left in self._folder.iterdir():
            if left.name.startswith(".") and left.name.endswith(_ASIDE):
                left.unlink(missing_ok=True)
        self.manifest = manifest
        return self.place

    @contextmanager
    def _moved_to(self, name: str) -> Iterator[ObjectStoragePath]:
        """Give a place to write aside, and move it to its name when all is written."""
        aside = self._folder / f".{name}.{self._own}{_ASIDE}"
        try:
            yield aside
            self.before_move()
            aside.replace(self._folder / name)
        except Exception:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise


def _nothing() -> None:
    """Let it be moved."""
