"""What engines answer, on either wire, as replies of a scripted server."""

from __future__ import annotations

from typing import Any

from support.scripted_server import Reply

JOB = {"id": "j1", "name": "n", "status": "PENDING", "totalItems": 1}


def job(status: str, **more: object) -> Reply:
    """A job, on the ``rest`` wire."""
    return Reply(body={**JOB, "status": status, **more})


def row(index: int) -> dict[str, object]:
    """A row, on the ``rest`` wire."""
    return {"itemIndex": index, "input": "x", "status": "COMPLETED", "output": str(index)}


def answer(value: object) -> Reply:
    """A success, on the ``trpc`` wire."""
    return Reply(body={"result": {"data": {"json": value}}})


def refusal(status: int, message: str, code: str = "INTERNAL_SERVER_ERROR") -> Reply:
    """A failure, on the ``trpc`` wire."""
    data = {"code": code, "httpStatus": status, "path": "p"}
    return Reply(status, {"error": {"json": {"message": message, "code": -32603, "data": data}}})


def standing(status: str, job_id: str = "j1", **more: object) -> Reply:
    """Where a job stands, on the ``trpc`` wire."""
    found = {"id": job_id, "name": "n", "status": status, "progress": {"totalItems": 1}, **more}
    return answer({"success": True, "status": found})


def listed(name: str, job_id: str, status: str = "PENDING") -> dict[str, Any]:
    """A row of ``batch.listJobs``, on the ``trpc`` wire."""
    return {"id": job_id, "name": name, "status": status, "totalItems": 1}


def trpc_row(index: int) -> dict[str, Any]:
    """A row of ``batch.getJobResults``, on the ``trpc`` wire."""
    sent = {"input": "x", "metadata": {"row": index}}
    return {"itemIndex": index, "input": sent, "status": "COMPLETED", "output": str(index), "errors": []}


DONE = answer({"success": True, "message": "done"})
HTML = Reply(404, raw=b"<!DOCTYPE html><title>404</title>", headers={"Content-Type": "text/html"})
