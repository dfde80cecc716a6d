"""The contract: one document, made of the routes and models, and kept in the repository."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openapi
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from artificer_provider.client.models import (
    auth,
    batch,
    chat,
    conversations,
    export,
    health,
    images,
    messages,
    model_admin,
    monitoring,
    orchestration,
    projects,
    search,
    usage,
)
from artificer_provider.client.models._base import Payload, Reply, wire_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

REFUSAL = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorReply"}}}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.make()


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def models(module: ModuleType) -> list[type[Payload | Reply]]:
    found = [value for name, value in vars(module).items() if isinstance(value, type) and name[0] != "_"]
    return [one for one in found if issubclass(one, (Payload, Reply)) and one.__module__ == module.__name__]


def test_the_document_in_the_repository_is_the_one_that_the_engine_makes(document: dict[str, Any]) -> None:
    kept = json.loads(openapi.TARGET.read_text(encoding="utf-8"))
    assert kept == document, "the contract changed: run `python tools/openapi.py`, and look at the difference"


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


@pytest.mark.parametrize(
    "module",
    [
        auth,
        batch,
        orchestration,
        images,
        health,
        projects,
        search,
        conversations,
        messages,
        chat,
        export,
        usage,
        monitoring,
        model_admin,
    ],
)
def test_every_field_of_every_model_stands_in_the_document_under_its_wire_name(
    document: dict[str, Any], module: ModuleType
) -> None:
    schemas = document["components"]["schemas"]
    for model in models(module):
        assert model.__name__ in schemas
        described = schemas[model.__name__]
        ours = {wire_name(field) for field in model.model_fields}
        theirs = set(described["properties"])
        # An engine may tell more of its health than the client knows.
        assert ours <= theirs if model is health.Health else ours == theirs, model
        needed = {wire_name(name) for name, field in model.model_fields.items() if field.is_required()}
        assert needed <= set(described.get("required", ()))


def test_every_operation_says_who_it_is_and_how_it_refuses(document: dict[str, Any]) -> None:
    seen: set[str] = set()
    for operation in operations(document):
        assert operation["operationId"] not in seen
        seen.add(operation["operationId"])
        assert operation["summary"]
        assert operation["tags"]
        assert {"403", "500"} <= set(operation["responses"])
        for status, reply in operation["responses"].items():
            told = reply
            if "$ref" in reply:
                told = document["components"]["responses"][reply["$ref"].rpartition("/")[2]]
            assert told["description"]
            assert "X-Request-Id" in told["headers"]
            if status >= "4":
                assert told["content"] == REFUSAL
    assert len(seen) == 72


def test_parameters_are_camel_case_and_described(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                assert "_" not in parameter["name"]
                assert parameter["description"]
                assert {"type": "null"} not in parameter["schema"].get("anyOf", ())


def test_a_field_of_a_model_is_described_at_the_field(document: dict[str, Any]) -> None:
    options = document["components"]["schemas"]["BatchOptions"]
    assert options["properties"]["inDoubt"]["description"].startswith("what becomes of a call")
    assert ":param" not in json.dumps(document)


def test_the_size_of_base64_is_given_in_characters(document: dict[str, Any]) -> None:
    pdf = document["components"]["schemas"]["ProcessPdf"]["properties"]["pdfData"]
    assert (pdf["contentEncoding"], pdf["maxLength"]) == ("base64", 69_905_068)


def test_an_operation_says_which_scope_it_needs(document: dict[str, Any]) -> None:
    paths = document["paths"]
    assert paths["/api/batch"]["get"]["security"] == [{"bearer": ["batch:read"]}, {}]
    assert paths["/api/batch"]["post"]["security"] == [{"bearer": ["batch:write"]}, {}]
    assert paths["/health"]["get"]["security"] == []
    for operation in operations(document):
        asks = operation["security"] != []
        assert ({"401", "429"} <= set(operation["responses"])) is asks, operation["operationId"]


def test_a_refusal_names_the_headers_that_say_when_to_come_again(document: dict[str, Any]) -> None:
    replies = document["components"]["responses"]
    limits = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
    assert {"Retry-After", *limits} <= set(replies["TooManyCalls"]["headers"])
    assert replies["TooManyCalls"]["headers"]["Retry-After"]["required"]
    assert "WWW-Authenticate" in replies["Unauthorized"]["headers"]
    assert limits <= set(document["paths"]["/api/batch"]["get"]["responses"]["200"]["headers"])
