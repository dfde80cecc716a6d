"""How our models meet the wire: camelCase there, snake_case here, either accepted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


def wire_name(field: str) -> str:
    """Name a field as the engine spells it: ``use_rag`` is ``useRAG``, not ``useRag``."""
    return {"use_rag": "useRAG"}.get(field, to_camel(field))


class Reply(BaseModel):
    """What an engine says. Fields we do not know are kept, never an error: it may be newer than we are."""

    model_config = ConfigDict(alias_generator=wire_name, populate_by_name=True, extra="allow", frozen=True)


class Payload(BaseModel):
    """What is asked of an engine. A field it does not carry is refused by name, never dropped."""

    model_config = ConfigDict(alias_generator=wire_name, populate_by_name=True, extra="forbid", frozen=True)
