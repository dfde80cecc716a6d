"""A failure, put through a chain of a real engine, and posted to a real webhook."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import DAG, TaskInstanceState
from airflow.sdk.log import mask_secret
from jinja2 import StrictUndefined
from support.certificates import certificate
from support.scripted_server import Reply, ScriptedServer
from support.shared import API_KEY, APOLOGETIC, DEPLOYED, HONEST

from artificer_provider.client.errors import ArtificerError
from artificer_provider.notifications.artificer import ArtificerNotifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow.providers.common.compat.sdk import Context
    from support.model_server import ModelServer
    from support.shared import EngineWith

PHASES = [{"name": "first"}, {"name": "second"}]
PATH = "/services/T0/the-secret-path"
NIGHTLY = DAG("nightly", schedule=None, template_undefined=StrictUndefined)


def failed(reason: str = "the disk is full", **more: object) -> Context:
    ti = SimpleNamespace(
        dag_id="nightly", task_id="load", run_id="manual__1", try_number=2, map_index=-1,
        state=TaskInstanceState.FAILED, log_url="http://airflow/dags/nightly/runs/manual__1/tasks/load?try_number=2",
    )  # fmt: skip
    return cast("Context", {"dag": NIGHTLY, "ti": ti, "exception": ValueError(reason), **more})


@pytest.fixture(autouse=True)
def engine(engine_with: EngineWith, models: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "artificer", "host": engine_with(HONEST).url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    server.otherwise = lambda _: Reply(200, "ok")
    connect(monkeypatch, host=server.url + PATH)
    yield server
    server.close()


def connect(monkeypatch: pytest.MonkeyPatch, **fields: object) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ON_CALL", json.dumps({"conn_type": "http", **fields}))


def notifier(**changes: Any) -> ArtificerNotifier:
    return ArtificerNotifier(**{"phases": PHASES, "webhook_conn_id": "on_call", **changes})


def texts(server: ScriptedServer) -> list[str]:
    said: list[Any] = [asked.json for asked in server.asked]
    return [one["text"] for one in said]


def tell(told: ArtificerNotifier, context: Context) -> None:
    told(context)


async def told_in_a_loop(told: ArtificerNotifier, context: Context) -> None:
    told.context = context
    await told


def tell_in_a_loop(told: ArtificerNotifier, context: Context) -> None:
    asyncio.run(told_in_a_loop(told, context))


both = pytest.mark.parametrize("how", [tell, tell_in_a_loop], ids=["notify", "async_notify"])


@both
def test_a_failure_is_put_through_the_phases_and_posted_with_the_message_behind_the_answer(
    how: Callable[..., None], hook: ScriptedServer, models: ModelServer
) -> None:
    how(notifier(), failed())
    message = (
        "Task load of nightly, run manual__1, try 2, is failed.\n"
        "Log: http://airflow/dags/nightly/runs/manual__1/tasks/load?try_number=2\n"
        "the disk is full"
    )
    assert texts(hook) == [f">>{message}\n\n{message}"]
    assert models.texts() == [message, f">{message}"]
    [asked] = hook.asked
    assert (asked.method, asked.path, asked.headers["content-type"]) == ("POST", PATH, "application/json")


def test_without_a_webhook_the_answer_is_a_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    notifier(webhook_conn_id=None)(failed())
    assert ">>Task load of nightly" in capsys.readouterr().out


def test_a_message_of_ones_own_is_a_template(hook: ScriptedServer) -> None:
    notifier(message="{{ ti.task_id }}: {{ exception }}", phases=PHASES[:1])(failed())
    assert texts(hook) == [">load: the disk is full\n\nload: the disk is full"]


def test_what_an_exception_says_is_no_template_neither_for_this_failure_nor_for_the_next(
    hook: ScriptedServer,
) -> None:
    told = notifier(message="{{ ti.task_id }}: {{ exception }}", phases=PHASES[:1])
    told(failed("{{ 6 * 7 }}"))
    told(failed("{{ dag.dag_id }}"))
    assert [text.rpartition("\n")[2] for text in texts(hook)] == [
        "load: {{ 6 * 7 }}",
        "load: {{ dag.dag_id }}",
    ]


def test_an_answer_that_looks_like_a_template_is_posted_as_it_is(
    hook: ScriptedServer, models: ModelServer
) -> None:
    models.replies["hi"] = ["{{ 6 * 7 }}"]
    notifier(message="hi", phases=PHASES[:1])(failed())
    assert texts(hook) == ["{{ 6 * 7 }}\n\nhi"]


@both
def test_secrets_that_airflow_knows_reach_neither_the_engine_nor_the_webhook_nor_the_log(
    how: Callable[..., None],
    hook: ScriptedServer,
    models: ModelServer,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    mask_secret("hunter2-of-the-task")
    with caplog.at_level(logging.INFO, logger="httpx"):
        logging.getLogger("httpx").info("heard")
        how(notifier(), failed(f"hunter2-of-the-task and {API_KEY} were refused"))
    assert [text for text in texts(hook) if "*** and *** were refused" in text]
    said = "".join([*texts(hook), *models.texts(), capsys.readouterr().out, caplog.text])
    assert "hunter2-of-the-task" not in said
    assert API_KEY not in said
    assert PATH not in said  # of the address, which httpx logs with each call
    assert "webhook 'on_call' (http://127.0.0.1" in said
    assert "heard" in caplog.text


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            {"dag": NIGHTLY, "run_id": "manual__1", "reason": "task_failure"},
            "The DAG run manual__1 of nightly ended: task_failure.",
        ),
        (
            {"dag_run": {"dag_id": "nightly", "dag_run_id": "manual__1", "state": "running"},
             "deadline": {"id": "d", "deadline_time": "2026-11-23 15:00"}},
            "The DAG run manual__1 of nightly is running and missed its deadline, 2026-11-23 15:00.",
        ),
        ({}, "Airflow told this notifier of nothing."),
    ],
    ids=["run", "deadline", "nothing"],
)  # fmt: skip
def test_the_message_says_what_airflow_told(
    context: dict[str, Any], message: str, hook: ScriptedServer
) -> None:
    notifier(phases=PHASES[:1])(cast("Context", context))
    assert texts(hook) == [f">{message}\n\n{message}"]


def test_a_mapped_task_is_told_with_its_index(hook: ScriptedServer) -> None:
    context = failed()
    cast("Any", context["ti"]).map_index = 0
    notifier(phases=PHASES[:1])(context)
    assert texts(hook)[0].startswith(">Task load[0] of nightly")


@both
def test_where_the_engine_gives_no_answer_the_message_is_posted_as_it_is(
    how: Callable[..., None], hook: ScriptedServer, models: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    models.failures["hi"] = [400]
    how(notifier(message="hi"), failed())
    assert texts(hook) == ["hi"]
    assert "The engine said nothing of it. " in capsys.readouterr().out
    assert models.texts() == ["hi"]  # once, whatever came of it


def test_an_engine_that_is_away_or_slow_holds_nothing_up(
    hook: ScriptedServer,
    models: ModelServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models.open.clear()
    notifier(message="hi", timeout=0.5)(failed())
    models.open.set()
    monkeypatch.setenv(
        "AIRFLOW_CONN_ARTIFICER_DEFAULT", '{"conn_type": "artificer", "host": "http://127.0.0.1:9"}'
    )
    notifier(message="ho", timeout=5)(failed())
    assert texts(hook) == ["hi", "ho"]
    assert "No answer came within 0.5 s." in capsys.readouterr().out


def test_an_apology_is_no_answer(
    hook: ScriptedServer, engine_with: EngineWith, monkeypatch: pytest.MonkeyPatch, models: ModelServer
) -> None:
    fields = {
        "conn_type": "artificer",
        "host": engine_with(f"{DEPLOYED},{APOLOGETIC}").url,
        "password": API_KEY,
    }
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    models.failures["hi"] = [500] * 9
    notifier(message="hi")(failed())
    assert texts(hook) == ["hi"]


def test_a_deployed_engine_is_asked_as_it_speaks(
    hook: ScriptedServer, engine_with: EngineWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "artificer", "host": engine_with(DEPLOYED).url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    notifier(message="hi")(failed())
    notifier(message="ho", phases=[{"name": "p", "task_type": "summarize"}])(failed())
    assert texts(hook) == [">>hi\n\nhi", "ho"]


def test_both_what_is_sent_and_what_is_posted_are_bounded(hook: ScriptedServer, models: ModelServer) -> None:
    notifier(message="x" * 9_000, phases=PHASES[:1], max_length=100)(failed())
    [sent], [text] = models.texts(), texts(hook)
    assert len(sent) == 8_000
    assert text == f">{'x' * 98}…"


def test_room_behind_the_answer_is_filled_with_the_message(hook: ScriptedServer, models: ModelServer) -> None:
    models.replies["y" * 500] = ["short"]
    notifier(message="y" * 500, phases=PHASES[:1], max_length=100)(failed())
    assert texts(hook) == [f"short\n\n{'y' * 92}…"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_refuses_is_a_sentence_in_the_log_and_raises_nothing_in_a_worker(
    status: int, hook: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    hook.otherwise = lambda _: Reply(status, "no", headers={"Location": "/elsewhere"})
    notifier(message="hi")(failed())
    told = capsys.readouterr().out
    assert f"did not take the text: HTTP {status}" in told
    assert "The message was: hi" in told
    assert PATH not in told
    assert len(hook.asked) == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"host": "http://127.0.0.1:9/secret"}, "gave no reply (ConnectError)"),
        ({"host": ""}, "the base URL is missing"),
        ({"host": "ftp://there/secret"}, "is no address of a webhook"),
        ({"host": "http://h", "extra": "[]"}, "the extra is no JSON object of headers"),
        (
            {"host": "https://h/secret", "extra": {"verify": False}},
            "certificates of webhooks are always verified",
        ),
        ({"host": "https://h/secret", "extra": {"verify": "/no/such.pem"}}, "'/no/such.pem' cannot be read"),
    ],
)
def test_a_wrong_connection_is_named_with_what_is_wrong(
    fields: dict[str, object],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connect(monkeypatch, **fields)
    notifier(message="hi")(failed())
    told = capsys.readouterr().out
    assert sentence in told
    assert "on_call" in told
    assert "/secret" not in told


async def test_what_goes_wrong_in_a_triggerer_is_raised_for_airflow_to_show(hook: ScriptedServer) -> None:
    hook.otherwise = lambda _: Reply(500)
    with pytest.raises(ArtificerError, match="did not take the text: HTTP 500"):
        await told_in_a_loop(notifier(message="hi"), failed())


def test_credentials_of_the_connection_go_with_the_post(
    hook: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, host=hook.url, password="sesame", extra={"X-Team": "data", "timeout": 5})
    notifier(message="hi")(failed())
    connect(monkeypatch, host=hook.url, login="me", password="sesame")
    notifier(message="hi")(failed())
    bearer, basic = (asked.headers for asked in hook.asked)
    assert (bearer["authorization"], bearer["x-team"]) == ("Bearer sesame", "data")
    assert basic["authorization"] == "Basic bWU6c2VzYW1l"
    assert "timeout" not in bearer


def test_a_webhook_with_a_certificate_of_ones_own_is_trusted_only_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = certificate(tmp_path)
    server = ScriptedServer(tls=own.context)
    server.otherwise = lambda _: Reply(200, "ok")
    try:
        connect(monkeypatch, host=server.url)
        notifier(message="hi")(failed())
        assert server.asked == []
        assert "gave no reply (ConnectError)" in capsys.readouterr().out
        connect(monkeypatch, host=server.url, extra={"verify": str(own.path)})
        notifier(message="hi")(failed())
        assert texts(server) == [">>hi\n\nhi"]
    finally:
        server.close()


async def test_the_loop_goes_on_while_the_engine_and_the_webhook_take_their_time(
    hook: ScriptedServer, models: ModelServer
) -> None:
    models.delay = 0.4
    hook.otherwise = lambda _: Reply(200, "ok", delay=0.4)
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)

    beating = asyncio.create_task(beat())
    await told_in_a_loop(notifier(message="hi"), failed())
    beating.cancel()
    assert texts(hook) == [">>hi\n\nhi"]
    assert longest < 0.35
