"""Files whose names are meant for something else than a name, uploaded by a task and found again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.engine import running_engine

from artificer_provider.client import Artificer
from artificer_provider.operators.projects import (
    ArtificerCreateProjectOperator,
    ArtificerSearchOperator,
    ArtificerUploadDocumentsOperator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine

TEXT = "The ferry leaves at noon, and the harbour is quiet until it is back. " * 5
#: What a path, a template, a shell, a header, a page or a terminal could take for its own signs.
KEPT = (
    "{{ 7 * 191 }} {% raw %}.md",
    "$(touch evil) `id` ; rm -rf ~.md",
    "%2e%2e%2fevil.md",
    "<img src=x onerror=alert(1)>.md",
    '"; DROP TABLE documents; --.md',
    "=HYPERLINK(1).md",
    "\u202egpj.exe.md",
    "\uff0e\uff0e\uff0fevil.md",
    "-rf.md",
    " .md",
    "%s%n{0}{input}.md",
    "CON.md",
    "a" * 252 + ".md",
)
#: What an engine could take for its own signs: it is refused here, before anything is sent.
REFUSED = (
    "evil..md",
    "a..b.md",
    "x\\..\\..\\evil.md",
    # What would end a line of a log, or of a header.
    "a\r\nX-Evil: 1\r\n\r\n.md",
    "a\nERROR forged.md",
    "\x1b[2J.md",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(tmp_path_factory.mktemp("uploads") / "data") as engine:
        yield engine


class Task:
    """A task of an own project on one wire."""

    def __init__(self, engine: Engine, dialect: str, name: str) -> None:
        self.engine, self._dialect = engine, dialect
        self._ti = TaskInstanceDouble(run_id=f"{dialect} {name}")
        self.project: str = self.act(ArtificerCreateProjectOperator, project_name="p")

    def act(self, kind: type[Any], **arguments: Any) -> Any:
        return kind(task_id="t", **arguments).execute(context(StoreDouble(), self._ti))

    def upload(self, folder: Path) -> Any:
        return self.act(
            ArtificerUploadDocumentsOperator,
            project_id=self.project,
            files=str(folder),
            wait_for_index=timedelta(seconds=60),
        )

    def names(self) -> list[str]:
        with Artificer(base_url=self.engine.url, dialect=self._dialect) as client:
            return [document.filename for document in client.projects.iter_documents(self.project)]

    def files(self) -> set[str]:
        """Name what lies on the engine's disk."""
        return {path.name for path in self.engine.data.parent.rglob("*")}


@pytest.fixture(params=["rest", "trpc"])
def task(request: pytest.FixtureRequest, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Task:
    fields = {"conn_type": "artificer", "host": engine.url, "extra": {"dialect": request.param}}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    return Task(engine, request.param, request.node.name)


def test_names_are_uploaded_and_found_as_they_are(task: Task, tmp_path: Path) -> None:
    before = task.files()
    for name in KEPT:
        (tmp_path / name).write_text(TEXT)
    for _ in range(2):
        assert task.upload(tmp_path)["count"] == len(KEPT)
        assert sorted(task.names()) == sorted(KEPT), "a retry sends some again"
    asked = {"project_id": task.project, "query": "When does the ferry leave?", "limit": 50}
    found = task.act(ArtificerSearchOperator, **asked)
    assert {piece["filename"] for piece in found} == {*KEPT}
    assert task.files() == before
    assert {path.name for path in tmp_path.iterdir()} == {*KEPT}


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_an_engine_would_change_is_refused_and_nothing_is_sent(
    task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    (tmp_path / name).write_text(TEXT)
    with pytest.raises(AirflowFailException, match=r"nothing was sent\. filename: has") as refused:
        task.upload(tmp_path)
    assert task.names() == []
    for text in (str(refused.value), *(record.getMessage() for record in caplog.records)):
        assert not set(text) & set("\r\n\x1b"), text
