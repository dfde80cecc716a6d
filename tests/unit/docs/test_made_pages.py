"""What is made when the pages are built: the REST contract, and the list of example DAGs."""

from __future__ import annotations

import json
import re
from typing import Any

import example_dags
import pytest
import rest_contract
from support.markdown import ROOT

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
CALLS = [
    (method.upper(), path, one)
    for path, all_of in DOCUMENT["paths"].items()
    for method, one in all_of.items()
]
OPERATIONS = "\n\n".join(rest_contract.operations(DOCUMENT))
SCHEMAS = "\n\n".join(rest_contract.schemas(DOCUMENT))


@pytest.mark.parametrize(("method", "path", "operation"), CALLS, ids=[f"{one[0]} {one[1]}" for one in CALLS])
def test_an_operation_is_there_with_all_it_takes_and_gives(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    found = re.findall(
        rf"^### {method} {re.escape(path)}\n(.*?)(?=^##|\Z)", OPERATIONS, re.MULTILINE | re.DOTALL
    )
    assert len(found) == len(operation["tags"]), f"{method} {path}"
    assert operation["summary"] in found[0]
    for parameter in operation.get("parameters", ()):
        assert f"`{parameter['name']}` ({parameter['in']})" in found[0]
    for status in operation["responses"]:
        assert re.search(rf"\b{status}\b", found[0]), status
    for scope in (scope for one in operation.get("security", ()) for scope in one.get("bearer", ())):
        assert f"`{scope}`" in found[0]


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_a_body_is_there_with_each_of_its_fields(name: str) -> None:
    found = re.search(rf"^## {name}\n(.*?)(?=^\(schema-|\Z)", SCHEMAS, re.MULTILINE | re.DOTALL)
    assert found is not None
    for field in DOCUMENT["components"]["schemas"][name].get("properties", {}):
        assert f"| `{field}`" in found[1], field


def test_each_link_to_a_body_leads_to_one() -> None:
    targets = set(re.findall(r"^\((schema-[^)]+)\)=$", SCHEMAS, re.MULTILINE))
    assert set(re.findall(r"\(#(schema-[^)]+)\)", OPERATIONS + SCHEMAS)) <= targets
    assert len(targets) == len(DOCUMENT["components"]["schemas"])


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string, or null"),
        (
            {"type": "array", "items": {"$ref": "#/components/schemas/BatchJob"}},
            "list of [BatchJob](#schema-batchjob)",
        ),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({"type": "string", "format": "date-time"}, "string (date-time)"),
        ({}, "anything"),
    ],
)
def test_what_a_value_is_is_written_as_people_say_it(schema: dict[str, Any], written: str) -> None:
    assert rest_contract.kind(schema) == written


@pytest.mark.parametrize("file", sorted(example_dags.FOLDER.glob("*.py")), ids=lambda file: file.stem)
def test_an_example_is_listed_with_what_it_says_and_its_code(file: Any) -> None:
    written = example_dags.described(file)
    assert written.startswith(f"## `{file.stem}`\n\n")
    assert len(written.split("```")[0]) > 100, "the DAG says nothing of itself"
    assert f"{{literalinclude}} ../dags_examples/{file.name}" in written
