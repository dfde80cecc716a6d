"""
A client for the AI Workflow Engine API, good without Airflow.

::

    with Artificer(base_url="http://localhost:3001") as client:
        job = client.batch.create("greetings", [{"input": "Hello"}], [{"name": "translate"}])
        job = client.batch.wait(job.id, timeout=600)
        for row in client.batch.iter_results(job.id):
            print(row.output)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artificer_provider.client._http import Artificer, AsyncArtificer

__all__ = ["Artificer", "AsyncArtificer"]


def __getattr__(name: str) -> object:
    # Loaded when first used: a DAG that is parsed needs the enums beside it, not httpx and pydantic.
    if name in __all__:
        from artificer_provider.client import _http

        return getattr(_http, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
