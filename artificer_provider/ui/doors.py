"""Who may come in: what is asked of every request, before anything is looked up for it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, status
from starlette.concurrency import run_in_threadpool

from artificer_provider.ui._airflow import (
    BaseUser,
    DagAccessEntity,
    base_url,
    get_user,
    may_use_dag,
    requires_access_connection,
    requires_access_dag,
)

ACTION_HEADER = "X-Artificer-Action"
_PORTS = {"http": 80, "https": 443}

#: Who asks; without a token there is no going on.
User = Annotated[BaseUser, Depends(get_user)]


def is_own_origin(origin: str, host: str, base: str) -> bool:
    """
    Tell whether a page at an origin is one of this Airflow's.

    :param origin: as the browser says it: ``https://airflow.example.com``.
    :param host: what the request was sent to; a proxy may have put its own word there.
    :param base: where people find this Airflow, as far as it was told.
    """
    try:
        asked, told = urlsplit(origin), urlsplit(base)
        port = asked.port or _PORTS.get(asked.scheme)
        to = urlsplit(f"{asked.scheme}://{host}")
        places = {(to.hostname, to.port or _PORTS.get(asked.scheme))}
        if told.hostname:
            places.add((told.hostname, told.port or _PORTS.get(told.scheme)))
    except ValueError:  # a port that is none
        return False
    return asked.hostname is not None and (asked.hostname, port) in places


def page_of_ours(request: Request) -> None:
    """
    Refuse a change that no page of ours asks for.

    A form on a foreign page can send neither this header nor JSON, and says where it is from. The cookie is
    ``SameSite=Lax``, which keeps out foreign sites, but not other servers of the same one.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise _refused("An action needs the content type application/json.")
    if request.headers.get(ACTION_HEADER) != "1":
        raise _refused(f"An action needs the header {ACTION_HEADER}: 1.")
    origin = request.headers.get("origin")
    if origin is not None and not is_own_origin(origin, request.headers.get("host", ""), base_url()):
        raise _refused(
            f"An action asked for by a page of {origin[:200]} is refused; if that is where this Airflow is, "
            "[api] base_url must say so."
        )


def _refused(sentence: str) -> HTTPException:
    return HTTPException(status.HTTP_403_FORBIDDEN, sentence)


async def reads_all_xcom(user: User) -> None:
    """Let in who may read what the tasks of all DAGs leave: rows of any job are no less."""
    # Not requires_access_dag: that would go by a dag_id in the query, which is the browser's to choose.
    if not await run_in_threadpool(may_use_dag, user, "GET", None, DagAccessEntity.XCOM):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Forbidden")


READS_CONNECTION = [Depends(requires_access_connection("GET"))]
READS_ROWS_OF_CONNECTION = [*READS_CONNECTION, Depends(reads_all_xcom)]
CHANGES_CONNECTION = [
    *READS_CONNECTION,
    Depends(requires_access_connection("PUT")),
    Depends(page_of_ours),
]
READS_TASK = [Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))]
READS_ROWS_OF_TASK = [*READS_TASK, Depends(requires_access_dag("GET", DagAccessEntity.XCOM))]
CHANGES_TASK = [
    *READS_TASK,
    Depends(requires_access_dag("PUT", DagAccessEntity.TASK_INSTANCE)),
    Depends(page_of_ours),
]
