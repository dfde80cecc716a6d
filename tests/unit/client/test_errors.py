"""What an error carries, and how the errors are related."""

from __future__ import annotations

import inspect
import json
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Reply
from support.wire import answer, refusal

from artificer_provider.client import Artificer, errors
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    ArtificerTimeoutError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    EngineAnswerError,
    InvalidRequestError,
    JobFailedError,
    NotCarriedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    StreamCutError,
    StreamError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from support.scripted_server import ScriptedServer

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


def test_every_error_is_one_of_ours_and_shadows_no_builtin() -> None:
    import builtins

    assert len(ALL) == 19
    assert all(issubclass(kind, ArtificerError) for kind in ALL)
    assert not {kind.__name__ for kind in ALL} & set(dir(builtins))


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (ConfigurationError, ArtificerError),
        (NotCarriedError, ConfigurationError),
        (ArtificerConnectionError, ArtificerError),
        (ArtificerTimeoutError, ArtificerConnectionError),
        (ReplyError, ArtificerError),
        (EngineAnswerError, ArtificerError),
        (StreamError, ArtificerError),
        (StreamCutError, StreamError),
        (JobFailedError, ArtificerError),
        (WaitTimeoutError, ArtificerError),
        (StatusError, ArtificerError),
        (InvalidRequestError, StatusError),
        (AuthenticationError, StatusError),
        (PermissionDeniedError, StatusError),
        (NotFoundError, StatusError),
        (ConflictError, StatusError),
        (RateLimitError, StatusError),
        (ServerError, StatusError),
    ],
)
def test_the_tree_is_as_it_is_written(kind: type[ArtificerError], parent: type[ArtificerError]) -> None:
    assert kind.__base__ is parent
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 412, 413, 418, 422, 429, 500, 501, 503])
@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_each_status_is_its_own_error(server: ScriptedServer, dialect: str, status: int) -> None:
    kinds = {
        400: InvalidRequestError,
        401: AuthenticationError,
        403: PermissionDeniedError,
        404: NotFoundError,
        409: ConflictError,
        410: NotFoundError,
        413: InvalidRequestError,
        422: InvalidRequestError,
        429: RateLimitError,
        500: ServerError,
        501: ServerError,
        503: ServerError,
    }
    body = {
        "code": "c",
        "message": "no.",
        "details": [{"path": "a.b", "message": "bad"}, {"message": "worse"}],
        "requestId": "r1",
    }
    server.will_answer(
        Reply(status, {"error": body}) if dialect == "rest" else refusal(status, "no.", "c"),
    )
    with (
        Artificer(base_url=server.url, dialect=dialect, retries=0) as client,
        pytest.raises(StatusError) as caught,
    ):
        client.batch.get("j1")
    error = caught.value
    assert type(error) is kinds.get(status, StatusError)
    assert (error.status_code, error.code, error.job_id, error.reason) == (status, "c", "j1", "no.")
    assert error.retryable is (status in {408, 425, 429, 500, 502, 503, 504})
    assert json.loads(error.body)["error"]
    if dialect == "rest":
        assert error.request_id == "r1"
        assert str(error) == f"Failed looking up job j1: no. (a.b: bad; worse) [HTTP {status}, request r1]"
    else:
        assert error.request_id is None
        assert str(error) == f"Failed looking up job j1: no. [HTTP {status}]"


@pytest.mark.parametrize("header", ["X-Request-Id", "X-Correlation-Id"])
@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_what_to_look_for_in_the_engines_log_is_said(
    server: ScriptedServer, dialect: str, header: str
) -> None:
    server.will_answer(Reply(500, raw=b"oops", headers={header: "abc-123"}))
    with (
        Artificer(base_url=server.url, dialect=dialect, retries=0) as client,
        pytest.raises(ServerError) as caught,
    ):
        client.batch.get("j1")
    assert caught.value.request_id == "abc-123"
    assert "request abc-123]" in str(caught.value)


def test_a_refused_argument_of_a_deployed_engine_is_readable_with_its_path(
    server: ScriptedServer, trpc: Artificer
) -> None:
    issues = [
        {"code": "too_small", "path": ["items", 3, "input"], "message": "Too small"},
        {"code": "invalid_type", "path": [], "message": "Required"},
    ]
    server.will_answer(refusal(400, json.dumps(issues), "BAD_REQUEST"))
    with pytest.raises(InvalidRequestError) as caught:
        trpc.batch.list()
    assert "items[3].input: Too small; the input: Required [HTTP 400]" in str(caught.value)


@pytest.mark.parametrize("message", ["[", "[1]", '[{"path": 3}]', "[not json", "[]"])
def test_a_message_that_only_begins_like_issues_is_given_as_it_is(
    server: ScriptedServer, trpc: Artificer, message: str
) -> None:
    server.will_answer(refusal(400, message))
    with pytest.raises(InvalidRequestError) as caught:
        trpc.batch.list()
    assert caught.value.reason == message


@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_a_long_refusal_is_cut(server: ScriptedServer, dialect: str) -> None:
    words = "x" * 100_000
    details = [{"message": words}]
    reply = Reply(400, {"error": {"message": words, "details": details}})
    server.will_answer(reply if dialect == "rest" else refusal(400, words))
    with (
        Artificer(base_url=server.url, dialect=dialect, retries=0) as client,
        pytest.raises(InvalidRequestError) as caught,
    ):
        client.batch.list()
    assert len(caught.value.body) == 2000
    assert len(caught.value.reason) == 2000
    assert len(str(caught.value)) < 5000


def test_retry_after_may_be_a_date(server: ScriptedServer, client: Artificer) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.will_answer(Reply(429, headers={"Retry-After": later}))
    with pytest.raises(RateLimitError) as caught:
        client.batch.get("j1")
    assert caught.value.retry_after == pytest.approx(30, abs=2)


def test_every_problem_is_told_at_once_and_each_with_its_place(
    server: ScriptedServer, client: Artificer
) -> None:
    items = [{"input": "a" * 100_001}, *({"input": ""} for _ in range(30))]
    phases = [{"name": "p", "task_tipe": "qa"}]
    with pytest.raises(ConfigurationError) as caught:
        client.batch.create("", items, phases, options={"concurrency": 51, "checkpoint_frequency": 101})
    places = [place for place, _ in caught.value.problems]
    assert len(places) == 35
    assert {"name", "items[0].input", "items[30].input", "options.concurrency", "phases[0].task_tipe"} <= set(
        places
    )
    told = str(caught.value)
    assert told.startswith("Failed creating the batch job '', nothing was sent. name: ")
    assert told.endswith("; and 25 more.")
    assert "a" * 100 not in told
    assert server.asked == []


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"name": "n" * 201}, "name"),
        ({"items": []}, "items"),
        ({"items": [{"input": "x"}] * 10_001}, "items"),
        ({"items": [{"input": ""}]}, "items[0].input"),
        ({"items": [{"input": "x" * 100_001}]}, "items[0].input"),
        ({"phases": []}, "phases"),
        ({"phases": [{"name": "p"}] * 11}, "phases"),
        ({"phases": [{"name": ""}]}, "phases[0].name"),
        (
            {"phases": [{"name": "p", "validation": {"enabled": True, "min_score": 11}}]},
            "phases[0].validation.min_score",
        ),
        ({"options": {"concurrency": 0}}, "options.concurrency"),
        ({"options": {"concurrency": 51}}, "options.concurrency"),
        ({"options": {"concurrency": 1.5}}, "options.concurrency"),
        ({"options": {"checkpoint_frequency": 0}}, "options.checkpoint_frequency"),
        ({"options": {"checkpointFrequency": 101}}, "options.checkpointFrequency"),
        ({"options": {"max_retries": 11}}, "options.max_retries"),
    ],
)
@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_a_limit_of_the_engine_is_checked_before_it_is_sent(
    server: ScriptedServer, dialect: str, arguments: dict[str, object], place: str
) -> None:
    whole = {"name": "n", "items": [{"input": "x"}], "phases": [{"name": "p"}], **arguments}
    with (
        Artificer(base_url=server.url, dialect=dialect) as client,
        pytest.raises(ConfigurationError) as caught,
    ):
        client.batch.create(**whole)  # type: ignore[arg-type]  # each is of its type
    assert [where for where, _ in caught.value.problems] == [place]
    assert server.asked == []


def test_limits_themselves_are_allowed(server: ScriptedServer, client: Artificer) -> None:
    server.otherwise = lambda _: Reply(body={"id": "j", "name": "n", "status": "PENDING", "totalItems": 1})
    client.batch.create(
        "n" * 200,
        [{"input": "x" * 100_000}, *[{"input": "x"}] * 9_999],
        [{"name": "p", "validation": {"enabled": True, "min_score": 10}}] * 10,
        options={"concurrency": 50, "checkpoint_frequency": 100, "max_retries": 10},
    )
    server.otherwise = lambda _: Reply(body=[])
    client.batch.list(limit=100)
    assert len(server.asked) == 2


@pytest.mark.parametrize(("size", "taken"), [(50 * 2**20, True), (50 * 2**20 + 1, False)])
def test_a_pdf_of_50_mb_is_taken_and_a_larger_one_refused(
    server: ScriptedServer, trpc: Artificer, *, size: int, taken: bool
) -> None:
    from artificer_provider.client.resources.images import _sized

    if taken:
        assert _sized(bytes(size)).size == size
        return
    with pytest.raises(ConfigurationError, match="50 MB at most; nothing was sent"):
        trpc.images.process_pdf(bytes(size), local="never")
    with pytest.raises(ConfigurationError, match="20 MB at most; nothing was sent"):
        trpc.images.extract_text_from_image(b"\xff\xd8\xff" + bytes(20 * 2**20), "image/jpeg")
    assert server.asked == []


def test_an_apology_is_an_error_that_may_pass(server: ScriptedServer, trpc: Artificer) -> None:
    sorry = "The AI service is taking too long to respond. Please try again."
    result = {"phase": "p", "response": sorry, "model": "m", "metadata": {}}
    server.will_answer(answer({"chainResults": [result], "metadata": {}}))
    with pytest.raises(EngineAnswerError, match=r"processing a text, phase 'p'.*apologised") as caught:
        trpc.orchestration.process_text("t", [{"name": "p"}])
    assert caught.value.answer == sorry
    assert caught.value.retryable


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not ArtificerError])
def test_an_error_survives_pickling(kind: type[ArtificerError]) -> None:
    needed: dict[str, Any] = {
        name: {"status_code": 404, "sent": True, "fields": ["a"], "answer": "x", "job_id": "j"}.get(name)
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    }
    again = pickle.loads(pickle.dumps(kind("what happened", **needed)))  # noqa: S301 - our own
    assert type(again) is kind
    assert str(again) == "what happened"
    assert vars(again) == vars(kind("what happened", **needed))
