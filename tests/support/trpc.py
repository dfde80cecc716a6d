"""Calls of an engine's procedures, as a tRPC client makes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx


class Trpc:
    """A client for one engine, at the root or under a prefix."""

    def __init__(self, http: httpx.Client, prefix: str = "/") -> None:
        self.http = http
        self.prefix = prefix

    def get(self, name: str, value: object = None, **headers: str) -> httpx.Response:
        """Query, and give the reply as it is."""
        parameters = {} if value is None else {"input": json.dumps({"json": value})}
        return self.http.get(f"{self.prefix}{name}", params=parameters, headers=headers)

    def post(self, name: str, value: object = None, **headers: str) -> httpx.Response:
        """Mutate, and give the reply as it is."""
        return self.http.post(f"{self.prefix}{name}", json={"json": value}, headers=headers)

    def query(self, name: str, value: object = None) -> Any:
        """Query, and give the value."""
        return value_of(self.get(name, value))

    def mutate(self, name: str, value: object = None) -> Any:
        """Mutate, and give the value."""
        return value_of(self.post(name, value))

    def create(self, body: Mapping[str, Any]) -> str:
        job_id: str = self.mutate("batch.createJob", body)["job"]["id"]
        return job_id

    def act(self, job_id: str, action: str) -> httpx.Response:
        return self.post(f"batch.{action}Job", {"jobId": job_id})

    def status(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.query("batch.getJobStatus", {"jobId": job_id})["status"]
        return found

    def results(self, job_id: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.query("batch.getJobResults", {"jobId": job_id})["results"]
        return rows

    def wait_for(self, job_id: str, status: str, seconds: float = 30.0) -> dict[str, Any]:
        wait_until(lambda: self.status(job_id)["status"] == status, f"job {status}", seconds)
        return self.status(job_id)


def value_of(reply: httpx.Response) -> Any:
    assert reply.status_code == 200, reply.text
    return reply.json()["result"]["data"]["json"]


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """Give an error's JSON, which is the same at every depth."""
    error: dict[str, Any] = reply.json()["error"]["json"]
    assert error["data"]["httpStatus"] == reply.status_code
    assert error["data"]["message"] == error["message"]
    assert "stack" not in error["data"]
    return error
