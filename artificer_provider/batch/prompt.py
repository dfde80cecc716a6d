"""What an item's text is put into before it is sent."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The item's own text, whatever its column is called.
TEXT = "text"


@dataclass(frozen=True, slots=True)
class Prompt:
    """
    A template with the names of columns in braces: ``Translate to {language}: {text}``.

    :param pieces: text, and the column that stands behind it; None behind the last.
    """

    pieces: tuple[tuple[str, str | None], ...]

    @classmethod
    def read(cls, template: str) -> Prompt:
        """
        Read a template. ``{{`` and ``}}`` stand for braces.

        :raises ConfigurationError: when it is none, or asks for more than a column's value.
        """
        try:
            parsed = list(string.Formatter().parse(template))
        except ValueError as error:
            raise ConfigurationError(
                f"prompt is no template ({error}); write {{{{ and }}}} for braces."
            ) from None
        for _, field, form, conversion in parsed:
            if field is not None and (form or conversion or not field.isidentifier()):
                raise ConfigurationError(
                    f"prompt holds {{{field}}}: only the plain names of columns stand in braces."
                )
        if not any(text.strip() for text, *_ in parsed) and not any(part[1] for part in parsed):
            raise ConfigurationError("prompt is empty.")
        return cls(tuple((text, field) for text, field, *_ in parsed))

    @property
    def fields(self) -> frozenset[str]:
        """The columns that it names."""
        return frozenset(field for _, field in self.pieces if field is not None)

    def around(self, text: str, record: Mapping[str, object], where: str) -> str:
        """
        Put an item's text, and what else is asked for, into the template.

        :param where: the item's place, for the message.
        :raises ConfigurationError: when a column is not there, or nothing comes out.
        """
        values = {TEXT: text, **record}
        out: list[str] = []
        for piece, field in self.pieces:
            out.append(piece)
            if field is None:
                continue
            if field not in values:
                raise ConfigurationError(f"{where}: there is no column {field!r}, which the prompt names.")
            value = values[field]
            out.append("" if value is None else str(value))
        rendered = "".join(out)
        if not rendered.strip():
            raise ConfigurationError(f"{where}: the prompt renders to nothing.")
        return rendered
