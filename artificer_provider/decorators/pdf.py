"""``@task.artificer_pdf``: the PDFs that a function names, read and landed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import DecoratedOperator, task_decorator_factory

from artificer_provider.decorators._called import Called
from artificer_provider.operators.pdf import ArtificerProcessPdfOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context, TaskDecorator

    from artificer_provider.batch.plan import Json


class _PdfDecoratedOperator(Called, ArtificerProcessPdfOperator):
    """Reads the PDFs that a function names: a path, a folder or a pattern, or a list of these."""

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in ArtificerProcessPdfOperator.template_fields if name != "files"),
    )
    custom_operator_name = "@task.artificer_pdf"

    given_by_call = "files"

    def execute(self, context: Context) -> dict[str, Json]:
        """Read what the function names."""
        from artificer_provider.operators._arguments import check_files

        named = self.call(context)
        with self.told_to_airflow():
            check_files(named)
        self.files = cast("str | Sequence[str]", named)
        manifest: dict[str, Json] = super().execute(context)
        return manifest


def artificer_pdf_task(
    python_callable: Callable[..., object] | None = None,
    **kwargs: Any,  # noqa: ANN401 - ArtificerProcessPdfOperator's
) -> TaskDecorator:
    """
    Make a task of a function that names PDFs: ``@task.artificer_pdf(output="…")``.

    :param python_callable: gives the path of a file, a folder or a pattern, or a list of these.
    :param kwargs: the arguments of :class:`~artificer_provider.operators.pdf.ArtificerProcessPdfOperator`,
        but ``files``.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_PdfDecoratedOperator, **kwargs
    )
