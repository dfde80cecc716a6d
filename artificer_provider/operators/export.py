"""Conversations as files on object storage."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from artificer_provider.operators._base import ArtificerOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

    from artificer_provider.batch.plan import Json
    from artificer_provider.client.models.export import Exported


class ArtificerExportConversationsOperator(ArtificerOperator):
    """
    Write one conversation, or all of them, to object storage in one of the engine's formats.

    Written again, the same conversations replace the files.

    :param output: the folder of the files. A format that is one file becomes ``conversations.<format>``; one
        of several files, as many.
    :param format: ``markdown``, ``json``, ``html``, ``obsidian``, ``notion``, ``google-docs``, or what else
        the engine offers.
    :param conversation_id: the one conversation; all of them unless given.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (
        *ArtificerOperator.template_fields,
        "output_path",
        "format",
        "conversation_id",
    )

    def __init__(
        self,
        *,
        output: str,
        format: str = "markdown",  # noqa: A002 - the engine's word
        conversation_id: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.output_path = output  # `output` is Airflow's: the XComArg of the task
        self.format = format
        self.conversation_id = conversation_id
        from artificer_provider.operators._arguments import check_output

        check_output(output, "jsonl")

    def execute(self, context: Context) -> dict[str, Json]:
        """Write them; return where, and how much."""
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        from artificer_provider.operators._report import Report

        with self.told_to_airflow():
            settings = self.hook.settings()
        with self.told_to_airflow(), settings.client() as client:
            exported = (
                client.export.all(self.format)
                if self.conversation_id is None
                else client.export.conversation(self.conversation_id, self.format)
            )
            folder = ObjectStoragePath(self.output_path)
            folder.mkdir(parents=True, exist_ok=True)
            files = written(folder, exported)
        told = exported.metadata
        self.log.info("Wrote %d file(s) to %s.", len(files), folder)
        landed: dict[str, Json] = {
            "path": str(folder),
            "file_count": len(files),
            "files": [*files[:_SHOWN]],
            "messages": told.total_messages,
            "cost": told.total_cost,
        }
        self.report = Report(lambda: landed, settings.base_url)
        return landed


#: As much of a list as goes to XCom.
_SHOWN = 20
_ENDINGS = {"markdown": "md", "google-docs": "txt", "notion": "json"}


def written(folder: ObjectStoragePath, exported: Exported) -> list[str]:
    """Write an export, each file aside first and then moved to its place; name the files."""
    files = _files(exported)
    for name, text in files.items():
        # A name that nobody knows beforehand: a link that waits in the folder would be written through.
        aside = folder / f".{uuid.uuid4().hex}.part"
        aside.write_text(text, encoding="utf-8")
        aside.replace(folder / name)
    return sorted(files)


def _files(exported: Exported) -> Mapping[str, str]:
    name = _safe(f"conversations.{_ENDINGS.get(exported.format, exported.format)}")
    if exported.text is not None:
        return {name: exported.text}
    inside = exported.data.get("files") if isinstance(exported.data, dict) else None
    if isinstance(inside, dict):
        return {_safe(path): str(text) for path, text in inside.items()}
    return {name: json.dumps(exported.data, ensure_ascii=False, indent=2)}


def _safe(path: str) -> str:
    """Name a file so that it stays in its folder, whatever the engine calls it."""
    parts = [part for part in path.replace("\\", "/").split("/") if part.strip(".")]
    return "-".join(parts).lstrip(".") or "unnamed"
