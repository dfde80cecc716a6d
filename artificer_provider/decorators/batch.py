"""``@task.artificer_batch``: the items that a function gives, run through the phases of an engine."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import (
    SET_DURING_EXECUTION,
    DecoratedOperator,
    task_decorator_factory,
)

from artificer_provider.decorators._called import Called
from artificer_provider.operators.batch import ArtificerRunBatchOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context, TaskDecorator

    from artificer_provider.batch.plan import Json
    from artificer_provider.batch.sources import Source
    from artificer_provider.operators._inputs import Items


class _BatchDecoratedOperator(Called, ArtificerRunBatchOperator):
    """
    Runs what a function gives: a list of items, or the path of a file or folder with them.

    The function is called when items are read, in each leg that reads them: it must give the same ones again.
    What it gives is no template, and is kept nowhere in Airflow.
    """

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in ArtificerRunBatchOperator.template_fields if name != "items"),
    )
    custom_operator_name = "@task.artificer_batch"

    def __init__(
        self,
        *,
        python_callable: Callable[..., object],
        op_args: Collection[object] | None = None,
        op_kwargs: Mapping[str, object] | None = None,
        **kwargs: Any,  # noqa: ANN401 - ArtificerRunBatchOperator's
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            items=SET_DURING_EXECUTION,
            **kwargs,
        )

    def execute(self, context: Context) -> dict[str, Json]:
        """Run what the function gives."""
        self._given = partial(self.call, context)
        manifest: dict[str, Json] = super().execute(context)
        return manifest

    def execute_complete(self, context: Context, event: dict[str, Json]) -> dict[str, Json]:
        """Go on after the deferral."""
        self._given = partial(self.call, context)
        return super().execute_complete(context, event)

    def source(self) -> Source:
        """Find the items when they are first read: a leg that only lands needs none."""
        from artificer_provider.batch.sources import Made

        return Made(cache(self._made))

    def _made(self) -> Source:
        from artificer_provider.operators._inputs import source_of

        return source_of(cast("Items", self._given()), self.columns())


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
