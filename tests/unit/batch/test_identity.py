from __future__ import annotations

from dataclasses import replace

from artificer_provider.batch.identity import RunKey, fingerprint, job_mark, job_name
from artificer_provider.batch.plan import Item, Options, Phase, Plan

RUN = RunKey("airflow", "dag", "task", "manual__1", -1)
PLAN = Plan((Item("a", {"k": 1}), Item("b")), (Phase("p", task_type="qa"),), Options(concurrency=2))


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


def test_what_is_billed_decides_the_fingerprint() -> None:
    others = [
        replace(PLAN, items=PLAN.items[::-1]),
        replace(PLAN, items=(*PLAN.items, Item("c"))),
        replace(PLAN, items=(Item("a", {"k": 2}), Item("b"))),
        replace(PLAN, phases=(Phase("p", task_type="summarize"),)),
        replace(PLAN, options=Options()),
    ]
    assert len({fingerprint(PLAN), *(fingerprint(other) for other in others)}) == 6


def test_the_order_of_keys_does_not_matter() -> None:
    one = replace(PLAN, items=(Item("a", {"x": 1, "y": 2}),))
    other = replace(PLAN, items=(Item("a", {"y": 2, "x": 1}),))
    assert fingerprint(one) == fingerprint(other)


def test_a_name_fits_and_keeps_its_mark() -> None:
    mark = job_mark(RUN, fingerprint(PLAN), 3)
    assert mark == f"af-{RUN.digest()[:16]}-{fingerprint(PLAN)[:8]}-g3-r0-s0/1"
    name = job_name("x" * 500, mark)
    assert len(name) == 200
    assert name.endswith(" " + mark)
    assert job_name("", mark) == mark
