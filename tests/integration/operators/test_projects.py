"""Projects, their documents and the conversations of an engine, out of a DAG, on each wire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath
from airflow.sdk import DAG
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.shared import API_KEY, HONEST

from artificer_provider.client import Artificer
from artificer_provider.client.errors import ConfigurationError, NotFoundError, ServerError
from artificer_provider.client.models.export import Exported
from artificer_provider.operators._files import files_of
from artificer_provider.operators.export import ArtificerExportConversationsOperator, written
from artificer_provider.operators.projects import (
    ArtificerCreateProjectOperator,
    ArtificerDeleteProjectOperator,
    ArtificerSearchOperator,
    ArtificerUploadDocumentsOperator,
    temporary_project,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import JsonValue
    from support.shared import EngineWith


@pytest.fixture(params=["rest", "trpc"])
def client(
    request: pytest.FixtureRequest, engine_with: EngineWith, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Artificer]:
    engine = engine_with(HONEST)
    extra = {"dialect": request.param}
    fields = {"conn_type": "artificer", "host": engine.url, "password": API_KEY, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    with Artificer(API_KEY, engine.url, dialect=request.param) as client:
        yield client


@pytest.fixture
def task(request: pytest.FixtureRequest) -> TaskInstanceDouble:
    return TaskInstanceDouble(run_id=request.node.name)


def act(task: TaskInstanceDouble, kind: type[Any], **arguments: Any) -> Any:
    return kind(task_id="t", **arguments).execute(context(StoreDouble(), task))


def test_a_project_is_made_once_however_often_the_task_is_tried_and_removed_once(
    client: Artificer, task: TaskInstanceDouble
) -> None:
    first = act(task, ArtificerCreateProjectOperator, project_name="x" * 200)
    assert act(task, ArtificerCreateProjectOperator, project_name="x" * 200) == first
    assert client.projects.get(first).name.startswith("xxx")
    for _ in range(2):
        act(task, ArtificerDeleteProjectOperator, project_id=first)
    with pytest.raises((NotFoundError, ServerError)):
        client.projects.get(first)


def test_the_files_of_a_pattern_are_uploaded_once_and_their_project_searched(
    client: Artificer, task: TaskInstanceDouble, tmp_path: Path
) -> None:
    (tmp_path / "cats.md").write_text("Cats sleep most of the day. " * 10)
    (tmp_path / "short.txt").write_text("Dogs bark.")
    (tmp_path / ".hidden.md").write_text("no")
    project = act(task, ArtificerCreateProjectOperator, project_name="p")
    arguments = {"project_id": project, "files": f"{tmp_path}/*.*"}
    told = act(task, ArtificerUploadDocumentsOperator, **arguments)
    assert act(task, ArtificerUploadDocumentsOperator, **arguments) == told
    names = sorted(document.filename for document in client.projects.iter_documents(project))
    assert (told["count"], names) == (2, ["cats.md", "short.txt"])


def test_a_pattern_that_matches_nothing_is_a_failure_unless_it_may(
    client: Artificer, task: TaskInstanceDouble, tmp_path: Path
) -> None:
    project = act(task, ArtificerCreateProjectOperator, project_name="p")
    arguments = {"project_id": project, "files": f"{tmp_path}/*.md"}
    with pytest.raises(AirflowFailException, match="matches no file"):
        act(task, ArtificerUploadDocumentsOperator, **arguments)
    assert act(task, ArtificerUploadDocumentsOperator, **arguments, allow_empty=True)["count"] == 0
    with pytest.raises(AirflowFailException, match="nosuch"):
        act(task, ArtificerUploadDocumentsOperator, project_id=project, files=f"{tmp_path}/nosuch.md")


def test_what_a_search_is_asked_is_checked_when_the_dag_is_parsed() -> None:
    for wrong in ({"limit": 51}, {"min_score": 1.5}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            ArtificerSearchOperator(task_id="t", project_id="p", query="?", **wrong)


@pytest.mark.parametrize(
    ("form", "name"),
    [("markdown", "conversations.md"), ("json", "conversations.json"), ("html", "conversations.html")],
)
def test_a_conversation_is_written_as_a_file(
    client: Artificer, task: TaskInstanceDouble, tmp_path: Path, form: str, name: str
) -> None:
    conversation = client.conversations.create(title="Talk of cats")
    told = act(
        task,
        ArtificerExportConversationsOperator,
        output=str(tmp_path / "out"),
        format=form,
        conversation_id=conversation.id,
    )
    assert (told["files"], told["file_count"]) == ([name], 1)
    assert "Talk of cats" in (tmp_path / "out" / name).read_text()


def test_all_conversations_are_written_as_one_file(
    client: Artificer, task: TaskInstanceDouble, tmp_path: Path
) -> None:
    client.conversations.create(title="One of several")
    act(task, ArtificerExportConversationsOperator, output=str(tmp_path / "out"), format="json")
    assert "One of several" in (tmp_path / "out" / "conversations.json").read_text()


def test_a_format_of_several_files_stays_in_its_folder(tmp_path: Path) -> None:
    texts: dict[str, JsonValue] = {"a/Talk.md": "one", "b/Talk.md": "two", "../../etc/passwd": "three"}
    exported = Exported(format="obsidian", data={"files": texts})
    assert written(ObjectStoragePath(str(tmp_path)), exported) == ["a-Talk.md", "b-Talk.md", "etc-passwd"]
    assert (tmp_path / "b-Talk.md").read_text() == "two"


def test_a_format_of_pages_is_written_as_json(tmp_path: Path) -> None:
    exported = Exported(format="notion", data={"data": [{"page": 1}]})
    assert written(ObjectStoragePath(str(tmp_path)), exported) == ["conversations.json"]
    assert json.loads((tmp_path / "conversations.json").read_text()) == {"data": [{"page": 1}]}


def test_a_temporary_project_is_removed_after_what_stands_inside() -> None:
    with DAG("d", schedule=None) as dag, temporary_project() as project:
        inside = ArtificerSearchOperator(task_id="inside", project_id="{{ 1 }}", query="?")
        project >> inside
    removal = dag.get_task("remove_project")
    assert (project.is_setup, removal.is_teardown) == (True, True)
    assert removal.upstream_task_ids == {"project", "inside"}


def test_files_are_found_by_name_folder_list_and_pattern(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.pdf", "b.txt", "sub/c.pdf", ".d.pdf"):
        (tmp_path / name).write_text("x")

    def names(what: str | list[str]) -> list[str]:
        return [file.name for file in files_of(what)]

    assert names(str(tmp_path)) == ["a.pdf", "b.txt"]
    assert names(f"{tmp_path}/*.pdf") == ["a.pdf"]
    assert names(f"{tmp_path}/**/*.pdf") == ["a.pdf", "c.pdf"]
    assert names([f"{tmp_path}/b.txt", f"{tmp_path}/sub"]) == ["b.txt", "c.pdf"]
    assert names(f"{tmp_path}/*.doc") == []
    with pytest.raises(ConfigurationError, match=r"no\.pdf cannot be read"):
        names(f"{tmp_path}/no.pdf")
