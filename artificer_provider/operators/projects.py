"""Projects: make and remove one, put documents into it, and search in them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from artificer_provider.operators._base import ArtificerOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

    from artificer_provider.batch.plan import Json
    from artificer_provider.client import Artificer

#: As much of a list as goes to XCom.
_SHOWN = 5
#: Characters of a piece that was found, as much as goes to XCom.
_SHOWN_CHARS = 2_000


class ArtificerCreateProjectOperator(ArtificerOperator):
    """
    Create a project; its id goes to XCom. A retry finds the project of the try before, and makes no other.

    :param project_name: what people know it by; an identifying mark is put behind it.
    :param description: at most 500 characters.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*ArtificerOperator.template_fields, "project_name", "description")

    def __init__(
        self,
        *,
        project_name: str = "{{ dag.dag_id }}",
        description: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.project_name = project_name
        self.description = description

    def execute(self, context: Context) -> str:
        """Create it, or find it; return its id."""
        from artificer_provider.client.limits import MAX_PROJECT_NAME_CHARS

        with self.told_to_airflow(), self.hook.get_conn() as client:
            mark = f"af-{self.run_key(context).digest()[:16]}"
            own = self.project_name[: MAX_PROJECT_NAME_CHARS - len(mark) - 1].rstrip()
            found = next((one for one in client.projects.iter() if one.name.endswith(mark)), None)
            if found is not None:
                self.log.info("Project %s of an earlier try is there.", found.id)
                return found.id
            project = client.projects.create(f"{own} {mark}".lstrip(), description=self.description)
            self.log.info("Created project %s.", project.id)
            return project.id


class ArtificerDeleteProjectOperator(ArtificerOperator):
    """
    Remove a project and its documents. One that is gone already is no failure.

    :param project_id: the project.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*ArtificerOperator.template_fields, "project_id")

    def __init__(self, *, project_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's
        super().__init__(**kwargs)
        self.project_id = project_id

    def execute(self, context: Context) -> None:
        """Remove it."""
        from artificer_provider.client.errors import NotFoundError

        with self.told_to_airflow(), self.hook.get_conn() as client:
            try:
                client.projects.get(self.project_id)
                client.projects.delete(self.project_id)
            except NotFoundError:
                self.log.info("Project %s is gone already.", self.project_id)
            else:
                self.log.info("Project %s and its documents are deleted.", self.project_id)


@contextmanager
def temporary_project(task_id: str = "project", **arguments: Any) -> Iterator[ArtificerCreateProjectOperator]:  # noqa: ANN401 - the operator's
    """
    Have a project for the tasks inside, and remove it when they are done, whatever became of them.

    ::

        with temporary_project() as project:
            upload = ArtificerUploadDocumentsOperator(project_id=project.output, ...)

    :param task_id: of the task that makes it; the one that removes it is named ``remove_…``.
    :param arguments: of :class:`ArtificerCreateProjectOperator`.
    """
    project = ArtificerCreateProjectOperator(task_id=task_id, **arguments)
    removal = ArtificerDeleteProjectOperator(
        task_id=f"remove_{task_id}",
        project_id=cast("str", project.output),  # which it is when the task runs
        artificer_conn_id=project.artificer_conn_id,
    )
    setup: ArtificerCreateProjectOperator = project.as_setup()  # type: ignore[no-untyped-call] # Airflow's
    with removal.as_teardown(setups=setup):
        yield project


class ArtificerUploadDocumentsOperator(ArtificerOperator):
    """
    Put files into a project, whose texts can then be searched.

    A document of the same name and size that is there already is not sent again, so that a retry goes on.

    :param project_id: the project; the connection's unless given.
    :param files: a file, a folder or a pattern such as ``s3://docs/*.md``, or a list of these.
    :param allow_empty: whether a pattern that matches nothing is no failure.
    :param wait_for_index: how long to wait until all of the project can be found; the try fails when that
        takes longer. Unless given the task is done with the upload, and the engine indexes afterwards.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*ArtificerOperator.template_fields, "project_id", "files")
    kept = "What was uploaded is kept, and is not sent again by a retry."

    def __init__(
        self,
        *,
        files: str | Sequence[str],
        project_id: str | None = None,
        allow_empty: bool = False,
        wait_for_index: timedelta | None = None,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.project_id = project_id
        self.files = files
        self.allow_empty = allow_empty
        self.wait_for_index = wait_for_index

    def execute(self, context: Context) -> dict[str, Json]:
        """Upload what is not there; return the count, and the first ids."""
        from artificer_provider.client.errors import ConfigurationError
        from artificer_provider.operators._files import files_of

        with self.told_to_airflow(), self.hook.get_conn() as client:
            files = files_of(self.files)
            if not files and not self.allow_empty:
                raise ConfigurationError(
                    f"{self.files} matches no file (allow_empty=True makes that no failure)."
                )
            project = _needed(self, self.project_id)
            there = {(doc.filename, doc.size): doc.id for doc in client.projects.iter_documents(project)}
            ids: list[Json] = [self._upload(client, project, file, there) for file in files]
            if self.wait_for_index is not None:
                self._wait(client, project, self.wait_for_index.total_seconds())
        return {"project_id": project, "count": len(ids), "document_ids": ids[:_SHOWN]}

    def _wait(self, client: Artificer, project: str, seconds: float) -> None:
        """Wait until everything in a project can be found."""
        from artificer_provider.client.errors import ArtificerError

        give_up_at = time.monotonic() + seconds
        while left := client.search.get_stats(project).unindexed_documents:
            if time.monotonic() >= give_up_at:
                raise ArtificerError(
                    f"{left} documents of project {project} cannot be found after {seconds:g} s.",
                    retryable=True,
                )
            time.sleep(_LOOK_AGAIN)

    def _upload(
        self,
        client: Artificer,
        project: str,
        file: ObjectStoragePath,
        there: dict[tuple[str, int | None], str],
    ) -> str:
        size = file.stat().st_size
        # On a deployed engine a short text is padded, and has that size there.
        for known in (size, max(size, _PADDED_TO)):
            if (file.name, known) in there:
                self.log.info("%s is there already.", file.name)
                return there[file.name, known]
        with file.open("rb") as content:
            document = client.projects.upload_document(project, content, file.name)
        self.log.info("Uploaded %s as document %s.", file.name, document.id)
        return document.id


class ArtificerSearchOperator(ArtificerOperator):
    """
    Find the pieces of a project's documents that are nearest to a question; they go to XCom, cut.

    :param project_id: the project; the connection's unless given.
    :param query: the question, 1 to 1,000 characters.
    :param limit: how many pieces at most, 1 to 50.
    :param min_score: leave out what is less near, 0 to 1.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*ArtificerOperator.template_fields, "project_id", "query")

    def __init__(
        self,
        *,
        query: str,
        project_id: str | None = None,
        limit: int = 5,
        min_score: float | None = None,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.project_id = project_id
        self.query = query
        self.limit = limit
        self.min_score = min_score
        from artificer_provider.operators._arguments import check_search

        check_search(limit, min_score)

    def execute(self, context: Context) -> list[dict[str, Json]]:
        """Search; return the pieces, the nearest first."""
        with self.told_to_airflow(), self.hook.get_conn() as client:
            project = _needed(self, self.project_id)
            found = client.search.documents(project, self.query, limit=self.limit, min_score=self.min_score)
        return [
            {
                "document_id": piece.document_id,
                "filename": piece.filename,
                "score": piece.score,
                "content": piece.content[:_SHOWN_CHARS],
            }
            for piece in found.results
        ]


_LOOK_AGAIN = 0.5
#: What the client pads a short text to (WIRE §5, ``uploadDocument``).
_PADDED_TO = 200


def _needed(operator: ArtificerOperator, project_id: str | None) -> str:
    """
    Give the project that is named, or the connection's.

    :raises ConfigurationError: when there is neither.
    """
    from artificer_provider.client.errors import ConfigurationError

    found = operator.project_or(project_id)
    if found is None:
        raise ConfigurationError(
            f"project_id is missing, and connection {operator.artificer_conn_id!r} names none: give one."
        )
    return found
