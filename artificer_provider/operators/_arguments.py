"""What is checked of a task's arguments when the DAG is parsed, without a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.batch.plan import checked_item, read_options, read_phases, refuse_one_value
from artificer_provider.batch.prompt import Prompt
from artificer_provider.client import limits
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators._formats import read_format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def check_work(
    items: object, phases: Sequence[object], options: Mapping[str, object] | None, prompt: str | None
) -> None:
    """
    Check what is known before the task runs: a template, an XCom or a path is read when it does.

    :raises ConfigurationError: naming the argument.
    """
    read_options(options)
    if isinstance(phases, list | tuple):
        read_phases(phases)
    if prompt is not None and "{{" not in prompt:  # one with a template in it is read when it is rendered
        Prompt.read(prompt)
    if isinstance(items, list | tuple):
        _check_listed(items)


def check_output(
    output: str, output_format: str, most_items: int, most_named: str = "max_items_per_job"
) -> None:
    """
    Check where the rows go, and how they are cut.

    :param most_named: the argument that says how many items a file has at most.
    :raises ConfigurationError: naming the argument.
    """
    if not output:
        raise ConfigurationError("output is empty: name the folder for the rows.")
    if not 1 <= most_items <= limits.MAX_ITEMS:
        raise ConfigurationError(f"{most_named} is {most_items}: write 1 to {limits.MAX_ITEMS:,}.")
    read_format(output_format)


def _check_listed(items: Sequence[object]) -> None:
    from artificer_provider.batch.sources import Listed

    refuse_one_value(items, "items")
    for index, read in enumerate(Listed(items).read()):
        checked_item(read.item, f"items[{index}]")
    if not items:
        raise ConfigurationError("There are no items: a batch job needs at least one.")
