"""The event trigger before anything is watched."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest
from airflow.sdk import Asset, AssetWatcher
from support.airflow_names import deserialize, serialize

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.triggers.events import ArtificerBatchEventTrigger


def test_it_can_be_written_and_read_again() -> None:
    trigger = ArtificerBatchEventTrigger(
        name="nightly-*", statuses=["FAILED"], project_id="p", poll_interval=5
    )
    path, kwargs = trigger.serialize()
    assert path == "artificer_provider.triggers.events.ArtificerBatchEventTrigger"
    again = ArtificerBatchEventTrigger(**cast("dict[str, Any]", deserialize(serialize(kwargs))))
    assert again.serialize() == (path, kwargs)
    assert ArtificerBatchEventTrigger.hash(path, kwargs) == ArtificerBatchEventTrigger.hash(
        *again.serialize()
    )


def test_an_asset_watcher_takes_it() -> None:
    watcher = AssetWatcher(name="ended", trigger=ArtificerBatchEventTrigger())
    assert Asset("jobs", watchers=[watcher]).watchers == [watcher]


def test_all_that_watch_one_connection_as_often_share_one_stream() -> None:
    key = ArtificerBatchEventTrigger(name="a").shared_stream_key()
    assert ArtificerBatchEventTrigger(name="b", statuses=["FAILED"]).shared_stream_key() == key
    assert ArtificerBatchEventTrigger(name="a", poll_interval=5).shared_stream_key() != key
    assert ArtificerBatchEventTrigger(name="a", artificer_conn_id="other").shared_stream_key() != key


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"statuses": ["complete"]}, "'complete'.*did you mean 'COMPLETED'"),
        ({"statuses": ["RUNNING"]}, "'RUNNING', which is no end of a job"),
        ({"statuses": []}, "write a list of COMPLETED, FAILED, CANCELLED"),
        ({"statuses": "FAILED"}, "write a list of COMPLETED"),
        ({"poll_interval": 0}, "poll_interval is 0: it must be more than 0"),
    ],
)
def test_what_makes_no_sense_is_refused_when_the_dag_is_parsed(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        ArtificerBatchEventTrigger(**arguments)


def test_parsing_a_dag_with_it_loads_nothing_of_the_client() -> None:
    code = (
        "import sys\n"
        "from artificer_provider.triggers.events import ArtificerBatchEventTrigger\n"
        "ArtificerBatchEventTrigger(name='nightly-*')\n"
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "artificer_provider.triggers.events" in loaded
    assert "artificer_provider.client" not in loaded
