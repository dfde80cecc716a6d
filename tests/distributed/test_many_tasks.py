"""Hundreds of mapped batches over two workers, two schedulers and two triggerers."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support.books import asked_of, check_landed
from support.engine_books import busy_share, job_lines
from support.load import Load

if TYPE_CHECKING:
    from support.site import Site

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.distributed, pytest.mark.timeout(1800)]

#: What a model takes for an answer; five of them make a job of twenty seconds.
ANSWER_SECONDS = 4.0
BUSY_AT_LEAST = 0.9


def test_two_hundred_mapped_batches_keep_the_engine_busy(site: Site) -> None:
    load = Load("fan_out", "fan-out", files=200, items=5)
    site.models.delay = ANSWER_SECONDS
    began = time.monotonic()
    site.begin(load)
    assert site.airflow.wait_over(load.dag_id, load.run_id, seconds=1500) == "success"
    took = time.monotonic() - began
    assert asked_of(site.models, load.run_id) == Counter(load.texts)
    check_landed(load, site.outputs / load.run_id)
    jobs = [job for job in job_lines(site.engine_data) if job.run_id == load.run_id]
    assert Counter(job.status for job in jobs) == {"COMPLETED": 200}
    share = busy_share(jobs)
    log.info("200 mapped batches in %.0f s; the engine was busy %.1f %% of the time", took, 100 * share)
    assert share >= BUSY_AT_LEAST
    assert site.airflow.restarts == []


def test_one_large_batch_is_cut_into_mapped_tasks_and_gathered(site: Site) -> None:
    load = Load("sharded", "sharded", files=1, items=400)
    site.models.delay = 0.05
    site.begin(load)
    assert site.airflow.wait_over(load.dag_id, load.run_id, seconds=600) == "success"
    assert asked_of(site.models, load.run_id) == Counter(load.texts)
    check_landed(load, site.outputs / load.run_id)
    gathered = site.airflow.xcom(load.dag_id, load.run_id, "batch.gather")
    assert (gathered["items"], gathered["parts"]) == (400, 8)
