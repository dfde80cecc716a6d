"""The sensor before any task runs: what a DAG that is parsed sees, loads and writes down."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
)
from support.airflow import context
from support.airflow_names import DagSerialization, TaskDeferralError, deserialize, serialize

from artificer_provider.batch.watch import Reason, Terms, Wake
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.sensors.batch import ArtificerBatchSensor
from artificer_provider.triggers import _airflow
from artificer_provider.triggers.wait import ArtificerWaitTrigger

NOTHING = context(None)


def loaded_by(arguments: str) -> set[str]:
    """Name what a DAG with such a sensor loads beside Airflow."""
    code = (
        "import sys, airflow.sdk, airflow.providers.common.compat.sdk\n"
        "before = set(sys.modules)\n"
        "from artificer_provider.sensors.batch import ArtificerBatchSensor\n"
        f"ArtificerBatchSensor(task_id='wait', job_id='j1', until='percent:50', {arguments})\n"
        "print(*(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_parsing_a_dag_with_it_loads_a_few_modules_and_nothing_of_the_client() -> None:
    loaded = loaded_by("deferrable=True")
    assert "artificer_provider.sensors.batch" in loaded
    assert "artificer_provider.client" not in loaded
    assert len(loaded) <= 30
    assert not {name for name in loaded if name.partition(".")[0] in ("httpx", "pydantic")}


def test_nor_does_one_that_starts_in_the_triggerer() -> None:
    loaded = loaded_by("deferrable=True, start_from_trigger=True")
    assert "artificer_provider.triggers._airflow" in loaded
    assert "artificer_provider.client" not in loaded


def test_a_wish_that_no_job_can_meet_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'completed'"):
        ArtificerBatchSensor(task_id="wait", job_id="j1", until="complete")


def test_its_trigger_can_be_written_and_read_again() -> None:
    terms = Terms(0.5, 12.5, slots=0, until="percent:50")
    path, kwargs = ArtificerWaitTrigger.of("c", ["j1", "j2"], terms).serialize()
    assert path == "artificer_provider.triggers.wait.ArtificerWaitTrigger"
    again = ArtificerWaitTrigger(**cast("dict[str, Any]", deserialize(serialize(kwargs))))
    assert again.serialize() == (path, kwargs)
    assert (again.job_ids, again.terms) == (("j1", "j2"), terms)


def test_started_in_the_triggerer_its_job_is_a_template_of_the_trigger() -> None:
    with DAG("d"):
        started = ArtificerBatchSensor(
            task_id="wait", job_id="{{ run_id }}", deferrable=True, start_from_trigger=True, timeout=60
        )
    [written] = DagSerialization.from_dict(DagSerialization.to_dict(started.dag)).tasks
    assert written.start_from_trigger is True
    arguments = written.start_trigger_args
    assert arguments is not None
    assert (arguments.trigger_cls, arguments.next_method) == (
        "artificer_provider.triggers.wait.ArtificerWaitTrigger",
        "execute_complete",
    )
    assert started.start_trigger_args is not None
    trigger = ArtificerWaitTrigger(**(started.start_trigger_args.trigger_kwargs or {}))
    assert trigger.job_id == "{{ run_id }}"
    assert trigger.terms == Terms(60.0, slots=0, until="completed")


def test_below_airflow_3_3_it_starts_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_airflow, "BaseTrigger", object)  # as there: it renders nothing
    sensor = ArtificerBatchSensor(task_id="wait", job_id="j1", deferrable=True, start_from_trigger=True)
    assert not sensor.start_from_trigger


def test_a_start_in_the_triggerer_that_cannot_be_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(ConfigurationError, match="needs deferrable=True"):
        ArtificerBatchSensor(task_id="wait", job_id="j1", deferrable=False, start_from_trigger=True)
    with pytest.raises(ConfigurationError, match="takes no output of a task"):
        ArtificerBatchSensor(
            task_id="wait",
            job_id=BaseOperator(task_id="create").output,  # type: ignore[arg-type] # as a DAG hands it over
            deferrable=True,
            start_from_trigger=True,
        )
    with pytest.raises(ConfigurationError, match="names map_indexes"):
        ArtificerBatchSensor(
            task_id="wait",
            job_id=["j1", "{{ ti.xcom_pull(task_ids='create') }}"],
            deferrable=True,
            start_from_trigger=True,
        )


async def test_a_rendered_job_id_that_is_none_wakes_the_task_with_a_sentence() -> None:
    trigger = ArtificerWaitTrigger("c", job_id="['j1', 'j2']", poll_interval=1.0)
    [fired] = [event async for event in trigger.run()]
    wake = Wake.from_json(fired.payload)
    assert wake.reason is Reason.REFUSED
    assert "render_template_as_native_obj" in str(wake.message)


def resumed(wake: Wake, *, soft_fail: bool = False, until: str = "completed") -> None:
    sensor = ArtificerBatchSensor(task_id="wait", job_id="j1", until=until, soft_fail=soft_fail, timeout=30)
    sensor.resume_execution("execute_complete", {"event": wake.to_json()}, NOTHING)


def test_its_time_being_over_is_a_sensor_timeout_and_with_soft_fail_a_skip() -> None:
    wake = Wake(Reason.DEADLINE, "j1", "RUNNING")
    with pytest.raises(AirflowSensorTimeout, match=r"j1 is still RUNNING.*left as it is"):
        resumed(wake)
    with pytest.raises(AirflowSkipException):
        resumed(wake, soft_fail=True)


def test_a_job_that_ended_otherwise_fails_for_good_and_with_soft_fail_is_a_skip() -> None:
    wake = Wake(Reason.OTHERWISE, "j1", "CANCELLED", "Job j1 ended CANCELLED.")
    with pytest.raises(AirflowFailException, match="ended CANCELLED"):
        resumed(wake)
    with pytest.raises(AirflowSkipException):
        resumed(wake, soft_fail=True)


def test_an_event_of_an_older_trigger_does_not_pass_a_failed_job_for_a_completed_one() -> None:
    with pytest.raises(AirflowFailException, match="ended FAILED"):
        resumed(Wake(Reason.ENDED, "j1", "FAILED"))
    resumed(Wake(Reason.ENDED, "j1", "FAILED"), until="any_terminal")


def test_a_deferral_that_airflow_itself_ends_is_skipped_with_soft_fail() -> None:
    sensor = ArtificerBatchSensor(task_id="wait", job_id="j1", soft_fail=True)
    with pytest.raises(AirflowSkipException):
        sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, NOTHING)
    with pytest.raises((TaskDeferralError, AirflowSensorTimeout)):
        ArtificerBatchSensor(task_id="wait", job_id="j1").resume_execution(
            "__fail__", {"error": "Trigger timeout"}, NOTHING
        )
