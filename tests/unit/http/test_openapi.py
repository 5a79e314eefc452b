"""The OpenAPI document says what the code does."""

from pathlib import Path

import jsonschema
import pytest
from stemtide.access import EVERY_ROLE, ROUTES, Route
from stemtide.http.openapi import document

from tests.http_api import track


def test_the_document_lists_exactly_the_routes() -> None:
    listed = {(method.upper(), path) for path, item in document()["paths"].items() for method in item}

    assert listed == {(route.method, route.path) for route in ROUTES}


SCHEMES = {"public": [], "write_key": ["writeKey"], "signed": ["signature"]}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_an_operation_says_who_may_call_it(route: Route) -> None:
    operation = document()["paths"][route.path][route.method.lower()]

    schemes = [name for requirement in operation["security"] for name in requirement]
    assert schemes == SCHEMES.get(str(route.access), ["token"])
    assert operation["operationId"] == route.operation
    if isinstance(route.access, frozenset):
        assert operation["description"].count(",") == len(route.access) - 1


def test_every_schema_is_valid_and_every_reference_leads_somewhere() -> None:
    schemas = document()["components"]["schemas"]

    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert references(document()) <= {f"#/components/schemas/{name}" for name in schemas}


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("path_parameters", [route for route in ROUTES if "{" in route.path])
def test_every_path_parameter_is_described(path_parameters: Route) -> None:
    operation = document()["paths"][path_parameters.path][path_parameters.method.lower()]

    described = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
    assert all("{" + name + "}" in path_parameters.path for name in described)
    assert len(described) == path_parameters.path.count("{")


@pytest.mark.parametrize("body", [track(), {"batch": [track(), track()]}])
def test_requests_that_are_taken_conform(body: dict[str, object]) -> None:
    post = document()["paths"]["/v1/events"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]

    jsonschema.validate(body, schema | {"components": document()["components"]})


def test_the_docs_say_who_may_call_each_route() -> None:
    who = {
        "public": "everybody",
        "write_key": "a write key",
        "signed": "the provider's signature",
        EVERY_ROLE: "viewer, csm, admin",
        frozenset({"admin"}): "admin",
        frozenset({"admin", "csm"}): "admin, csm",
    }
    docs = (Path(__file__).parents[3] / "docs" / "api.md").read_text()

    for route in ROUTES:
        assert f"| `{route.key}` | {who[route.access]}" in docs
