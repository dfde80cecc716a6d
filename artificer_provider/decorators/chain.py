"""``@task.artificer_chain``: the items that a function gives, a call for each of their phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DecoratedOperator, task_decorator_factory

from artificer_provider.decorators._called import CalledForItems
from artificer_provider.operators.chain import ArtificerChainOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import TaskDecorator


class _ChainDecoratedOperator(CalledForItems, ArtificerChainOperator):
    """Runs what a function gives, as a chain."""

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in ArtificerChainOperator.template_fields if name != "items"),
    )
    custom_operator_name = "@task.artificer_chain"


def artificer_chain_task(
    python_callable: Callable[..., object] | None = None,
    **kwargs: Any,  # noqa: ANN401 - ArtificerChainOperator's
) -> TaskDecorator:
    """
    Make a task of a function that gives items: ``@task.artificer_chain(phases=[…], output="…")``.

    :param python_callable: gives a list of items, or the path of a file or folder with them.
    :param kwargs: the arguments of :class:`~artificer_provider.operators.chain.ArtificerChainOperator`, but
        ``items``.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_ChainDecoratedOperator, **kwargs
    )
