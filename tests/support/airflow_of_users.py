"""A whole Airflow with users who may do different things, and the plugin as the wheel declares it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_base import FOUND_SECONDS
from local_airflow import LocalAirflow
from processes import wait_until

from artificer_provider.links import JOBS_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PASSWORD = "open sesame"
#: The roles of Airflow's simple auth manager: an admin may do all, a viewer may look at DAGs.
ROLES = {"admin": "admin", "viewer": "viewer", "nobody": ""}


class AirflowOfUsers(LocalAirflow):
    """An Airflow that asks who you are."""

    def __init__(self, home: Path, dags_folder: Path, env: Mapping[str, str]) -> None:
        passwords = home / "passwords.json"
        passwords.write_text(json.dumps(dict.fromkeys(ROLES, PASSWORD)))
        users = {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
                f"{name}:{role}" for name, role in ROLES.items()
            ),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        }
        super().__init__(home, dags_folder, {**users, **env})

    def token(self, user: str) -> str:
        """Sign a user in."""
        reply = self._http.post("/auth/token", json={"username": user, "password": PASSWORD})
        return str(reply.raise_for_status().json()["access_token"])

    def started(self, dag_id: str, task_id: str) -> tuple[str, str]:
        """Trigger a DAG, and give the ids of its run and of the one job that the task tells of."""
        run_id = self.trigger(dag_id)
        wait_until(lambda: self.xcom(dag_id, run_id, task_id, JOBS_KEY), seconds=FOUND_SECONDS)
        [job_id] = self.xcom(dag_id, run_id, task_id, JOBS_KEY)["job_ids"]
        return run_id, job_id

    def _own_token(self) -> str:
        return self.token("admin")
