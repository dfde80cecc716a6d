"""What a connection says counts where an operator says nothing: whose jobs they are, and in which project."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from support.airflow import StoreDouble, TaskInstanceDouble, context

from artificer_provider.client import Artificer
from artificer_provider.operators.batch import ArtificerCreateBatchOperator
from artificer_provider.operators.chat import ArtificerChatOperator
from artificer_provider.operators.projects import ArtificerSearchOperator, ArtificerUploadDocumentsOperator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine

ITEMS, PHASES = ["one"], [{"name": "first", "task_type": "summarize"}]


@pytest.fixture
def client(engine: Engine) -> Iterator[Artificer]:
    with Artificer(base_url=engine.url, dialect="rest") as client:
        yield client


@pytest.fixture
def connect(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    def connect(**extra: object) -> None:
        fields = {"conn_type": "artificer", "host": engine.url, "extra": {"dialect": "rest", **extra}}
        monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))

    return connect


def create(task: TaskInstanceDouble) -> str:
    batch = ArtificerCreateBatchOperator(task_id="t", items=ITEMS, phases=PHASES, job_name="n")
    return batch.execute(context(StoreDouble(), task))


def test_the_namespace_of_a_connection_tells_the_same_task_of_two_airflows_apart(
    connect: Any, request: pytest.FixtureRequest
) -> None:
    task = TaskInstanceDouble(run_id=request.node.name)
    ours = []
    for namespace in (None, "airflow", "staging", "staging"):
        connect(namespace=namespace)
        ours.append(create(task))
    # Unless the connection says more it is the section's, which is `airflow`.
    assert ours[0] == ours[1]
    assert ours[2] == ours[3] != ours[0]


def test_jobs_chats_uploads_and_searches_belong_to_the_project_of_the_connection(
    connect: Any, client: Artificer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    task = TaskInstanceDouble(run_id=request.node.name)
    project, other = client.projects.create("P").id, client.projects.create("Q").id
    connect(project=project)
    assert [job.id for job in client.batch.list(project_id=project)] == []
    job_id = create(task)
    assert [job.id for job in client.batch.list(project_id=project)] == [job_id]

    (tmp_path / "cats.md").write_text("Cats eat fish.")
    files, soon = str(tmp_path / "*.md"), timedelta(seconds=60)
    upload = ArtificerUploadDocumentsOperator(task_id="t", files=files, wait_for_index=soon)
    assert upload.execute(context(StoreDouble(), task))["project_id"] == project
    named = ArtificerUploadDocumentsOperator(task_id="t", files=files, project_id=other)
    assert named.execute(context(StoreDouble(), task))["project_id"] == other
    search = ArtificerSearchOperator(task_id="t", query="cats")
    assert [found["filename"] for found in search.execute(context(StoreDouble(), task))] == ["cats.md"]

    chat = ArtificerChatOperator(task_id="t", message="What do cats eat?")
    told = chat.execute(context(StoreDouble(), task))
    talks = client.conversations.list(project_id=project)
    assert [talk.id for talk in talks] == [told["conversation_id"]]


def test_without_a_project_anywhere_a_search_fails_and_says_where_one_can_be_named(connect: Any) -> None:
    connect()
    search = ArtificerSearchOperator(task_id="t", query="cats")
    with pytest.raises(
        AirflowFailException, match="project_id is missing, and connection 'artificer_default'"
    ):
        search.execute(context(StoreDouble()))
