"""How large the jobs of a run are, on an engine that takes bodies of 1 MiB and no more (WIRE §1)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from support.airflow import Died, StoreDouble, TaskInstanceDouble, context
from support.run_batch import operator
from support.scripted_server import Reply
from support.shared import API_KEY, DEPLOYED
from support.trpc import Trpc

from artificer_provider.batch.layout import SMALL_JOB_BYTES, Bounds, lay_out, lot_of
from artificer_provider.batch.plan import Options, Phase, Work
from artificer_provider.batch.record import HEADER
from artificer_provider.batch.sources import Listed
from artificer_provider.client import Artificer
from artificer_provider.client.resources import _jobs
from artificer_provider.operators import _cutting
from artificer_provider.operators.batch import ArtificerCreateBatchOperator

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.common.compat.sdk import Context
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.scripted_server import Asked, ScriptedServer
    from support.shared import EngineWith

MIB = 1024 * 1024
#: 1.2 MB in all: more than a body of 1 MiB takes.
LONG = [f"{number} " + "x" * 99_000 for number in range(12)]
PHASES = [{"name": "only"}]


@dataclass
class Run:
    """One run on the engine under ``/api/trpc``, told apart by its name."""

    engine: Engine
    folder: Path
    name: str
    store: StoreDouble | None

    @property
    def context(self) -> Context:
        return context(self.store, replace(TaskInstanceDouble(), run_id=self.name))

    def execute(self, **changes: Any) -> dict[str, Any]:
        """Try once."""
        arguments = {"items": LONG, "phases": PHASES, "job_name": self.name, "poll_interval": 0.2, **changes}
        return operator(self.folder, **arguments).execute(self.context)

    @property
    def sizes(self) -> list[int]:
        """How many items each job of the run has, the oldest first."""
        found = Trpc(self.engine.http).query("batch.listJobs", {"limit": 100})["jobs"]
        return [job["totalItems"] for job in reversed(found) if job["name"].startswith(f"{self.name} ")]

    @property
    def header(self) -> dict[str, Any]:
        assert self.store is not None
        found: dict[str, Any] = self.store.values[HEADER]
        return found


@pytest.fixture
def run(
    engine_with: EngineWith,
    models: ModelServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    monkeypatch.setattr(_jobs, "START_TIMEOUT", 0.3)
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 0.0)
    engine = engine_with(DEPLOYED)
    connect(monkeypatch, f"{engine.url}/api/trpc", "trpc")
    return Run(engine, tmp_path, request.node.name[:80], StoreDouble())


def connect(monkeypatch: pytest.MonkeyPatch, host: str, dialect: str) -> None:
    fields = {"conn_type": "artificer", "host": host, "password": API_KEY, "extra": {"dialect": dialect}}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))


def test_jobs_under_api_trpc_are_cut_to_what_its_server_takes(run: Run, models: ModelServer) -> None:
    told = run.execute()
    assert run.sizes == [9, 3]
    assert told["counts"]["succeeded"] == len(LONG)
    assert Counter(models.texts()) == Counter(LONG)


def test_jobs_at_the_root_are_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, run.engine.url, "auto")
    run.execute()
    assert run.sizes == [12]


def test_a_job_that_is_too_large_is_refused_by_the_operator_that_makes_only_one(run: Run) -> None:
    create = ArtificerCreateBatchOperator(task_id="create", job_name=run.name, items=LONG, phases=PHASES)
    with pytest.raises(AirflowFailException, match=r"at most 10,000 items and 900,000 bytes"):
        create.execute(run.context)
    assert run.sizes == []


@pytest.mark.parametrize(
    "text",
    [
        "plain " * 1_000,
        "\x01\x1f\x7f" * 1_000,
        '"\\/\b\f\n\r\t' * 500,
        "안녕" * 2_000,
        "🙂" * 2_000,
        "\u2028" * 999,
    ],
    ids=["plain", "control", "quotes", "korean", "emoji", "separators"],
)
def test_a_shard_at_the_bound_is_a_body_that_the_server_takes(server: ScriptedServer, text: str) -> None:
    """With the longest name, every escape, metadata and phases: the body as it goes over the wire."""
    work = Work((Phase('p"' * 500, task_type="\x02" * 300, model="m" * 100),), Options(50, 100))
    items = [
        {"input": f"{number}{text}", "metadata": {"Schlüssel": ["ä", 1e22, None]}} for number in range(900)
    ]
    [shard, *others] = lay_out(Listed(items), work, Bounds(bytes=SMALL_JOB_BYTES)).shards
    assert others, "the first shard is full"
    sent = lot_of(Listed(items), shard, work).items
    phases = [phase.to_wire() for phase in work.phases]
    job = {"id": "j", "name": "n", "status": "PENDING", "totalItems": len(sent)}
    server.will_answer(Reply(body={"result": {"data": {"json": {"success": True, "job": job}}}}))
    with Artificer(base_url=f"{server.url}/api/trpc", dialect="trpc") as client:
        options = {**work.options.to_wire(), "auto_start": False}
        client.batch.create("\x01" * 200, sent, phases, options=options)
    [asked] = server.asked
    assert asked.path == "/api/trpc/batch.createJob"
    assert len(asked.body) <= SMALL_JOB_BYTES < MIB
    one_more = len(json.dumps(sent[-1], separators=(",", ":")).encode()) + 1
    assert len(asked.body) + one_more + 2_000 >= (
        SMALL_JOB_BYTES if text.isascii() and "\x7f" not in text else 0
    )


def test_a_refused_size_is_halved_until_the_engine_takes_it(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cutting, "SMALL_JOB_BYTES", 3_000_000)
    run.execute()
    assert run.sizes == [7, 5]
    assert (run.header["shards"], run.header["job_bytes"]) == (2, 750_000)
    assert Counter(models.texts()) == Counter(LONG)
    run.execute()  # recorded: a later try keeps the layout
    assert run.sizes == [7, 5]
    assert Counter(models.texts()) == Counter(LONG)


@dataclass
class DiesWhileCutting(StoreDouble):
    """Lets a try die between the shards of the old layout and those of the new one."""

    died: bool = False

    def set(self, key: str, value: dict[str, Any], **kwargs: Any) -> None:
        header = self.values.get(HEADER)
        if not self.died and header is not None and header["shards"] == 0 and key.endswith("_0001"):
            self.died = True
            raise Died
        super().set(key, value, **kwargs)


def test_a_try_that_dies_while_it_cuts_the_run_anew_is_followed_by_one_that_does_it_whole(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cutting, "SMALL_JOB_BYTES", 3_000_000)
    run.store = DiesWhileCutting()
    with pytest.raises(Died):
        run.execute()
    assert run.header["shards"] == 0
    run.execute()
    assert run.sizes == [7, 5]
    assert Counter(models.texts()) == Counter(LONG)


def test_what_was_started_is_not_cut_anew(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cutting, "SMALL_JOB_BYTES", 3_000_000)
    items = [*(f"short {number}" for number in range(11)), *LONG[:11]]
    with pytest.raises(AirflowFailException, match=r"exceeded 1mb limit.*Other jobs of this run are there"):
        run.execute(items=items, max_items_per_job=11)
    assert run.sizes == [11]
    assert run.header["shards"] == 2


def test_nothing_is_cut_anew_where_nothing_would_remember_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cutting, "SMALL_JOB_BYTES", 3_000_000)
    run.store = None
    with pytest.raises(AirflowFailException, match=r"Below Airflow 3.3 .* lower max_items_per_job"):
        run.execute()
    run.execute(max_items_per_job=6)
    assert run.sizes == [6, 6]


def test_an_item_that_no_job_takes_is_named(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """An engine behind a proxy that takes next to nothing."""

    def refuse(asked: Asked) -> Reply:
        if asked.method == "GET":
            return Reply(body={"result": {"data": {"json": {"success": True, "models": [], "jobs": []}}}})
        return Reply(413, raw=b"too large")

    server.otherwise = refuse
    connect(monkeypatch, server.url, "trpc")
    with pytest.raises(
        AirflowFailException, match=r"Item 1 takes 99,0\d\d bytes; a job of this engine takes"
    ):
        run.execute(items=["short", *LONG])
