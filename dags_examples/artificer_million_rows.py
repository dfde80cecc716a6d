"""
Make a Parquet file of any number of rows, summarise each over several tasks, and land them as Parquet.

**Shows** ``sharded_batch``: one task reads the file once and cuts it into parts, mapped tasks run a part
each, and one gathers what they came to. No row passes through XCom, none of the tasks holds all of them, and
``check`` counts at the end what lies on the storage.

**Costs** one call for each row. On the embedded engine's extractive models nothing but time: 14 ms of CPU a
row on ``extractive-minilm``, and half of one on ``extractive-tfidf``. Trigger it with ``{"rows": 1000000}``
for a million; unless told it makes 2,000.

**Needs** the connection ``artificer_default`` and the extra ``parquet``. ``ARTIFICER_MILLION_ROWS_MODEL``
names the model, the engine's own unless given. The rows land in the folder that
``ARTIFICER_MILLION_ROWS_OUTPUT`` names, which may hold templates and which all workers have to reach; a
folder of the system's temporary one otherwise.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath, Param, dag, task

from artificer_provider.operators.sharded import sharded_batch

OUTPUT = os.environ.get("ARTIFICER_MILLION_ROWS_OUTPUT") or str(
    Path(tempfile.gettempdir()) / "artificer-million-rows" / "{{ run_id }}"
)
MODEL = os.environ.get("ARTIFICER_MILLION_ROWS_MODEL")
ROWS = "{{ params.rows }}"
#: Rows that are held at once while the file is made.
BLOCK = 10_000


@dag(
    schedule=None,
    params={"rows": Param(2_000, type="integer", minimum=1, maximum=10_000_000)},
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_million_rows() -> None:
    """Make the rows, run them, and count them."""

    @task
    def make(rows: str, output: str) -> str:
        """Write the input block by block, and say where it is."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder, count = ObjectStoragePath(output), int(rows)
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / "orders.parquet"
        schema = pa.schema([("order", pa.int64()), ("text", pa.string())])
        with place.open("wb") as file, pq.ParquetWriter(file, schema) as writer:
            for first in range(0, count, BLOCK):
                orders = range(first, min(first + BLOCK, count))
                texts = [f"Order {n} left the warehouse. It weighs {n % 40 + 1} kilograms." for n in orders]
                writer.write_table(pa.table({"order": list(orders), "text": texts}, schema))
        return str(place)

    @task
    def check(whole: dict[str, Any], rows: str) -> int:
        """Count the rows on the storage, and fail when one is missing."""
        import pyarrow.parquet as pq

        folder = ObjectStoragePath(whole["manifest"]).parent
        landed = 0
        for part in sorted(folder.glob("part-*/rows-*.parquet")):
            with part.open("rb") as file:
                landed += pq.ParquetFile(file).metadata.num_rows
        if not landed == whole["counts"]["succeeded"] == int(rows):
            raise ValueError(f"{landed} rows of {rows} landed: {whole['counts']}")
        return landed

    whole = sharded_batch(
        "orders",
        items=make(ROWS, OUTPUT),
        input_column="text",
        metadata_columns=["order"],
        phases=[
            {
                "name": "summarize",
                "task_type": "summarize",
                "model": MODEL,
                "parameters": {"sentences": 1},
            }
        ],
        options={"concurrency": 10},
        output=OUTPUT,
        output_format="parquet",
        tasks=2,
        deferrable=True,
        poll_interval=2,
    )
    check(whole, ROWS)  # type: ignore[arg-type] # Airflow hands over the value when it runs


artificer_million_rows()
