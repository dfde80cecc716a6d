"""The function under a decorator, and what it gives a task to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import DecoratedOperator, context_merge, determine_kwargs

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class Called(DecoratedOperator):
    """An operator whose work is what a function of the DAG's gives back."""

    def call(self, context: Context) -> object:
        """Call the function, as ``@task`` does."""
        context_merge(context, self.op_kwargs)
        kwargs = determine_kwargs(self.python_callable, self.op_args, context)
        given: object = self.python_callable(*self.op_args, **kwargs)
        return given
