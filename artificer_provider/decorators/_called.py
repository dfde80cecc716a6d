"""The function under a decorator, and what it gives a task to do."""

from __future__ import annotations

from collections.abc import Generator
from functools import cache, partial
from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.providers.common.compat.sdk import DecoratedOperator, context_merge

from artificer_provider.decorators._airflow import SET_DURING_EXECUTION, determine_kwargs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from airflow.providers.common.compat.sdk import Context

    from artificer_provider.batch.plan import Json
    from artificer_provider.batch.sources import Columns, Source
    from artificer_provider.operators._inputs import Items


class Called(DecoratedOperator):
    """An operator whose work is what a function of the DAG's gives back."""

    #: The argument that the function's result takes the place of.
    given_by_call: ClassVar[str]

    def __init__(
        self,
        *,
        python_callable: Callable[..., object],
        op_args: Collection[object] | None = None,
        op_kwargs: Mapping[str, object] | None = None,
        **kwargs: Any,  # noqa: ANN401 - the operator's
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            **{**kwargs, self.given_by_call: SET_DURING_EXECUTION},
        )

    def call(self, context: Context) -> object:
        """Call the function, as ``@task`` does."""
        context_merge(context, self.op_kwargs)
        kwargs = determine_kwargs(self.python_callable, self.op_args, context)
        given: object = self.python_callable(*self.op_args, **kwargs)
        return _returned(given, context) if isinstance(given, Generator) else given

    @property
    def yields(self) -> bool:
        """Whether the function yields what the events of assets are to say, beside what it returns."""
        return isgeneratorfunction(self.python_callable)


def _returned(given: Generator[object, None, object], context: Context) -> object:
    """Put each ``Metadata`` that a function yields into the event of its asset; give what it returns."""
    from airflow.providers.common.compat.sdk import Metadata

    while True:
        try:
            said = next(given)
        except StopIteration as end:
            return end.value
        if isinstance(said, Metadata):
            events = context["outlet_events"]
            events[said.asset].extra.update(said.extra)
            if said.alias is not None:
                events[said.alias].add(said.asset, extra=said.extra)


class CalledForItems(Called):
    """
    An operator whose items are what a function gives: a list of them, or the path of a file or folder.

    The function is called when items are read, in each leg that reads them: it must give the same ones again.
    What it gives is no template, and is kept nowhere in Airflow.
    """

    given_by_call = "items"
    columns: Callable[[], Columns]

    def execute(self, context: Context) -> dict[str, Json]:
        """Run what the function gives."""
        self._given = cache(partial(self.call, context))
        manifest: dict[str, Json] = super().execute(context)
        return manifest

    def source(self) -> Source:
        """Find the items when they are first read: a leg that only lands needs none."""
        from artificer_provider.batch.sources import Made

        return Made(cache(self._made))

    def _made(self) -> Source:
        from artificer_provider.operators._inputs import source_of

        return source_of(cast("Items", self._given()), self.columns())
