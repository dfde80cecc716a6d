"""Jobs on an engine that are of task instances, as operators leave them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from artificer_provider.batch.identity import JobKey, RunKey
from artificer_provider.links import JOBS_KEY

if TYPE_CHECKING:
    from support.api_server import ApiServer, Task
    from support.engine import Engine
    from support.model_server import ModelServer

KEY = "sk_kept_on_the_server"
ACTION = {"Content-Type": "application/json", "X-Artificer-Action": "1"}


@dataclass(frozen=True)
class Jobs:
    """Makes jobs of task instances."""

    server: ApiServer
    engine: Engine
    model: ModelServer

    def name(self, task: Task, own: str = "reviews") -> str:
        """Give the name that a run of this task gives its job."""
        run = RunKey("airflow", task.dag_id, task.task_id, task.run_id, task.map_index)
        return JobKey(run, "0123456789abcdef", 0, 0, 0, 1).name(own)

    def create(self, name: str, items: int = 3, *, start: bool = True) -> str:
        """Make a job."""
        made = self.engine.create(
            {
                "name": name,
                "items": [{"input": f"{name} {number}"} for number in range(items)],
                "phases": [{"name": "say"}],
                "options": {"autoStart": start, "concurrency": 2},
            }
        )
        return str(made["id"])

    def of(self, task: Task, items: int = 3, *, start: bool = True) -> str:
        """Make the job of a task instance, which tells of it."""
        job_id = self.create(self.name(task), items, start=start)
        self.tell(task, job_id)
        return job_id

    def tell(self, task: Task, *job_ids: str, connection_id: str = "engine", **more: Any) -> None:
        """Have a task instance say that these are its jobs."""
        self.server.leave(task, JOBS_KEY, {"connection_id": connection_id, "job_ids": [*job_ids], **more})
