"""
An engine that answers at once, in a process of its own: what is spent beside it is the caller's alone.

It speaks either wire as far as a run needs it. A job that is started is done: each phase has answered each
item. It keeps what jobs are made of and nothing else, and makes the rows when they are asked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "instant"
ANSWER = "An answer that is there at once, about as long as a short sentence is."
COST, TOKENS = 0.0001, 40
Json = dict[str, Any]


@contextmanager
def instant_engine() -> Iterator[str]:
    """Start one, and give its address."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@dataclass
class Job:
    """A job, as it was created."""

    id: str
    name: str
    items: list[Json]
    phases: list[str]
    status: str = "PENDING"

    def described(self) -> Json:
        return {"id": self.id, "name": self.name, "status": self.status, "totalItems": len(self.items)}

    def rows(self, wire: str) -> Iterator[bytes]:
        """Make the rows: what is the same in all of them is written once."""
        answers = {"phaseOutputs": dict.fromkeys(self.phases, ANSWER), "output": ANSWER, "errors": []}
        models = {"phaseModels": dict.fromkeys(self.phases, MODEL)} if wire == "rest" else {}
        figures = {"costIncurred": COST, "tokensUsed": TOKENS, "processingTimeMs": 1}
        same = json.dumps({"status": "COMPLETED", **answers, **models, **figures})[1:]
        for index, item in enumerate(self.items):
            given = json.dumps(item if wire == "rest" else {"input": item})
            yield f'{{"itemIndex": {index}, {given[1:-1]}, {same}'.encode()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a reply goes out in one piece
    jobs: dict[str, Job]

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path.startswith("/batch."):
            said = json.loads(parse_qs(asked.query)["input"][0])["json"]
            self._answer_query(asked.path.removeprefix("/batch."), self.jobs[said["jobId"]])
        elif asked.path == "/api/batch":
            self._answer_json([])  # asked by a name that no job has
        elif asked.path.startswith("/api/batch/"):
            job_id, _, what = asked.path.removeprefix("/api/batch/").partition("/")
            self._answer_job(self.jobs[job_id], what)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)  # what a run can live without, such as a price list

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = json.loads(body) if body else {}
        if self.path.startswith("/batch."):
            self._answer_mutation(self.path.removeprefix("/batch."), said["json"])
        elif self.path == "/api/batch":
            self._answer_json(self._create(said, self.headers.get("Idempotency-Key")).described())
        else:
            job = self.jobs[self.path.split("/")[3]]
            job.status = "COMPLETED"
            self._answer_json(job.described())

    def log_message(self, *_said: object) -> None:
        """Say nothing: what a caller makes of an answer is told by the caller."""

    def _create(self, said: Json, key: str | None) -> Job:
        job_id = key.replace("/", "-") if key else f"job-{len(self.jobs) + 1}"
        phases = [phase["name"] for phase in said["phases"]]
        return self.jobs.setdefault(job_id, Job(job_id, said["name"], said["items"], phases))

    def _answer_job(self, job: Job, what: str) -> None:
        if what == "results":
            end = json.dumps({"_end": {"rows": len(job.items)}}).encode()
            self._answer(b"\n".join([*job.rows("rest"), end]), "application/x-ndjson")
        else:
            self._answer_json(job.described())

    def _answer_query(self, procedure: str, job: Job) -> None:
        if procedure == "getJobResults":
            rows = b",".join(job.rows("trpc"))
            self._answer(b'{"result":{"data":{"json":{"success":true,"results":[%b]}}}}' % rows)
        else:
            said = job.described()
            self._answer_data({"success": True, "status": {**said, "progress": {**said, "failedItems": 0}}})

    def _answer_mutation(self, procedure: str, said: Json) -> None:
        if procedure == "createJob":
            self._answer_data({"success": True, "job": self._create(said, None).described()})
        else:
            self.jobs[said["jobId"]].status = "COMPLETED"
            self._answer_data({"success": True, "message": "started"})

    def _answer_data(self, data: Json) -> None:
        self._answer_json({"result": {"data": {"json": data}}})

    def _answer_json(self, value: Json | list[Json]) -> None:
        self._answer(json.dumps(value).encode())

    def _answer(self, content: bytes, kind: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-RateLimit-Remaining", "999")  # calls are not counted here
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    Handler.jobs = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
