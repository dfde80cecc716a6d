"""
What the pages need of Airflow that ``airflow.sdk`` does not offer; the one file that reaches into its inside.

What asks the metadata database or the auth manager here takes its time: call it in a thread.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import (
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import get_user, requires_access_connection, requires_access_dag
from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]  # what the models raise
from airflow.models import Connection, TaskInstance
from airflow.models.dag import DagModel
from airflow.models.xcom import XComModel
from airflow.providers.common.compat.sdk import conf
from airflow.utils.session import create_session
from sqlalchemy import select

from artificer_provider import configured
from artificer_provider.batch.identity import RunKey
from artificer_provider.hooks.artificer import ArtificerHook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.orm import Session

__all__ = [
    "BaseUser",
    "DagAccessEntity",
    "get_user",
    "requires_access_connection",
    "requires_access_dag",
]

Method = Literal["GET", "PUT"]

_FROM_ENVIRONMENT = "AIRFLOW_CONN_"
#: Of a run with more task instances than this, no more are looked at.
_MAX_TASKS = 10_000


class NoConnectionError(Exception):
    """There is no connection of this id to an Artificer engine."""


class Described(NamedTuple):
    """A connection, as far as it is shown."""

    conn_id: str
    description: str | None


class Pushed(NamedTuple):
    """What a task instance left under some key."""

    task: RunKey
    value: object


def base_url() -> str:
    """Say where people find this Airflow, as far as it was told."""
    return str(conf.get("api", "base_url", fallback="") or "")


def namespace() -> str:
    """Say what tells the runs of this Airflow from those of another."""
    return configured.namespace()


def run_key(dag_id: str, run_id: str, task_id: str, map_index: int) -> RunKey:
    """Name a task instance of this Airflow."""
    return RunKey(namespace(), dag_id, task_id, run_id, map_index)


def may_use_connection(user: BaseUser, method: Method, conn_id: str) -> bool:
    """Tell whether a user may read a connection, or change it."""
    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return get_auth_manager().is_authorized_connection(method=method, details=details, user=user)


def may_use_dag(
    user: BaseUser, method: Method, dag_id: str | None, entity: DagAccessEntity | None = None
) -> bool:
    """
    Tell whether a user may read what is of a DAG, or change it.

    :param dag_id: the DAG; None for all of them.
    :param entity: what of it; the DAG itself unless given.
    """
    team_name = None if dag_id is None else DagModel.get_team_name(dag_id)
    details = DagDetails(id=dag_id, team_name=team_name)
    return get_auth_manager().is_authorized_dag(
        method=method, access_entity=entity, details=details, user=user
    )


def readable_dags(user: BaseUser, dag_ids: Iterable[str]) -> set[str]:
    """Pick the DAGs that a user may read."""
    return {dag_id for dag_id in dag_ids if may_use_dag(user, "GET", dag_id)}


def find_connection(conn_id: str) -> Connection:
    """
    Look a connection up where Airflow does: secrets backends, environment, database.

    One of another type is none of ours: its password is for another server, and is sent to none.

    :raises NoConnectionError: where there is none, or it is of another type.
    """
    try:
        found = Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        raise NoConnectionError(f"There is no connection {conn_id!r}.") from None
    if found.conn_type != ArtificerHook.conn_type:
        raise NoConnectionError(f"The connection {conn_id!r} is none to an Artificer engine.")
    return found


def connections() -> list[Described]:
    """List the connections to engines: those of the database and of the environment, and the default one."""
    with create_session(scoped=False) as session:
        rows = session.execute(
            select(Connection.conn_id, Connection.description)
            .where(Connection.conn_type == ArtificerHook.conn_type)
            .order_by(Connection.conn_id)
        )
        found = {row.conn_id: Described(row.conn_id, row.description) for row in rows}
    for conn_id in [*_of_environment(), ArtificerHook.default_conn_name]:
        if conn_id not in found and (described := _described(conn_id)) is not None:
            found[conn_id] = described
    return [found[conn_id] for conn_id in sorted(found)]


def _of_environment() -> Iterator[str]:
    for name in os.environ:
        # One of a team has a further underscore in front, and is looked up for that team alone.
        if name.startswith(_FROM_ENVIRONMENT) and name[len(_FROM_ENVIRONMENT) :].strip("_"):
            yield name[len(_FROM_ENVIRONMENT) :].lower()


def _described(conn_id: str) -> Described | None:
    try:
        found = find_connection(conn_id)
    except (NoConnectionError, ValueError):  # none, or what the environment says of it cannot be read
        return None
    return Described(conn_id, found.description)


def task_state(task: RunKey) -> tuple[bool, str | None]:
    """Tell whether there is such a task instance, and its state."""
    with create_session(scoped=False) as session:
        row = session.execute(
            select(TaskInstance.state).where(
                TaskInstance.dag_id == task.dag_id,
                TaskInstance.run_id == task.run_id,
                TaskInstance.task_id == task.task_id,
                TaskInstance.map_index == task.map_index,
            )
        ).first()
    return row is not None, None if row is None or row.state is None else str(row.state)


def tasks_of_run(task: RunKey) -> list[RunKey]:
    """Name the task instances of the run that one is of."""
    with create_session(scoped=False) as session:
        rows = session.execute(
            select(TaskInstance.task_id, TaskInstance.map_index)
            .where(TaskInstance.dag_id == task.dag_id, TaskInstance.run_id == task.run_id)
            .limit(_MAX_TASKS)
        )
        return [run_key(task.dag_id, task.run_id, row.task_id, row.map_index) for row in rows]


def xcom(task: RunKey, key: str) -> object:
    """Read what a task instance left under a key; None where it left nothing."""
    with create_session(scoped=False) as session:
        value: object = session.scalar(
            select(XComModel.value).where(
                XComModel.dag_id == task.dag_id,
                XComModel.run_id == task.run_id,
                XComModel.task_id == task.task_id,
                XComModel.map_index == task.map_index,
                XComModel.key == key,
            )
        )
    return _plain(value)


def newest_xcoms(key: str, limit: int) -> list[Pushed]:
    """Read what task instances left under a key, the newest first."""
    with create_session(scoped=False) as session:
        return [*_newest(session, key, limit)]


def _newest(session: Session, key: str, limit: int) -> Iterator[Pushed]:
    rows = session.execute(
        select(XComModel.dag_id, XComModel.run_id, XComModel.task_id, XComModel.map_index, XComModel.value)
        .where(XComModel.key == key)
        .order_by(XComModel.timestamp.desc())
        .limit(limit)
    )
    for row in rows:
        yield Pushed(run_key(row.dag_id, row.run_id, row.task_id, row.map_index), _plain(row.value))


def _plain(value: object) -> object:
    """Read a value without making objects of what it names: what came over REST is text in the column."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
