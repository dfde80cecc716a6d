"""``make test-live``: which engine it asks, and that no other target asks one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.engine import clean_environment
from support.live import Made, offered

from artificer_provider.client.errors import InvalidRequestError, NotFoundError, ServerError, StatusError

REPOSITORY = Path(__file__).parents[3]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=REPOSITORY,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_without_an_engine_it_says_what_to_set_and_ends_with_2() -> None:
    done = run("tools/bootstrap.py", "test-live")
    assert done.returncode == 2
    assert "ARTIFICER_BASE_URL" in done.stderr
    assert "ARTIFICER_API_KEY" in done.stderr
    assert run("-m", "pytest", "tests/live", "-q").returncode == 2


def test_no_other_run_of_the_tests_calls_an_engine_of_somebody_s_own() -> None:
    folders = [path for path in (REPOSITORY / "tests").iterdir() if path.is_dir() and path.name != "live"]
    collect = ("-m", "pytest", "--collect-only", "-q", "tests", *(f"--ignore={path}" for path in folders))
    assert "tests/live/" not in run(*collect).stdout
    assert "tests/live/" in run(*collect, "--override-ini=norecursedirs=.*").stdout


def gone(kind: type[StatusError], status: int) -> StatusError:
    return kind("Failed deleting it", status_code=status)


def test_what_was_made_is_cleared_away_the_latest_first_and_what_stays_is_named() -> None:
    done: list[str] = []

    def fail() -> None:
        raise gone(ServerError, 500)

    def lack() -> None:
        raise gone(NotFoundError, 404)

    made = Made()
    made.add("project p", lambda: done.append("project"))
    made.add("job j", fail)
    made.add("document d", lack)
    made.add("message m", lambda: done.append("message"))
    with pytest.raises(AssertionError, match=r"delete it yourself: job j: Failed deleting it$"):
        made.clear_away()
    assert done == ["message", "project"]
    made.clear_away()


@pytest.mark.parametrize("status", [404, 405, 412, 501])
def test_what_an_engine_does_not_offer_is_skipped_and_said(status: int) -> None:
    with pytest.raises(pytest.skip.Exception, match="this engine offers no tea"), offered("tea"):
        raise gone(StatusError, status)


def test_what_takes_a_language_model_is_skipped_where_there_is_none() -> None:
    reason = "conversation.model: extractive is no language model"
    error = InvalidRequestError("Failed", status_code=422, reason=reason)
    with pytest.raises(pytest.skip.Exception, match="this engine offers no chat"), offered("chat"):
        raise error


def test_what_an_engine_fails_at_is_not_skipped() -> None:
    with pytest.raises(ServerError), offered("tea"):
        raise gone(ServerError, 500)
