"""
The hook: an Airflow connection of type ``artificer`` made into clients.

A DAG that is parsed imports this, so it loads nothing of the client before a task runs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from artificer_provider import configured
from artificer_provider.hooks.settings import Settings

if TYPE_CHECKING:
    from artificer_provider.client import Artificer, AsyncArtificer

__all__ = ["ArtificerHook", "Settings"]


class ArtificerHook(BaseHook):
    """
    Talks to an Artificer engine.

    :param artificer_conn_id: the connection: its host is the engine's base URL, its password the API key, and
        its extra holds the rest (:class:`~artificer_provider.hooks.settings.Settings`).
    """

    conn_name_attr = "artificer_conn_id"
    default_conn_name = "artificer_default"
    conn_type = "artificer"
    hook_name = "Artificer"

    def __init__(self, artificer_conn_id: str = default_conn_name, **kwargs: Any) -> None:  # noqa: ANN401 - BaseHook's
        super().__init__(**kwargs)
        self.artificer_conn_id = artificer_conn_id

    def settings(self) -> Settings:
        """
        Read the connection.

        :raises ConfigurationError: naming what is wrong with it.
        """
        return _paced(Settings.of(self.get_connection(self.artificer_conn_id)))

    def get_conn(self) -> Artificer:
        """
        Make a client. Close it, or use it in a ``with`` block.

        :raises ConfigurationError: naming what is wrong with the connection.
        """
        return self.settings().client()

    async def get_async_conn(self) -> AsyncArtificer:
        """
        Make a client for ``await``, without blocking the event loop.

        :raises ConfigurationError: naming what is wrong with the connection.
        """
        from airflow.providers.common.compat.connection import get_async_connection

        return _paced(Settings.of(await get_async_connection(self.artificer_conn_id))).async_client()

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection, and say what was found, or what is wrong. For the button of the form."""
        from artificer_provider.client.errors import ConfigurationError
        from artificer_provider.hooks.trying import tried

        try:
            return tried(self.settings())
        except ConfigurationError as error:
            return False, error.message

    # Airflow 3.1 asks these; later ones read the provider's metadata, of which both are made.

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Give the form's own fields."""
        from artificer_provider.hooks.form import widgets

        return widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Say what becomes of Airflow's fields in the form."""
        from artificer_provider.hooks.form import behaviour

        return behaviour()


def _paced(settings: Settings) -> Settings:
    """Send no more calls than the deployment lets a client send, where the connection does not say."""
    if settings.calls_a_minute is not None:
        return settings
    return replace(settings, calls_a_minute=configured.calls_a_minute())
