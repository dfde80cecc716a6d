"""A Sphinx extension that writes ``docs/openapi.json`` as pages people can read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

Json: TypeAlias = dict[str, Any]
_MEASURED = re.compile(r" ?\(WIRE §[^)]*\)")

SOURCE = "openapi.json"
#: The pages that are filled, each behind what stands there already.
OPERATIONS, SCHEMAS = "rest-contract", "rest-schemas"
#: Replies that any call can get are told of once.
SHARED = "#/components/responses/"
JSON = "application/json"
LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "{} or more characters",
    "maxLength": "up to {} characters",
    "minItems": "{} or more entries",
    "maxItems": "up to {} entries",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Fill the pages when Sphinx reads them."""
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", lambda *_: [OPERATIONS, SCHEMAS])
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _fill(app: Sphinx, name: str, source: list[str]) -> None:
    """Put behind a page what the document says."""
    write = {OPERATIONS: operations, SCHEMAS: schemas}.get(name)
    if write is not None:
        document = json.loads(Path(app.srcdir, SOURCE).read_text(encoding="utf-8"))
        source[0] += "\n" + "\n\n".join(part for part in write(document) if part) + "\n"


def operations(document: Json) -> Iterator[str]:
    """Describe each operation, by tag."""
    yield _plain(document["info"]["description"])
    yield "## Replies that any call can get"
    yield from _table("status", "means", sorted(_shared(document)))
    for tag in document["tags"]:
        yield f"## {tag['name']}"
        yield _plain(tag["description"])
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation.get("tags", ()):
                    yield from _operation(f"{method.upper()} {path}", operation)


def schemas(document: Json) -> Iterator[str]:
    """Describe each body, by name."""
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"(schema-{name.lower()})=\n\n## {name}"
        yield _plain(schema.get("description", ""))
        if "enum" in schema:
            yield ", ".join(f"`{word}`" for word in schema["enum"])
        needed = schema.get("required", ())
        rows = [
            (f"`{field}`{' (needed)' if field in needed else ''}", f"{kind(one)}{_said(one)}")
            for field, one in schema.get("properties", {}).items()
        ]
        yield from _table("field", "is", rows)


def _operation(title: str, operation: Json) -> Iterator[str]:
    """Describe an operation: what it takes, and what comes back."""
    yield f"### {title}"
    gone = " **Deprecated.**" if operation.get("deprecated") else ""
    yield f"**{operation['summary']}.**{gone} {_plain(operation.get('description', ''))}"
    scopes = [scope for one in operation.get("security", ()) for scope in one.get("bearer", ())]
    yield f"Scope: {', '.join(f'`{scope}`' for scope in scopes)}." if scopes else "Needs no scope."
    rows = [
        (f"`{one['name']}` ({one['in']})", f"{kind(one['schema'])}{_said(one, one['schema'])}")
        for one in operation.get("parameters", ())
    ]
    yield from _table("parameter", "is", rows)
    body = operation.get("requestBody")
    if body:
        yield "Body: " + ", ".join(f"{kind(one['schema'])}" for one in body["content"].values()) + "."
    for one in (body or {"content": {}})["content"].values():
        if "example" in one:
            yield f"```json\n{json.dumps(one['example'], indent=2, ensure_ascii=False)}\n```"
    own = {status: one for status, one in operation["responses"].items() if "$ref" not in one}
    yield from _table("status", "means", [(status, _reply(one)) for status, one in own.items()])
    shared = [status for status in operation["responses"] if status not in own]
    yield f"And [as any call](#replies-that-any-call-can-get): {', '.join(shared)}." if shared else ""


def _shared(document: Json) -> set[tuple[str, str]]:
    """Find what each of the shared replies means, by status."""
    replies = document["components"]["responses"]
    return {
        (status, replies[reply["$ref"].removeprefix(SHARED)]["description"])
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, reply in operation["responses"].items()
        if "$ref" in reply
    }


def _reply(reply: Json) -> str:
    """Write what a reply means, and what it holds."""
    bodies = [
        kind(one.get("schema", {})) + ("" if name == JSON else f" ({name})")
        for name, one in reply.get("content", {}).items()
    ]
    names = [f"`{name}`" for name, one in reply.get("headers", {}).items() if "$ref" not in one]
    body = f" Body: {'; '.join(bodies)}." if bodies else ""
    return f"{reply['description']}{body}" + (f" Headers: {', '.join(names)}." if names else "")


def kind(schema: Json) -> str:
    """Write what a value is, with links to bodies that have a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#schema-{name.lower()})"
    if "anyOf" in schema:
        found = [kind(one) for one in schema["anyOf"] if one != {"type": "null"}]
        return " or ".join(dict.fromkeys(found)) + (", or null" if len(found) < len(schema["anyOf"]) else "")
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(word)}`" for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    more = schema.get("additionalProperties")
    if isinstance(more, dict) and more:
        return f"object of {kind(more)}"
    of_kind = schema.get("contentEncoding") or schema.get("format")
    return f"{schema.get('type', 'anything')}{f' ({of_kind})' if of_kind else ''}"


def _said(*of: Json) -> str:
    """Write default, limits and description."""
    found = [f"default `{json.dumps(one['default'])}`" for one in of if one.get("default") is not None]
    for one in of:
        inner = [one, *one.get("anyOf", ())]
        found += [LIMITS[name].format(f"{at[name]:,}") for at in inner for name in LIMITS if name in at]
    said = " ".join(_plain(one["description"]) for one in of if "description" in one)
    return "".join(f"; {limit}" for limit in dict.fromkeys(found)) + (f". {said}" if said else "")


def _table(left: str, right: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    """Write a table, or nothing where it has no row."""
    if rows:
        cells = [(one, " ".join(_plain(two).split()).replace("|", "\\|")) for one, two in rows]
        yield "\n".join([f"| {left} | {right} |", "|---|---|", *(f"| {one} | {two} |" for one, two in cells)])


def _plain(text: str) -> str:
    """Write reST literals in Markdown, and leave out where a fact was measured."""
    return _MEASURED.sub("", text).replace("``", "`")
