"""What a retry policy decides about a try that failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryDecision

from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    AuthenticationError,
    ConfigurationError,
    RateLimitError,
    ReplyError,
)
from artificer_provider.operators._errors import permanent_under, told_to_airflow
from artificer_provider.operators.batch import ArtificerCreateBatchOperator
from artificer_provider.retry import ArtificerRetryPolicy

ARGUMENTS: dict[str, Any] = {"task_id": "t", "items": ["one"], "phases": [{"name": "p"}]}


def decided(error: BaseException) -> RetryDecision:
    return ArtificerRetryPolicy().evaluate(error, try_number=1, max_tries=3)


def as_airflow_sees(error: ArtificerError) -> BaseException:
    """Raise it where an operator would."""
    with pytest.raises(AirflowException) as caught, told_to_airflow(lambda: "Nothing.", AirflowException):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "error", [ConfigurationError("phases[0].name is empty."), AuthenticationError("No key.", status_code=401)]
)
def test_what_does_not_pass_fails_at_once(error: ArtificerError) -> None:
    assert decided(error).action is RetryAction.FAIL
    assert decided(as_airflow_sees(error)).action is RetryAction.FAIL


def test_a_rate_limit_waits_as_long_as_the_engine_says() -> None:
    limited = RateLimitError("Too many calls.", status_code=429, retry_after=42.0)
    for error in (limited, as_airflow_sees(limited)):
        assert decided(error).action is RetryAction.RETRY
        assert decided(error).retry_delay == timedelta(seconds=42)
        assert "42 s" in (decided(error).reason or "")


@pytest.mark.parametrize(
    "error",
    [
        ArtificerConnectionError("Cut.", sent=True),
        RateLimitError("Too many calls.", status_code=429),
        ReplyError("The page of a proxy whose engine is away."),
        ValueError("not ours"),
    ],
)
def test_of_anything_else_airflow_decides(error: BaseException) -> None:
    assert decided(error) == RetryDecision.default()


def test_the_reply_of_another_server_leaves_the_retry_to_airflow_where_an_operator_has_it_too() -> None:
    with pytest.raises(AirflowException) as caught, told_to_airflow(lambda: "All is kept."):
        raise ReplyError("The page of a proxy whose engine is away.")
    assert not isinstance(caught.value, AirflowFailException)
    assert "All is kept. This may pass" in str(caught.value)
    assert decided(caught.value) == RetryDecision.default()


def test_a_chain_of_causes_that_bites_its_tail_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert decided(one) == RetryDecision.default()


def test_it_survives_being_serialized() -> None:
    written = ArtificerRetryPolicy().serialize()
    assert isinstance(ArtificerRetryPolicy.deserialize(written), ArtificerRetryPolicy)


def test_an_operator_has_it_unless_it_is_given_another() -> None:
    own = ExceptionRetryPolicy(rules=[])
    given = ArtificerCreateBatchOperator(**ARGUMENTS, retry_policy=own)
    assert given.retry_policy is own
    assert isinstance(ArtificerCreateBatchOperator(**ARGUMENTS).retry_policy, ArtificerRetryPolicy)


def test_a_policy_of_the_users_is_asked_about_a_permanent_failure_too() -> None:
    assert permanent_under(None) is AirflowFailException
    assert permanent_under(ArtificerRetryPolicy()) is AirflowFailException
    assert permanent_under(ExceptionRetryPolicy(rules=[])) is AirflowException
