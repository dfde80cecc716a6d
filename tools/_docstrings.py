"""Reads a docstring in reST and writes its parts in Markdown."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_FIELD = re.compile(r":(param|raises) (\w+):\s*(.*)")
_ROLE = re.compile(r":\w+:`([^`]+)`")
_BLOCK = re.compile(r"^(?P<before>.*?)(?P<colons>::)\n\n(?P<code>(?:(?: .*)?\n)+)", re.MULTILINE)


@dataclass
class Docstring:
    """
    A docstring in parts, each of them Markdown.

    :param text: what comes before the fields.
    :param params: what is said of each parameter, field or attribute, by name.
    :param raises: what is said of each error, in the order of the docstring.
    """

    text: str = ""
    params: dict[str, str] = field(default_factory=dict[str, str])
    raises: dict[str, str] = field(default_factory=dict[str, str])


def read(written: str | None) -> Docstring:
    """Read a docstring as it stands in the source; None is an empty one."""
    found, body = Docstring(), list[str]()
    into: tuple[dict[str, str], str] | None = None
    for line in inspect.cleandoc(written or "").splitlines():
        begun = _FIELD.match(line)
        if begun:
            kind, name, said = begun.groups()
            into = (found.params if kind == "param" else found.raises, name)
            into[0][name] = said
        elif into is not None:
            parts, name = into
            parts[name] = f"{parts[name]} {line.strip()}".strip()
        else:
            body.append(line)
    found.text = _markdown("\n".join(body).strip())
    for parts in (found.params, found.raises):
        parts.update({name: _inline(said) for name, said in parts.items()})
    return found


def _markdown(text: str) -> str:
    """Write paragraphs and literal blocks."""
    written, at = "", 0
    for block in _BLOCK.finditer(f"{text}\n"):
        code = inspect.cleandoc(f"\n{block['code']}")
        before = f"{block['before']}:\n\n" if block["before"] else ""
        written += _inline(text[at : block.start()] + before) + f"```\n{code}\n```\n\n"
        at = block.end()
    return (written + _inline(text[at:])).strip()


def _inline(text: str) -> str:
    """Write roles and literals. A role that begins with ``~`` or a dot is shown by its last name."""

    def shown(role: re.Match[str]) -> str:
        target = role[1]
        return f"`{target.rpartition('.')[2] if target[0] in '~.' else target}`"

    return _ROLE.sub(shown, text).replace("``", "`")
