"""What somebody does who installed this package alone: a hook's call, and a DAG that is run to its end."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec

from airflow.sdk import DAG

from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.operators.batch import ArtificerRunBatchOperator

with DAG("alone", schedule=None) as dag:
    ArtificerRunBatchOperator(
        task_id="run_batch",
        items=["one", "two"],
        phases=[{"name": "echo"}],
        output=os.environ["ARTIFICER_TEST_OUTPUT"],
        poll_interval=0.2,
        deferrable=False,
    )

if __name__ == "__main__":
    said = ArtificerHook().test_connection()
    run = dag.test()
    extras = [name for name in ("pypdfium2", "pyarrow", "onnxruntime", "fastapi_offline") if find_spec(name)]
    print(json.dumps({"connection": said, "state": str(run.state), "extras": extras}))
