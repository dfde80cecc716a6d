"""How our models meet the wire: camelCase there, snake_case here, either accepted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from typing import TypeAlias

    import pendulum

    Instant: TypeAlias = pendulum.DateTime
else:

    def _instant(moment: datetime) -> datetime:
        # Imported when the first moment is read: it would double what importing the client takes.
        import pendulum

        return pendulum.instance(moment)

    #: A moment, a :class:`pendulum.DateTime` in Python.
    Instant = Annotated[datetime, AfterValidator(_instant)]

#: For a field that has a value though the engine says ``null``, which over ``trpc`` means that it says
#: nothing (WIRE §2). On the field, not on the model: looking at whole rows would take half as long again.
NULL_IS_EMPTY_DICT = BeforeValidator(lambda said: {} if said is None else said)
NULL_IS_EMPTY_LIST = BeforeValidator(lambda said: [] if said is None else said)
NULL_IS_ZERO = BeforeValidator(lambda said: 0 if said is None else said)

#: Names that camelCase alone would spell in another way than the engine does.
_WIRE_NAMES = {
    "use_rag": "useRAG",
    "needs_ocr": "needsOCR",
    "force_ocr": "forceOCR",
    "estimated_ocr_cost": "estimatedOCRCost",
    "cost_per_1k_tokens": "costPer1kTokens",
}


def wire_name(field: str) -> str:
    """Name a field as the engine spells it: ``use_rag`` is ``useRAG``, not ``useRag``."""
    return _WIRE_NAMES.get(field, to_camel(field))


class Reply(BaseModel):
    """What an engine says. Fields we do not know are kept, never an error: it may be newer than we are."""

    model_config = ConfigDict(alias_generator=wire_name, populate_by_name=True, extra="allow", frozen=True)


class Payload(BaseModel):
    """What is asked of an engine. A field it does not carry is refused by name, never dropped."""

    model_config = ConfigDict(
        alias_generator=wire_name,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,  # JSON has neither, and pydantic would write null
    )
