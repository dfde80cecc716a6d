"""The options of the command line are named as they are documented, by every release of typer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.models import OptionInfo
from typer.utils import get_params_from_function

from artificer_provider.cli._app import make_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import typer


def callbacks(app: typer.Typer) -> Iterator[Callable[..., object]]:
    """Give the function of each command."""
    yield from (command.callback for command in app.registered_commands if command.callback)
    for group in app.registered_groups:
        if group.typer_instance:
            yield from callbacks(group.typer_instance)


def options() -> Iterator[tuple[str, OptionInfo]]:
    """Give each option of each command, with the name of its parameter."""
    for callback in callbacks(make_app([])):
        for name, parameter in get_params_from_function(callback).items():
            if isinstance(parameter.default, OptionInfo):
                yield name, parameter.default


def test_no_option_can_be_named_after_its_placeholder() -> None:
    # Typer 0.27, which Airflow 3.3 pins, made --PORT of the metavar PORT.
    found = list(options())
    alike = [(name, said.param_decls) for name, said in found if (said.metavar or "").lower() == name]
    assert len(found) > 20
    assert alike == [("port", ("--port",))]
