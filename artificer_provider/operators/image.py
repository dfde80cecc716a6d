"""Images in a DAG: the text in them, or what they show, a row for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.operators._documents import DocumentOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.operators._readings import ImageDescription, ImageText


class ArtificerExtractTextOperator(DocumentOperator):
    """
    Recognise the text in images, some at once, and land a row for each.

    A file that is no image, or of a kind that the engine does not take, is refused by name before it is sent.
    A document that fails does not lose the others, a try that dies is followed by one that pays only for what
    has no row yet, and a batch takes the landed folder for its ``items``.

    :param files: an image, a folder or a pattern such as ``s3://inbox/*.png``, or a list of these.
    :param output: the folder for rows and manifest, a path or URL on any object storage Airflow knows. One
        folder a run: put ``{{ run_id }}`` into it.
    :param output_format: ``jsonl``, ``jsonl.gz``, ``csv`` or ``parquet``. A batch takes ``jsonl``.
    :param concurrency: images under way at once, 1 to 50.
    :param max_failed: how many images may have no text: a count, or a share from 0.0 to 1.0.
    :param max_cost: US dollars; when it is passed no further image is begun, and the task fails.
    :param on_unknown_cost: what a run with ``max_cost`` does on an engine that does not say what it costs:
        ``fail``, or ``ignore`` and spend without a limit.
    :param retry_failed: how often the images that failed are done over.
    :param timeout: how long the run may take from its first image on; then no further one is begun, and the
        task fails. A day, or what ``[artificer] timeout`` says.
    :param allow_empty: whether no file at all is no failure.
    :param artificer_conn_id: the connection to the engine.
    """

    def __init__(self, *, output: str, **kwargs: Any) -> None:  # noqa: ANN401 - DocumentOperator's
        super().__init__(output=output, **kwargs)

    def reading(self) -> ImageText:
        """Say that text is read."""
        from artificer_provider.operators._readings import ImageText

        return ImageText()


class ArtificerAnalyzeImageOperator(DocumentOperator):
    """
    Have a model describe images, or answer a question about each, and land a row for each.

    :param files: an image, a folder or a pattern such as ``s3://inbox/*.png``, or a list of these.
    :param output: the folder for rows and manifest, a path or URL on any object storage Airflow knows. One
        folder a run: put ``{{ run_id }}`` into it.
    :param prompt: what to say about each; the engine describes them unless given.
    :param output_format: ``jsonl``, ``jsonl.gz``, ``csv`` or ``parquet``. A batch takes ``jsonl``, with
        ``input_column="description"``.
    :param concurrency: images under way at once, 1 to 50.
    :param max_failed: how many images may have no description: a count, or a share from 0.0 to 1.0.
    :param max_cost: US dollars; when it is passed no further image is begun, and the task fails.
    :param on_unknown_cost: what a run with ``max_cost`` does on an engine that does not say what it costs:
        ``fail``, or ``ignore`` and spend without a limit.
    :param retry_failed: how often the images that failed are done over.
    :param timeout: how long the run may take from its first image on; then no further one is begun, and the
        task fails. A day, or what ``[artificer] timeout`` says.
    :param allow_empty: whether no file at all is no failure.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (*DocumentOperator.template_fields, "prompt")

    def __init__(self, *, output: str, prompt: str | None = None, **kwargs: Any) -> None:  # noqa: ANN401 - DocumentOperator's
        super().__init__(output=output, **kwargs)
        self.prompt = prompt

    def reading(self) -> ImageDescription:
        """Say what is asked about each."""
        from artificer_provider.operators._readings import ImageDescription

        return ImageDescription(self.prompt)
