"""`@task.llm_batch` of the real common-ai provider, on an engine."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk.serde import deserialize, serialize
from support.airflow import Died, TaskInstanceDouble
from support.entry_points import install_entry_points
from support.shared import API_KEY, DEPLOYED, HONEST

from artificer_provider.client import Artificer
from artificer_provider.client.errors import NotFoundError
from artificer_provider.client.states import JobStatus

pytest.importorskip(
    "airflow.providers.common.ai.batch", reason="apache-airflow-providers-common-ai is missing"
)

from airflow.providers.common.ai.batch import dispatch
from airflow.providers.common.ai.batch.output_schema import build_output_spec
from airflow.providers.common.ai.exceptions import (
    LLMBatchCancelledError,
    LLMBatchInputError,
    LLMBatchLimitExceededError,
    LLMBatchModelMismatchError,
    LLMBatchPartialFailureError,
)
from airflow.providers.common.ai.operators import llm_batch
from airflow.providers.common.ai.triggers.llm_batch import LLMBatchTrigger
from pydantic import BaseModel

from artificer_provider.common_ai import ArtificerBatchAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.model_server import ModelServer
    from support.shared import EngineWith

    from artificer_provider.client._core import Request

TEXT = build_output_spec(str)
Task: TypeAlias = "Callable[..., dict[str, Any]]"
KEY = "0123456789abcdef"


class City(BaseModel):
    name: str
    people: int


@pytest.fixture(autouse=True)
def discovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    install_entry_points(tmp_path / "site", monkeypatch)
    pause = time.sleep
    monkeypatch.setattr(
        f"{llm_batch.__name__}.time.sleep", lambda _: pause(0.05)
    )  # it polls every half minute at most


@pytest.fixture
def client(
    engine_with: EngineWith, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Artificer]:
    url = engine_with(HONEST).url
    connect(monkeypatch, url)
    with Artificer(API_KEY, url) as made:
        yield made


@pytest.fixture
def adapter(client: Artificer, engine_with: EngineWith) -> Iterator[ArtificerBatchAdapter]:
    made = ArtificerBatchAdapter(api_key=API_KEY, base_url=engine_with(HONEST).url)
    yield made
    made.close()


def connect(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    fields = {"conn_type": "artificer", "host": url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ENGINE", json.dumps(fields))


def operator(folder: Path, requests: Any, **changes: Any) -> llm_batch.LLMBatchOperator:
    given = {
        "model_id": "artificer:small",
        "llm_conn_id": "engine",
        "do_xcom_push": False,
        "deferrable": False,
    }
    return llm_batch.LLMBatchOperator(
        task_id="t", requests=requests, result_path=f"file://{folder}/results", **{**given, **changes}
    )


def run(folder: Path, name: str, requests: Any, **changes: Any) -> dict[str, Any]:
    ti = TaskInstanceDouble(run_id=name)
    context: Any = {"ti": ti, "task_instance": ti}
    manifest: dict[str, Any] = operator(folder, requests, **changes).execute(context)
    return manifest


@pytest.fixture
def task(tmp_path: Path, request: pytest.FixtureRequest) -> Task:
    """Run a task of this test: a second time it is a retry of it."""
    return partial(run, tmp_path, request.node.name)


@contextmanager
def dying_at_the_start(*, sent: bool) -> Iterator[None]:
    """Have the process of the try killed when it starts its job, before or after that was sent."""
    send = Artificer.send

    def die(self: Artificer, asked: Request[Any]) -> object:
        if not asked.rest.path.endswith("/start"):
            return send(self, asked)
        if sent:
            send(self, asked)
        raise Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Artificer, "send", die)
        with pytest.raises(Died):
            yield


def rows(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    from upath import UPath

    lines = UPath(manifest["result_uri"]).read_text().splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda row: int(row["index"]))


def jobs(client: Artificer, before: set[str] | None = None) -> set[str]:
    return {job.id for job in client.batch.iter_jobs()} - (before or set())


def submit(adapter: ArtificerBatchAdapter, texts: list[str], fingerprint: str, **more: Any) -> str:
    requests: Any = [{"prompt": text} for text in texts]
    given = {"model": "small", "output_spec": TEXT, "idempotency_key": KEY, "max_tokens": 9}
    return adapter.submit(requests, input_fingerprint=fingerprint, **{**given, **more}).batch_id


def test_requests_are_answered_by_one_job_and_landed_with_what_they_took(
    client: Artificer, models: ModelServer, task: Task
) -> None:
    before = jobs(client)
    manifest = task(
        ["one", {"prompt": "two"}],
        system_prompt="Be brief.",
        max_tokens=77,
        request_params={"temperature": 0.5},
    )
    assert manifest["counts"]["succeeded"] == 2
    assert manifest["terminal_reason"] == "succeeded"
    assert {manifest["batch_id"]} == jobs(client, before)
    assert [(row["output"], row["model"], row["status"]) for row in rows(manifest)] == [
        (">one", "test-model-2026", "success"),
        (">two", "test-model-2026", "success"),
    ]
    assert rows(manifest)[0]["usage"] == {"total_tokens": 10, "cost_microdollars": 13}
    assert rows(manifest)[1]["custom_id"] == f"{manifest['custom_id_prefix']}-1"
    for call in models.calls:
        assert call["model"] == "small"
        assert call["temperature"] == 0.5
        assert call["max_completion_tokens" if "max_completion_tokens" in call else "max_tokens"] == 77
        assert call["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_structured_answer_is_asked_for_in_words_and_checked(
    client: Artificer, models: ModelServer, task: Task
) -> None:
    good = '{"name": "Graz", "people": 300000}'
    models.replies.update({"one": [good], "two": [f"```json\n{good}\n```"], "three": ["it is Graz"]})
    manifest = task(["one", "two", "three"], output_type=City)
    first, second, third = rows(manifest)
    assert first["output"] == second["output"] == {"name": "Graz", "people": 300_000}
    assert (third["status"], third["raw_output"]) == ("invalid_output", "it is Graz")
    told = models.calls[0]["messages"][0]["content"]
    assert told.startswith("Answer with JSON alone")
    assert '"people"' in told


def test_what_fails_is_a_row_with_its_reason_and_is_counted(
    client: Artificer, models: ModelServer, task: Task
) -> None:
    models.failures["two"] = [400]
    manifest = task(["one", "two"])
    assert (manifest["counts"]["succeeded"], manifest["counts"]["errored"]) == (1, 1)
    failed = rows(manifest)[1]
    assert (failed["status"], failed["error"]["type"], failed["error"]["stage"]) == (
        "error",
        "failed",
        "provider",
    )
    assert "told to fail with 400" in failed["error"]["message"]
    with pytest.raises(LLMBatchPartialFailureError):
        task(["one", "two"], fail_on_partial_error=True)
    assert Counter(models.texts()) == {"one": 1, "two": 1}  # the retry landed the same job again


def test_a_try_that_died_between_the_start_and_the_record_of_it_is_followed_by_one_that_pays_nothing(
    client: Artificer, models: ModelServer, task: Task
) -> None:
    before = jobs(client)
    with dying_at_the_start(sent=True):
        task(["one", "two"])
    manifest = task(["one", "two"], on_orphaned_intent="fail")
    assert manifest["counts"]["succeeded"] == 2
    assert {manifest["batch_id"]} == jobs(client, before)
    assert Counter(models.texts()) == {"one": 1, "two": 1}


def test_a_job_that_was_never_started_is_deleted_so_that_nobody_can_start_it_any_more(
    adapter: ArtificerBatchAdapter, client: Artificer, models: ModelServer
) -> None:
    before = jobs(client)
    with dying_at_the_start(sent=False):
        submit(adapter, ["unstarted"], "f-unstarted")
    [left] = jobs(client, before)
    assert adapter.find_orphaned_batch(KEY, "f-unstarted", "2026-01-01T00:00:00+00:00") is None
    with pytest.raises(NotFoundError):
        client.batch.start(left)
    again = submit(adapter, ["unstarted"], "f-unstarted")
    assert client.batch.wait(again, timeout=30).completed_items == 1
    assert models.texts() == ["unstarted"]


def test_the_same_requests_submitted_again_are_the_same_job_until_it_was_cancelled(
    adapter: ArtificerBatchAdapter, client: Artificer, models: ModelServer
) -> None:
    models.open.clear()
    first = submit(adapter, ["again"], "f-again")
    assert submit(adapter, ["again"], "f-again") == first
    assert submit(adapter, ["again"], "f-other") != first
    adapter.cancel_batch(first)
    models.open.set()
    client.batch.wait(first, timeout=30)
    assert adapter.get_batch(first).status == "cancelled"
    adapter.cancel_batch(first)  # which changes nothing
    assert adapter.find_orphaned_batch(KEY, "f-again", "2026-01-01T00:00:00+00:00") is None
    third = submit(adapter, ["again"], "f-again")
    assert third != first
    assert client.batch.wait(third, timeout=30).completed_items == 1
    assert submit(adapter, ["again"], "f-again") == third  # and pays nothing
    assert adapter.find_orphaned_batch(KEY, "f-again", "2026-01-01T00:00:00+00:00") == third
    assert adapter.find_orphaned_batch(KEY, "f-again", "2999-01-01T00:00:00+00:00") is None


def test_another_airflow_on_the_same_engine_has_jobs_of_its_own(
    adapter: ArtificerBatchAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = submit(adapter, ["whose"], "f-whose")
    monkeypatch.setenv("AIRFLOW__ARTIFICER__NAMESPACE", "another")
    assert submit(adapter, ["whose"], "f-whose") != first


def test_a_job_that_somebody_cancelled_lands_what_is_done_and_fails_the_task(
    client: Artificer, models: ModelServer, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.open.clear()
    looked = ArtificerBatchAdapter.get_batch

    def cancel_first(self: ArtificerBatchAdapter, batch_id: str) -> Any:
        if not models.open.is_set():
            client.batch.cancel(batch_id)
            models.open.set()
        return looked(self, batch_id)

    monkeypatch.setattr(ArtificerBatchAdapter, "get_batch", cancel_first)
    with pytest.raises(LLMBatchCancelledError):
        task([f"item {number}" for number in range(20)])
    manifest = task([f"item {number}" for number in range(20)])
    assert manifest["counts"]["succeeded"] == 20


def test_results_are_a_stream_and_an_unknown_job_is_told_at_once(adapter: ArtificerBatchAdapter) -> None:
    for ask in (adapter.get_batch, adapter.iter_results, adapter.cancel_batch):
        with pytest.raises(NotFoundError) as missing:
            ask("no-such-job")
        assert missing.value.status_code == 404  # which that provider takes for "not found"


@pytest.mark.parametrize(
    ("requests", "changes", "error", "sentence"),
    [
        (
            ["a", {"prompt": "b", "model": "artificer:large"}],
            {},
            LLMBatchModelMismatchError,
            "another model than",
        ),
        (
            ["a", {"prompt": "b", "system_prompt": "x"}],
            {},
            LLMBatchModelMismatchError,
            "another system_prompt",
        ),
        (
            ["a", {"prompt": "b", "params": {"temperature": 1}}],
            {},
            LLMBatchModelMismatchError,
            "another params",
        ),
        (["a", {"prompt": "b", "model": "openai:x"}], {}, LLMBatchModelMismatchError, "'artificer:<model>'"),
        (["a"], {"request_params": {"top_p": 1}}, LLMBatchInputError, "'top_p', which a phase of an engine"),
        (["a", " "], {}, LLMBatchInputError, "requests[1]: the input is empty"),
        (["x" * 100_001], {}, LLMBatchInputError, "requests[0]: the input has 100,001 characters"),
        (["a"] * 10_001, {}, LLMBatchLimitExceededError, "one job of an engine takes 10,000"),
        (["x" * 99_000] * 400, {}, LLMBatchLimitExceededError, "one job of an engine takes 33,554,432"),
        (["a"], {"model_id": "artificer:no-such"}, LLMBatchInputError, "no-such"),
    ],
)
def test_what_a_job_cannot_carry_is_refused_by_name_before_anything_is_billed(  # noqa: PLR0917 - a table
    requests: Any,
    changes: dict[str, Any],
    error: type[Exception],
    sentence: str,
    task: Task,
    client: Artificer,
) -> None:
    before = jobs(client)
    with pytest.raises(error) as refused:
        task(requests, **changes)
    assert sentence in str(refused.value)
    assert jobs(client, before) == set()


def test_an_engine_that_carries_no_prompts_is_refused_with_their_names(
    engine_with: EngineWith, monkeypatch: pytest.MonkeyPatch, task: Task, models: ModelServer
) -> None:
    connect(monkeypatch, engine_with(DEPLOYED).url)
    with pytest.raises(LLMBatchInputError) as refused:
        task(["a"], system_prompt="Be brief.")
    for field in ("systemPrompt", "maxTokens", "Idempotency-Key"):
        assert field in str(refused.value)
    assert models.texts() == []


def test_a_connection_without_an_address_is_named(monkeypatch: pytest.MonkeyPatch, task: Task) -> None:
    connect(monkeypatch, "")
    with pytest.raises(LLMBatchInputError, match="the base URL is missing"):
        task(["a"])


def test_the_default_model_is_the_engines_choice(client: Artificer, models: ModelServer, task: Task) -> None:
    manifest = task(["one"], model_id="artificer:default")
    assert manifest["counts"]["succeeded"] == 1
    assert models.calls[0]["model"] == "small"


def test_it_is_found_by_the_entry_point_and_takes_only_connections_to_engines() -> None:
    assert dispatch.get_adapter_class("artificer", "artificer:small") is ArtificerBatchAdapter
    with pytest.raises(LLMBatchInputError):
        dispatch.get_adapter_class("pydanticai", "artificer:small")


def deferred(folder: Path, name: str, requests: Any) -> tuple[llm_batch.LLMBatchOperator, Any, Any]:
    """Submit, and give what waits in the triggerer, as it comes out of the database there."""
    ti = TaskInstanceDouble(run_id=name)
    context: Any = {"ti": ti, "task_instance": ti}
    task = operator(folder, requests, deferrable=True)
    with pytest.raises(TaskDeferred) as waits:
        task.execute(context)
    _, kwargs = waits.value.trigger.serialize()
    kept: Any = deserialize(serialize(kwargs))
    return task, LLMBatchTrigger(**kept), context


async def test_a_deferred_batch_is_waited_for_by_that_providers_trigger_and_landed(
    client: Artificer, models: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    models.open.clear()
    task, trigger, context = deferred(tmp_path, request.node.name, ["one", "two"])
    models.open.set()
    client.batch.wait(trigger.batch_id, timeout=30)  # before its first look: the next is half a minute later
    event = await anext(aiter(trigger.run()))
    manifest = task.execute_complete(context, event.payload)
    assert manifest["counts"]["succeeded"] == 2
    assert [row["output"] for row in rows(manifest)] == [">one", ">two"]


async def test_a_deferred_task_that_is_killed_cancels_its_job(
    client: Artificer, models: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    models.open.clear()
    _, trigger, _ = deferred(tmp_path, request.node.name, ["one", "two"])
    await trigger.on_kill()
    models.open.set()
    assert client.batch.wait(trigger.batch_id, timeout=30).status is JobStatus.CANCELLED
