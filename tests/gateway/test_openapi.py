"""The OpenAPI document: a valid one, complete, and true to what the gateway takes."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator.schemas import schema_v31

from services.gateway.contract import read
from services.gateway.openapi.document import document
from services.gateway.openapi.paths import path_of
from services.gateway.page import page

CONTRACT = read()


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document(CONTRACT)


def test_the_document_is_valid_openapi(made: dict[str, Any]) -> None:
    """By the published schemas; they are slow to ask, so of many alike each eighth is shown to them."""
    schemas = [*made["components"]["schemas"].values(), *parts(made["paths"], "schema")]
    Draft202012Validator.check_schema(
        {"$defs": {str(place): each for place, each in enumerate(schemas[::8])}}
    )
    paths = dict(list(made["paths"].items())[::8])
    bare = {**made, "paths": paths, "components": {**made["components"], "schemas": {}}}
    Draft202012Validator(schema_v31).validate(without(bare, "schema"))
    known = {f"#/components/schemas/{name}" for name in made["components"]["schemas"]}
    assert set(parts(made, "$ref")) == {*known, "#/components/responses/Error"}


def parts(part: Any, name: str) -> Iterator[Any]:
    """Everything of a name in a part of the document."""
    if isinstance(part, dict):
        yield from [part[name]] if name in part else []
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from parts(inner, name)


def without(part: Any, name: str) -> Any:
    """A part of the document, with nothing in whatever has that name."""
    if isinstance(part, list):
        return [without(inner, name) for inner in part]
    if not isinstance(part, dict):
        return part
    return {key: {} if key == name else without(inner, name) for key, inner in part.items()}


def test_every_operation_is_there_once_and_described(made: dict[str, Any]) -> None:
    told = [each for path in made["paths"].values() for each in path.values()]
    assert len(told) == len(CONTRACT.operations)
    assert len({each["operationId"] for each in told}) == len(told)
    assert [each["operationId"] for each in told if not each["description"]] == []


def test_every_field_is_described(made: dict[str, Any]) -> None:
    bare = [
        f"{name}.{field}"
        for name, schema in made["components"]["schemas"].items()
        if name.startswith("turnout.")
        for field, each in schema.get("properties", {}).items()
        if not each.get("description")
    ]
    assert bare == []


def test_a_body_is_without_what_the_path_says(made: dict[str, Any]) -> None:
    predict = made["paths"]["/v1/routers/{router}:predict"]["post"]
    assert [each["name"] for each in predict["parameters"]] == ["router"]
    schema = predict["requestBody"]["content"]["application/json"]["schema"]
    assert "router" not in schema["properties"]
    assert schema["required"] == ["input"]


def test_a_change_has_its_mask_in_the_query(made: dict[str, Any]) -> None:
    change = made["paths"]["/v1/routers/{router}"]["patch"]
    assert {"update_mask", "validate_only"} <= {each["name"] for each in change["parameters"]}
    body = change["requestBody"]["content"]["application/json"]["schema"]
    answer = change["responses"]["200"]["content"]["application/json"]["schema"]
    assert body["$ref"] == answer["$ref"] == "#/components/schemas/turnout.router.v1.Router"


def test_a_stream_is_offered_as_lines_and_as_events(made: dict[str, Any]) -> None:
    stream = made["paths"]["/v1/routers/{router}:streamPredict"]["post"]
    assert set(stream["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}


@pytest.mark.parametrize(
    ("template", "path", "parameters", "fields"),
    [
        ("/v1/routers", "/v1/routers", [], []),
        ("/v1/{name=routers/*}:stop", "/v1/routers/{router}:stop", ["router"], ["name"]),
        ("/v1/{model.name=models/*}", "/v1/models/{model}", ["model"], ["model.name"]),
        (
            "/v1/{name=models/*/results/*}",
            "/v1/models/{model}/results/{result}",
            ["model", "result"],
            ["name"],
        ),
        ("/v1/apiKeys/{id}", "/v1/apiKeys/{id}", ["id"], ["id"]),
    ],
)
def test_templates_are_paths_with_named_parameters(
    template: str, path: str, parameters: list[str], fields: list[str]
) -> None:
    assert path_of(template) == (path, parameters, fields)


def test_the_page_lists_every_path(made: dict[str, Any]) -> None:
    told = page(made)
    assert [path for path in made["paths"] if path not in told] == []
