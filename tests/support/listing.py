"""An engine that is a list of jobs, behind a scripted server: on the ``rest`` wire, with changes told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from support.scripted_server import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.scripted_server import Asked


def gone() -> Reply:
    return Reply(404, {"error": {"message": "There is no batch job like that.", "code": "not_found"}})


@dataclass
class Listing:
    """
    :param fault: gives what is answered in the place of the truth, or None for that.
    """

    statuses: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    fault: Callable[[Asked], Reply | None] = lambda _: None
    extra: dict[str, object] = field(default_factory=dict)

    def set(self, job_id: str, status: str) -> None:
        self.statuses[job_id] = status
        self.changed.append(job_id)

    def row(self, job_id: str) -> dict[str, object]:
        return {"id": job_id, "name": "n", "status": self.statuses[job_id], "totalItems": 1, **self.extra}

    def __call__(self, asked: Asked) -> Reply:
        wrong = self.fault(asked)
        if wrong is not None:
            return wrong
        parts = urlsplit(asked.path)
        said = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if parts.path != "/api/batch":
            job_id = parts.path.rsplit("/", 1)[1]
            return Reply(body=self.row(job_id)) if job_id in self.statuses else gone()
        end = len(self.changed)
        if "updatedSince" in said:
            jobs = [self.row(job_id) for job_id in dict.fromkeys(self.changed[int(said["updatedSince"]) :])]
            return Reply(body={"jobs": jobs, "nextCursor": str(end), "hasMore": False})
        begin = int(said["offset"])
        ids = [*reversed(self.statuses)][begin : begin + int(said["limit"])]
        headers = {"X-Total-Count": str(len(self.statuses)), "X-Next-Cursor": str(end)}
        return Reply(body=[self.row(job_id) for job_id in ids], headers=headers)
