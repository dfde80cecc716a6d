"""What a batch will cost, told by a task of its own: for people or branches that decide on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.operators.batch import _BatchOperator

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from artificer_provider.batch.plan import Json


class ArtificerEstimateBatchOperator(_BatchOperator):
    """
    Tell what a batch will cost, without making it; nothing is billed.

    The input is read once, and the engine is asked for its prices. To XCom go ``items``, ``characters``,
    ``least`` and ``likely``: US dollars, both None where the engine names no price of one of the models.
    :class:`~artificer_provider.operators.batch.ArtificerRunBatchOperator` says the same of itself before it
    begins; this is for a task between the two that decides.

    :param items: as the run operator takes them.
    :param phases: as the run operator takes them; models, system prompts and ``max_tokens`` count.
    :param options: as the run operator takes them.
    :param input_column: where a record of the file has its text.
    :param prompt: what each text is put into: ``Translate to {language}: {text}``.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = tuple(
        name for name in _BatchOperator.template_fields if name != "job_name"
    )
    operator_extra_links: Collection[BaseOperatorLink] = ()
    kept = "Nothing was made."

    def __init__(self, *, metadata_columns: Sequence[str] = (), **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's
        super().__init__(metadata_columns=metadata_columns, **kwargs)

    def execute(self, context: Context) -> dict[str, Json]:
        """Read the items, ask for the prices; return both, and what they come to."""
        from artificer_provider.batch.layout import Bounds, lay_out
        from artificer_provider.operators._cutting import bounds_of
        from artificer_provider.operators._prices import estimate_of

        with self.told_to_airflow(), self.hook.get_conn() as client:
            work = self.work()
            layout = lay_out(self.source(), work, bounds_of(client, Bounds()))
            found = estimate_of(client, work, layout, self.log)
        known = {"least": None, "likely": None} if found is None else found.to_json()
        return {"items": layout.items, "characters": layout.chars, **known}
