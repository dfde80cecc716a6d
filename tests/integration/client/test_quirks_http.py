"""Our client, and what a deployed engine does wrong to calls: it lives with all of that."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from support.shared import API_KEY, EVERYTHING
from support.wires import (
    ASYNC,
    AUTO,
    AUTO_OF_NEXT,
    REST,
    SYNC,
    TRPC,
    TRPC_OF_NEXT,
    UNPACED,
    finished,
    open_client,
)

from artificer_provider.client import _settings
from artificer_provider.client.errors import (
    ArtificerTimeoutError,
    InvalidRequestError,
    NotCarriedError,
    NotFoundError,
    RateLimitError,
)
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.shared import EngineWith
    from support.wires import Wire

pytestmark = pytest.mark.slow  # a deployed engine takes its time

ITEMS: list[dict[str, Any]] = [{"input": "t0"}]
PHASES: list[dict[str, Any]] = [{"name": "p1"}]
PENDING = {"auto_start": False}
ALLOWED = 100  # calls a minute
OUR_SHARE = 80
TOO_MUCH = [{"input": "x" * 100_000}] * 11  # over 1 MiB

_marks = count()


@pytest.fixture
def limited(engine_with: EngineWith, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that counts calls and has heard of none of ours: we are another process to it."""
    mark = f"test-{next(_marks)}"
    monkeypatch.setattr(_settings, "_mark", lambda _: mark)
    return engine_with(EVERYTHING)


def use_up(engine: Engine, calls: int) -> None:
    """Make calls of this process that its client does not know of."""
    headers = {"User-Agent": _settings.user_agent(), "Authorization": f"Bearer {API_KEY}"}
    names = ",".join(["auth.public"] * calls)
    engine.http.get(f"/{names}?batch=1", headers=headers).raise_for_status()


def left(engine: Engine) -> int:
    """Ask how many calls this process still has, which is one of them."""
    reply = engine.http.get("/auth.public", headers={"User-Agent": _settings.user_agent()})
    return int(reply.headers["X-RateLimit-Remaining"])


def test_a_client_leaves_a_part_of_the_limit_to_others(kind: str, limited: Engine) -> None:
    with open_client(kind, limited.url, rate_budget=None) as client:
        for _ in range(OUR_SHARE):
            client.batch.list(limit=1)
        hasty = client.with_options(deadline=0.5)
        with pytest.raises(ArtificerTimeoutError, match=r"nothing was sent\. The rate budget") as caught:
            hasty.batch.list(limit=1)
    assert not caught.value.sent
    assert left(limited) == ALLOWED - OUR_SHARE - 1


def test_a_client_waits_when_the_engine_says_that_nothing_is_left(kind: str, limited: Engine) -> None:
    use_up(limited, ALLOWED - 1)
    with open_client(kind, limited.url, rate_budget=UNPACED) as client:
        client.batch.list(limit=1)
        with pytest.raises(ArtificerTimeoutError, match=r"nothing was sent\. The rate budget"):
            client.with_options(deadline=0.5).batch.list(limit=1)


@pytest.mark.parametrize("options", [{"retries": 0}, {"retries": 5, "deadline": 5}])
def test_too_many_calls_are_an_error_that_says_how_long_to_wait(
    kind: str, limited: Engine, options: dict[str, Any]
) -> None:
    use_up(limited, ALLOWED)
    begun = time.monotonic()
    with (
        open_client(kind, limited.url, **options) as client,
        pytest.raises(RateLimitError, match="Try again in 60 seconds") as caught,
    ):
        client.batch.list(limit=1)
    assert (caught.value.status_code, caught.value.retry_after) == (429, 60)
    assert caught.value.retryable
    assert time.monotonic() - begun < 4


def test_a_body_that_is_too_large_for_one_address_is_refused_in_words(
    kind: str, deployed: Engine, name: str
) -> None:
    with open_client(kind, deployed.url, TRPC_OF_NEXT) as client:
        with pytest.raises(InvalidRequestError, match="Body exceeded 1mb limit") as caught:
            client.batch.create(name, TOO_MUCH, PHASES, options=PENDING)
        assert (caught.value.status_code, caught.value.retryable) == (413, False)
        assert client.batch.create(name, TOO_MUCH[:9], PHASES, options=PENDING).total_items == 9
    with open_client(kind, deployed.url) as client:  # at the root any size goes
        assert client.batch.create(name, TOO_MUCH, PHASES, options=PENDING).total_items == 11
        assert len(client.batch.find(name)) == 2


def test_a_field_that_the_engine_would_drop_is_refused_before_anything_is_sent(
    kind: str, deployed: Engine, name: str
) -> None:
    with open_client(kind, deployed.url) as client:
        with pytest.raises(NotCarriedError, match="nothing was sent") as caught:
            client.batch.create(name, ITEMS, [{"name": "p", "system_prompt": "Be brief."}], options=PENDING)
        assert caught.value.fields == ("phases[0].systemPrompt",)
        assert client.batch.find(name) == []


def test_what_is_not_given_is_left_out_where_the_engine_takes_no_null(
    kind: str, deployed: Engine, models: ModelServer, name: str
) -> None:
    items = [{"input": "t0", "metadata": None}]
    phases = [{"name": "p1", "task_type": None, "model": None, "use_rag": None}]
    with open_client(kind, deployed.url) as client:
        job = client.batch.create(name, items, phases, options={"concurrency": None}, project_id=None)
        assert finished(client, job.id).status is JobStatus.COMPLETED
        assert client.batch.list(project_id=None, status=None)
        client.batch.cleanup(older_than_days=None, status=None)
        client.orchestration.process_text("t1", [{"name": "a", "model": None, "temperature": None}])
        client.orchestration.get_analytics(conversation_id=None)
    assert models.texts() == ["t0", "t1"]


def test_a_nul_is_refused_before_it_can_leave_an_orphan(kind: str, deployed: Engine, name: str) -> None:
    items = [{"input": "a\0b", "metadata": {"also\0": "here\0"}}]
    with open_client(kind, deployed.url) as client:
        with pytest.raises(NotCarriedError, match=r"the NUL character in items\[0\]\.input") as caught:
            client.batch.create(name, items, PHASES, options=PENDING)
        assert len(caught.value.fields) == 3
        assert client.batch.find(name) == []
        # What only looks like one is text like any other.
        client.batch.create(name, [{"input": r"a\u0000b"}], PHASES, options=PENDING)
        [job] = client.batch.find(name)
        assert client.batch.get_results(job.id)[0].input == r"a\u0000b"


def test_a_connection_that_the_engine_closed_meanwhile_fails_no_call(deployed: Engine, name: str) -> None:
    with open_client(SYNC, deployed.url) as one, open_client(ASYNC, deployed.url) as other:
        jobs = [client.batch.create(name, ITEMS, PHASES, options=PENDING) for client in (one, other)]
        for pause in (0.0, 6.0):
            time.sleep(pause)
            for client, job in zip((one, other), jobs, strict=True):
                assert client.batch.get(job.id).status is JobStatus.PENDING
        for client, job in zip((one, other), jobs, strict=True):
            client.batch.delete(job.id)


@pytest.mark.parametrize("wire", [AUTO, AUTO_OF_NEXT])
def test_an_engine_without_rest_is_found_to_speak_trpc(kind: str, deployed: Engine, wire: Wire) -> None:
    with open_client(kind, deployed.url, wire) as client:
        assert client.health().status == "ok"
        with pytest.raises(NotCarriedError):  # which only this wire has to say
            client.batch.list(name="any")
        client.batch.list(limit=1)


@pytest.mark.parametrize("wire", [TRPC, TRPC_OF_NEXT])
def test_the_engine_says_how_it_is_beside_its_procedures(kind: str, deployed: Engine, wire: Wire) -> None:
    with open_client(kind, deployed.url, wire, api_key=None) as stranger:
        found = stranger.health()
    assert (found.status, found.mode, found.version) == ("ok", "database", None)


def test_a_client_that_was_told_rest_says_that_it_finds_none(kind: str, deployed: Engine) -> None:
    with (
        open_client(kind, deployed.url, REST) as client,
        pytest.raises(NotFoundError, match="No procedure found"),
    ):
        client.batch.list()
