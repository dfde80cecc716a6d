"""Which job is of which task."""

from __future__ import annotations

from dataclasses import replace

import pytest

from artificer_provider.batch.identity import JobKey, RunKey, marked_run, own_name
from artificer_provider.client.limits import MAX_NAME_CHARS
from artificer_provider.hooks.settings import Settings
from artificer_provider.ui.engines import Engine
from artificer_provider.ui.owners import TaskJobs, by_job, owner, read_jobs

MAKER = RunKey("airflow", "dag", "make", "run", -1)
WAITER = RunKey("airflow", "dag", "wait", "run", -1)


def name_by(task: RunKey, own: str = "reviews") -> str:
    return JobKey(task, "0123456789abcdef", 2, 1, 10, 12).name(own)


def said(*job_ids: str, connection_id: str = "engine") -> dict[str, object]:
    return {"connection_id": connection_id, "job_ids": list(job_ids)}


def test_the_mark_of_a_job_names_its_run() -> None:
    assert marked_run(name_by(MAKER)) == MAKER.digits
    assert marked_run(name_by(MAKER, "")) == MAKER.digits
    assert marked_run(name_by(MAKER, "x" * 300)) == MAKER.digits


@pytest.mark.parametrize(
    "name",
    [
        "reviews",
        "",
        "xaf-0123456789abcdef-01234567-g0-r0-s0/1",
        name_by(MAKER) + " copy",
        "af-0123456789abcde-01234567-g0-r0-s0/1",
    ],
)
def test_what_is_no_mark_names_none(name: str) -> None:
    assert marked_run(name) is None
    assert own_name(name) == name


def test_the_own_name_of_a_job_is_what_its_user_gave_it() -> None:
    assert own_name(name_by(MAKER)) == "reviews"
    assert own_name(name_by(MAKER, "")) == name_by(MAKER, "")
    assert set(own_name(name_by(MAKER, "x" * MAX_NAME_CHARS))) == {"x"}


@pytest.mark.parametrize(
    ("value", "jobs"),
    [
        (said("a", "b"), TaskJobs("engine", ["a", "b"])),
        ({**said("a"), "more": 7}, TaskJobs("engine", ["a"], 7)),
        ({**said("a"), "more": "many"}, TaskJobs("engine", ["a"])),
        ({"connection_id": "engine", "job_ids": ["a", 1, None]}, TaskJobs("engine", ["a"])),
        ({"connection_id": "engine", "job_ids": "abc"}, None),
        ({"connection_id": None, "job_ids": []}, None),
        ("text", None),
        (None, None),
        ([], None),
    ],
)
def test_what_a_task_left_is_read_or_nothing(value: object, jobs: TaskJobs | None) -> None:
    assert read_jobs(value) == jobs


def test_the_owner_is_whose_mark_the_job_bears_whoever_else_names_it() -> None:
    for order in ([(WAITER, said("j")), (MAKER, said("j"))], [(MAKER, said("j")), (WAITER, said("j"))]):
        assert owner("j", name_by(MAKER), by_job("engine", order)) == MAKER


def test_nobody_owns_a_marked_job_by_naming_it() -> None:
    assert owner("j", name_by(MAKER), by_job("engine", [(WAITER, said("j"))])) is None


def test_a_job_without_a_mark_is_of_the_first_who_named_it() -> None:
    newest_first = [(WAITER, said("j")), (MAKER, said("j"))]
    assert owner("j", "by hand", by_job("engine", newest_first)) == MAKER


def test_a_job_of_another_connection_is_another_job() -> None:
    assert owner("j", "by hand", by_job("engine", [(MAKER, said("j", connection_id="other"))])) is None


@pytest.mark.parametrize(("namespace", "named"), [(None, "airflow"), ("team", "team")])
async def test_a_task_is_known_by_the_namespace_of_the_connection_where_it_has_one(
    namespace: str | None, named: str
) -> None:
    engine = Engine(Settings("http://127.0.0.1:9", None, namespace=namespace))
    assert engine.key_of(MAKER) == replace(MAKER, namespace=named)
    await engine.close()
