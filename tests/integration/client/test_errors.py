"""What goes wrong, by either client on each wire: the same error, which names the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.waiting import wait_until
from support.wires import finished, open_client

from artificer_provider.client.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotCarriedError,
    NotFoundError,
)
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.wires import Wire

    from artificer_provider.client import Artificer

ITEMS = [{"input": "one"}, {"input": "two"}]
PHASES = [{"name": "p"}]
VERBS = (
    "get",
    "get_status",
    "start",
    "pause",
    "resume",
    "cancel",
    "delete",
    "get_results",
    "get_analytics",
)


def pending(client: Artificer) -> str:
    return client.batch.create("an error", ITEMS, PHASES, options={"auto_start": False}).id


@pytest.mark.parametrize("verb", VERBS)
def test_a_job_that_is_not_there_is_not_found(client: Artificer, verb: str) -> None:
    with pytest.raises(NotFoundError, match="no-such-job") as caught:
        getattr(client.batch, verb)("no-such-job")
    assert (caught.value.status_code, caught.value.job_id) == (404, "no-such-job")
    assert not caught.value.retryable
    assert caught.value.request_id


def test_rows_of_a_job_that_is_not_there_are_not_found(client: Artificer) -> None:
    with pytest.raises(NotFoundError, match="no-such-job"):
        next(iter(client.batch.iter_results("no-such-job")))


def test_a_job_that_was_deleted_is_gone(client: Artificer) -> None:
    job_id = pending(client)
    assert client.batch.delete(job_id) is None
    for verb in ("get", "start", "delete"):
        with pytest.raises(NotFoundError):
            getattr(client.batch, verb)(job_id)


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_move_that_the_state_does_not_allow_is_a_conflict_that_names_it(
    client: Artificer, verb: str
) -> None:
    job_id = pending(client)
    with pytest.raises(ConflictError, match="PENDING") as caught:
        getattr(client.batch, verb)(job_id)
    assert (caught.value.status_code, caught.value.job_id) == (409, job_id)
    assert not caught.value.retryable


def test_a_job_that_ended_is_not_cancelled(client: Artificer, models: ModelServer) -> None:
    job_id = client.batch.start(pending(client)).id
    finished(client, job_id)
    with pytest.raises(ConflictError, match="COMPLETED"):
        client.batch.cancel(job_id)
    assert len(models.calls) == len(ITEMS)


def test_a_running_job_is_not_deleted(client: Artificer, models: ModelServer) -> None:
    models.open.clear()
    job_id = client.batch.start(pending(client)).id
    wait_until(lambda: models.in_flight == 2, "both in flight")
    with pytest.raises(ConflictError, match=r"(?i)running"):
        client.batch.delete(job_id)
    models.open.set()
    assert finished(client, job_id).status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phases": [{"name": "p"}, {"name": "q", "model": "nobody"}]}, "phases[1].model"),
        ({"phases": [{"name": "p", "task_type": "dream"}]}, "phases[0].taskType"),
        ({"phases": [{"name": "p"}, {"name": "p"}]}, "phases[1].name"),
        ({"project_id": "nowhere"}, "projectId"),
    ],
)
def test_what_the_engine_cannot_do_is_refused_by_the_name_of_the_field(
    client: Artificer, wire: Wire, changes: dict[str, Any], field: str
) -> None:
    asked = {"name": "refused", "items": ITEMS, "phases": PHASES, **changes}
    with pytest.raises(InvalidRequestError) as caught:
        client.batch.create(**asked)
    assert f"{field}: " in caught.value.message
    assert caught.value.status_code == (400 if wire.is_trpc else 422)
    assert not caught.value.retryable
    assert client.batch.find("refused") == []


def test_what_is_wrong_with_arguments_is_told_at_once_and_nothing_is_sent(client: Artificer) -> None:
    items: list[dict[str, Any]] = [{"input": ""}, {"input": "x", "metdata": {}}]
    with pytest.raises(ConfigurationError, match="nothing was sent") as caught:
        client.batch.create("wrong", items, [], options={"concurrency": 51})
    assert [where for where, _ in caught.value.problems] == [
        "items[0].input",
        "items[1].metdata",
        "phases",
        "options.concurrency",
    ]
    assert client.batch.find("wrong") == []


def test_a_nul_is_refused_where_it_stands_and_nothing_is_made(client: Artificer, wire: Wire) -> None:
    # Over trpc we refuse it ourselves: a deployed engine would leave an orphan behind.
    kind = NotCarriedError if wire.is_trpc else InvalidRequestError
    with pytest.raises(kind, match=r"items\[1\]\.input"):
        client.batch.create("with a NUL", [{"input": "fine"}, {"input": "a\0b"}], PHASES)
    assert client.batch.find("with a NUL") == []


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({"idempotency_key": "k"}, ("Idempotency-Key",)),
        ({"options": {"max_retries": 1, "in_doubt": "fail"}}, ("options.maxRetries", "options.inDoubt")),
        (
            {"phases": [{"name": "p", "system_prompt": "s", "temperature": 0.5, "max_tokens": 9}]},
            ("phases[0].systemPrompt", "phases[0].temperature", "phases[0].maxTokens"),
        ),
    ],
)
def test_what_a_wire_has_no_field_for_is_refused_by_name_and_carried_by_the_other(
    client: Artificer,
    wire: Wire,
    name: str,
    more: dict[str, Any],
    fields: tuple[str, ...],
) -> None:
    asked = {"name": name, "items": ITEMS, "phases": PHASES, **more}
    asked["options"] = {**asked.get("options", {}), "auto_start": False}
    if "idempotency_key" in more:
        asked["idempotency_key"] = name
    if wire.is_trpc:
        with pytest.raises(NotCarriedError, match="nothing was sent") as caught:
            client.batch.create(**asked)
        assert caught.value.fields == fields
    else:
        client.batch.create(**asked)
    assert len(client.batch.find(name)) == (0 if wire.is_trpc else 1)


@pytest.mark.parametrize("key", [None, "sk_wrong"])
def test_a_key_that_is_not_known_is_an_error_that_does_not_show_it(
    honest: Engine, speaker: tuple[str, Wire], key: str | None
) -> None:
    kind, wire = speaker
    with open_client(kind, honest.url, wire, api_key=key) as stranger:
        for call in (stranger.batch.list, lambda: pending(stranger), lambda: stranger.batch.get("x")):
            with pytest.raises(AuthenticationError) as caught:
                call()
            assert (caught.value.status_code, caught.value.retryable) == (401, False)
            assert "sk_wrong" not in repr(caught.value) + caught.value.message + caught.value.body
