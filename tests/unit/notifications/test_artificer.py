"""The arguments of a notifier."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.definitions.deadline import AsyncCallback  # type: ignore[attr-defined] # its place in 3.1

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.notifications.artificer import ArtificerNotifier


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"message": " "}, "message is empty"),
        ({"phases": []}, "There are no phases"),
        ({"phases": [{"name": "p", "prompt": "x"}]}, "phases[0] has a key 'prompt'"),
        ({"phases": [{"name": "p", "max_tokens": 9}]}, "phases[0].maxTokens: a chain cannot carry it"),
        ({"max_length": 0}, "max_length is 0"),
        ({"timeout": 0}, "timeout is 0"),
        ({"timeout": float("inf")}, "timeout is inf"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused_when_the_dag_is_parsed(
    arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ArtificerNotifier(**arguments)
    assert sentence in refused.value.message


def test_it_can_be_the_callback_of_a_deadline_alert() -> None:
    callback = AsyncCallback(ArtificerNotifier, {"webhook_conn_id": "on_call"})
    assert callback.path == "artificer_provider.notifications.artificer.ArtificerNotifier"
    assert issubclass(ArtificerNotifier, BaseNotifier)
    assert ArtificerNotifier.async_notify is not BaseNotifier.async_notify
