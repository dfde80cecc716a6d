"""Both clients against a real HTTP server that answers what a test tells it to."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Reply

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerTimeoutError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    WaitTimeoutError,
)
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer

JOB = {"id": "j1", "name": "n", "status": "PENDING", "totalItems": 1}


def job(status: str) -> Reply:
    return Reply(body={**JOB, "status": status})


def row(index: int) -> dict[str, object]:
    return {"itemIndex": index, "input": "x", "status": "COMPLETED", "output": str(index)}


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[Artificer]:
    with Artificer("sk_secret", server.url, dialect="rest", retries=0) as opened:
        yield opened


def test_a_job_is_created_as_the_engine_spells_it(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(job("PENDING"))
    created = client.batch.create(
        "n",
        [{"input": "x", "metadata": {"kept": None}}],
        [{"name": "p", "task_type": "qa", "use_rag": True, "validation": {"enabled": True, "min_score": 7}}],
        options={"auto_start": False},
        idempotency_key="k",
    )
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/api/batch")
    assert asked.headers["idempotency-key"] == "k"
    assert asked.headers["authorization"] == "Bearer sk_secret"
    assert asked.json == {
        "name": "n",
        "items": [{"input": "x", "metadata": {"kept": None}}],
        "phases": [
            {
                "name": "p",
                "taskType": "qa",
                "useRAG": True,
                "validation": {"enabled": True, "minScore": 7},
            }
        ],
        "options": {"autoStart": False},
    }
    assert created.status is JobStatus.PENDING
    assert created.cost_incurred is None


@pytest.mark.parametrize(
    ("verb", "method", "path"),
    [
        ("get", "GET", "/api/batch/j1"),
        ("get_status", "GET", "/api/batch/j1"),
        ("start", "POST", "/api/batch/j1/start"),
        ("pause", "POST", "/api/batch/j1/pause"),
        ("resume", "POST", "/api/batch/j1/resume"),
        ("cancel", "POST", "/api/batch/j1/cancel"),
    ],
)
def test_each_verb_has_its_path(
    server: ScriptedServer, client: Artificer, verb: str, method: str, path: str
) -> None:
    server.will_answer(job("RUNNING"))
    assert getattr(client.batch, verb)("j1").id == "j1"
    assert (server.asked[0].method, server.asked[0].path) == (method, path)


def test_deleting_a_job_brings_nothing(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(204, raw=b""))
    client.batch.delete("j1")
    assert (server.asked[0].method, server.asked[0].path) == ("DELETE", "/api/batch/j1")


def test_a_job_id_cannot_leave_its_place_in_the_url(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(404))
    with pytest.raises(NotFoundError):
        client.batch.get("../../x?y")
    assert server.asked[0].path == "/api/batch/..%2F..%2Fx%3Fy"
    with pytest.raises(ConfigurationError):
        client.batch.get("..")


def test_a_filter_that_is_not_given_is_not_sent(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(body=[JOB]))
    assert [job.id for job in client.batch.list(status=JobStatus.RUNNING, limit=5)] == ["j1"]
    assert server.asked[0].path == "/api/batch?status=RUNNING&limit=5&offset=0"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, NotFoundError),
        (413, InvalidRequestError),
        (418, StatusError),
        (422, InvalidRequestError),
        (429, RateLimitError),
        (500, ServerError),
    ],
)
def test_each_status_is_its_own_error(
    server: ScriptedServer, client: Artificer, status: int, kind: type[StatusError]
) -> None:
    error = {
        "code": "c",
        "message": "no.",
        "details": [{"path": "a.b", "message": "bad"}],
        "requestId": "r1",
    }
    server.will_answer(Reply(status, {"error": error}, {"Retry-After": "3"}))
    with pytest.raises(kind) as caught:
        client.batch.get("j1")
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.request_id, caught.value.job_id) == ("c", "r1", "j1")
    assert caught.value.retry_after == 3.0
    assert str(caught.value) == f"Failed looking up job j1: no. (a.b: bad) [HTTP {status}, request r1]"


def test_retry_after_may_be_a_date(server: ScriptedServer, client: Artificer) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.will_answer(Reply(429, headers={"Retry-After": later}))
    with pytest.raises(RateLimitError) as caught:
        client.batch.get("j1")
    assert caught.value.retry_after == pytest.approx(30, abs=2)


@pytest.mark.parametrize("raw", [b"<html>Welcome</html>", b"", b'{"id": "j1", "na', b'{"id": 1}', b"[]"])
def test_a_reply_that_is_none_of_the_api_is_our_error(
    server: ScriptedServer, client: Artificer, raw: bytes
) -> None:
    server.will_answer(Reply(raw=raw))
    with pytest.raises(ReplyError, match="none of the engine's API") as caught:
        client.batch.get("j1")
    assert caught.value.__cause__ is None


def test_a_redirect_is_an_error_and_the_key_does_not_follow(
    server: ScriptedServer, client: Artificer
) -> None:
    server.will_answer(Reply(302, headers={"Location": server.url + "/elsewhere"}))
    with pytest.raises(StatusError, match="HTTP 302"):
        client.batch.get("j1")
    assert len(server.asked) == 1


def test_words_of_a_newer_engine_are_read(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(body={**JOB, "status": "ARCHIVED", "shelf": 4}))
    found = client.batch.get("j1")
    assert found.status == "ARCHIVED"
    assert not found.status.is_terminal
    assert (found.model_extra or {})["shelf"] == 4


def test_a_refused_connection_says_that_nothing_was_sent() -> None:
    with (
        pytest.raises(ArtificerConnectionError, match="cannot be reached") as caught,
        Artificer(base_url="http://127.0.0.1:9", dialect="rest", retries=0) as nowhere,
    ):
        nowhere.health()
    assert not caught.value.sent
    assert caught.value.retryable


def test_a_cut_connection_may_have_reached_the_engine(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(cut=True))
    with pytest.raises(ArtificerConnectionError, match="closed the connection") as caught:
        client.batch.start("j1")
    assert caught.value.sent
    assert len(server.asked) == 1


def test_silence_is_a_timeout(server: ScriptedServer) -> None:
    server.will_answer(Reply(delay=0.5))
    with (
        pytest.raises(ArtificerTimeoutError, match="did not answer in time") as caught,
        Artificer(base_url=server.url, dialect="rest", retries=0, timeout=0.05) as client,
    ):
        client.health()
    assert caught.value.sent


def test_rows_are_fetched_a_page_at_a_time(server: ScriptedServer, client: Artificer) -> None:
    total = {"X-Total-Count": "5"}
    server.will_answer(
        Reply(body=[row(0), row(1)], headers=total),
        Reply(body=[row(2), row(3)], headers=total),
        Reply(body=[row(4)], headers=total),
    )
    rows = client.batch.iter_results("j1", page_size=2)
    assert next(rows).item_index == 0
    assert len(server.asked) == 1
    assert [r.item_index for r in rows] == [1, 2, 3, 4]
    assert [asked.path.partition("?")[2] for asked in server.asked] == [
        "offset=0&limit=2",
        "offset=2&limit=2",
        "offset=4&limit=2",
    ]


def test_a_full_last_page_is_not_followed_by_an_empty_one(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(body=[row(0), row(1)], headers={"X-Total-Count": "2"}))
    assert len(list(client.batch.iter_results("j1", page_size=2))) == 2
    assert len(server.asked) == 1


def test_an_engine_that_does_not_count_is_asked_until_a_page_is_not_full(
    server: ScriptedServer, client: Artificer
) -> None:
    server.will_answer(Reply(body=[row(0), row(1)]), Reply(body=[row(2)]))
    assert [r.item_index for r in client.batch.iter_results("j1", page_size=2)] == [0, 1, 2]


def test_waiting_ends_with_the_job(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(job("PENDING"), job("RUNNING"), job("FAILED"))
    assert client.batch.wait("j1", timeout=5, poll_interval=0.01).status is JobStatus.FAILED


def test_waiting_too_long_names_the_job_and_where_it_stands(
    server: ScriptedServer, client: Artificer
) -> None:
    server.will_answer(job("RUNNING"))
    with pytest.raises(WaitTimeoutError, match="Job j1 is still RUNNING after 0 s, with 0 of 1") as caught:
        client.batch.wait("j1", timeout=0)
    assert caught.value.job_id == "j1"


async def test_the_async_client_does_the_same(server: ScriptedServer) -> None:
    total = {"X-Total-Count": "3"}
    server.will_answer(
        Reply(503),
        job("RUNNING"),
        job("COMPLETED"),
        Reply(body=[row(0), row(1)], headers=total),
        Reply(body=[row(2)], headers=total),
        Reply(body={"status": "ok"}),
    )
    async with AsyncArtificer(base_url=server.url, dialect="rest", retries=1) as client:
        assert (await client.batch.wait("j1", timeout=5, poll_interval=0.01)).status is JobStatus.COMPLETED
        assert [r.item_index async for r in client.batch.iter_results("j1", page_size=2)] == [0, 1, 2]
        assert (await client.health()).status == "ok"


def test_every_problem_of_a_job_is_told_at_once_and_nothing_is_sent(
    server: ScriptedServer, client: Artificer
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client.batch.create("", [{"input": "a" * 100_001}, {"input": ""}], [{"name": "p", "task_tipe": "qa"}])
    for place in ("name:", "items[0].input:", "items[1].input:", "phases[0].task_tipe:"):
        assert place in str(caught.value)
    assert server.asked == []


def test_the_environment_says_where_the_engine_is(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIFICER_BASE_URL", server.url + "/")
    monkeypatch.setenv("ARTIFICER_API_KEY", "sk_env")
    server.will_answer(Reply(body={"status": "ok"}))
    with Artificer(dialect="rest") as client:
        client.health()
    assert server.asked[0].headers["authorization"] == "Bearer sk_env"
    assert server.asked[0].path == "/health"


@pytest.mark.parametrize(
    "url", ["engine:3001", "ftp://x", "http://", "http://h:port", "http://user:pass@host"]
)
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base URL") as caught:
        Artificer(base_url=url)
    assert "pass" not in str(caught.value).replace("password", "")


def test_the_key_is_in_no_log_and_no_repr(
    server: ScriptedServer, client: Artificer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.will_answer(Reply(401))
    with pytest.raises(AuthenticationError) as caught:
        client.batch.get("j1")
    assert caplog.records
    assert "sk_secret" not in caplog.text + repr(client) + repr(vars(caught.value)) + str(caught.value)
