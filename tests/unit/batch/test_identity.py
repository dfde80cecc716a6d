from __future__ import annotations

from dataclasses import replace

from artificer_provider.batch.identity import JobKey, RunKey

RUN = RunKey("airflow", "dag", "task", "manual__1", -1)
KEY = JobKey(RUN, "0123456789abcdef", generation=3, round=1, shard=4, shards=12)


def test_each_part_of_the_run_makes_another_run() -> None:
    others = [
        replace(RUN, namespace="staging"),
        replace(RUN, dag_id="dag2"),
        replace(RUN, task_id="task2"),
        replace(RUN, run_id="manual__2"),
        replace(RUN, map_index=0),
    ]
    assert len({RUN.digest(), *(other.digest() for other in others)}) == 6


def test_parts_do_not_run_into_each_other() -> None:
    assert replace(RUN, dag_id="a", task_id="bc").digest() != replace(RUN, dag_id="ab", task_id="c").digest()


def test_each_part_of_a_job_makes_another_mark() -> None:
    others = [
        replace(KEY, run=replace(RUN, task_id="task2")),
        replace(KEY, fingerprint="fedcba9876543210"),
        replace(KEY, generation=4),
        replace(KEY, round=2),
        replace(KEY, shard=5),
        replace(KEY, shards=13),
    ]
    assert len({KEY.mark, *(other.mark for other in others)}) == 7


def test_a_name_fits_and_keeps_its_mark() -> None:
    assert KEY.mark == f"af-{RUN.digest()[:16]}-01234567-g3-r1-s4/12"
    name = KEY.name("x" * 500)
    assert len(name) == 200
    assert name.endswith(" " + KEY.mark)
    assert KEY.name("") == KEY.mark
