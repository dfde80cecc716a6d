"""
What Airflow loads: the app behind our pages, and the two pages.

Every Airflow process loads each plugin, a worker that runs one task too, so this imports nothing of ours: the
app is built by the one process that serves it, when it asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowPlugin, conf

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Where Airflow mounts the app, below its own base path.
URL_PREFIX = "/artificer"
#: The page that the menu opens, and the tab of a task instance.
PAGE_ROUTE, TAB_ROUTE = "artificer", "artificer_job"


class _Lazy(Generic[T]):
    """An attribute that is made when it is read. Airflow reads it of the class or of an instance."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    def __get__(self, instance: object, owner: type | None = None) -> T:
        return self._make()


def _fastapi_apps() -> list[dict[str, Any]]:
    from artificer_provider.ui.app import shared_app

    return [{"app": shared_app(), "url_prefix": URL_PREFIX, "name": "Artificer"}]


def _react_apps() -> list[dict[str, Any]]:
    base_path = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    static = f"{base_path}{URL_PREFIX}/static"
    shown = {
        "bundle_url": f"{static}/plugin.js",
        "icon": f"{static}/icon.svg",
        "icon_dark_mode": f"{static}/icon-dark.svg",
    }
    return [
        {"name": "Artificer", "destination": "nav", "url_route": PAGE_ROUTE, **shown},
        {"name": "Artificer job", "destination": "task_instance", "url_route": TAB_ROUTE, **shown},
    ]


class ArtificerPlugin(AirflowPlugin):
    """Adds the page "Artificer" to the menu, and a tab with its job to a task instance."""

    name = "artificer"
    fastapi_apps = _Lazy(_fastapi_apps)
    react_apps = _Lazy(_react_apps)
