"""``@task.artificer_batch``: the items that a function gives, run through the phases of an engine."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DecoratedOperator, task_decorator_factory

from artificer_provider.decorators._called import CalledForItems
from artificer_provider.operators.batch import ArtificerRunBatchOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context, TaskDecorator

    from artificer_provider.batch.plan import Json


class _BatchDecoratedOperator(CalledForItems, ArtificerRunBatchOperator):
    """Runs what a function gives, as a batch."""

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in ArtificerRunBatchOperator.template_fields if name != "items"),
    )
    custom_operator_name = "@task.artificer_batch"

    def execute_complete(self, context: Context, event: dict[str, Json]) -> dict[str, Json]:
        """Go on after the deferral."""
        self._given = cache(partial(self.call, context))
        manifest = super().execute_complete(context, event)
        if self.yields:  # what it said to the events before the deferral is gone
            self._given()
        return manifest


def artificer_batch_task(
    python_callable: Callable[..., object] | None = None,
    **kwargs: Any,  # noqa: ANN401 - ArtificerRunBatchOperator's
) -> TaskDecorator:
    """
    Make a task of a function that gives items: ``@task.artificer_batch(phases=[…], output="…")``.

    :param python_callable: gives a list of items, or the path of a file or folder with them.
    :param kwargs: the arguments of :class:`~artificer_provider.operators.batch.ArtificerRunBatchOperator`,
        but ``items``.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_BatchDecoratedOperator, **kwargs
    )
