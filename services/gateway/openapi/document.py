"""The whole document."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from services.gateway.contract import Contract, Operation
from services.gateway.openapi.paths import Path, path_of
from services.gateway.openapi.schemas import WELL_KNOWN, Schema, Schemas

OPENAPI = "3.1.0"
STATUS = "google.rpc.Status"
# How deep a query parameter may name a field of a field.
DEEPEST = 3


def document(contract: Contract) -> dict[str, Any]:
    """Every operation that REST can call, with the messages that they take and give."""
    schemas = Schemas(contract)
    paths: dict[str, dict[str, Any]] = {}
    for operation in contract.operations:
        path = path_of(operation.path)
        made = _operation(contract, operation, path, schemas)
        paths.setdefault(path.path, {})[operation.verb.lower()] = made
    tags = sorted({operation.service for operation in contract.operations})
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Turnout",
            "version": version("turnout"),
            "description": "Routes, aggregates and learns from a fleet of models. Made from the gRPC "
            "contract: the same calls are served as gRPC and gRPC-Web on this port.",
        },
        "security": [{}, {"bearer": []}, {"key": []}],
        "tags": [{"name": _short(tag), "description": contract.comments.get(tag, "")} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": schemas.kept,
            "responses": {"Error": _error(schemas)},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key or a token."},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def _operation(contract: Contract, operation: Operation, path: Path, schemas: Schemas) -> dict[str, Any]:
    request = schemas.message(operation.request)
    said = contract.comments.get(operation.full_name, "")
    made: dict[str, Any] = {
        "operationId": f"{_short(operation.service)}_{operation.method}",
        "tags": [_short(operation.service)],
        "summary": said.split(". ")[0].rstrip("."),
        "description": said,
        "parameters": [_in_path(name) for name in path.parameters],
        "responses": {
            "200": _answer(operation, schemas),
            "default": {"$ref": "#/components/responses/Error"},
        },
    }
    bound = frozenset(path.fields)
    if operation.body != "*":
        # What is neither in the path nor the body.
        made["parameters"] += list(_in_query(request, schemas, bound | {operation.body}))
    if operation.body:
        content = _body(operation, request, bound, schemas)
        made["requestBody"] = {"required": True, "content": content}
    return made


def _body(operation: Operation, request: Descriptor, bound: frozenset[str], schemas: Schemas) -> Schema:
    if operation.body == "*":
        return {"application/json": {"schema": schemas.of_fields(request, without=bound)}}
    field = request.fields_by_name[operation.body]
    kind = "application/octet-stream" if _raw(field) else "application/json"
    return {kind: {"schema": schemas.of_field(field)}}


def _answer(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    response = schemas.message(operation.response)
    if operation.response_body:
        schema = schemas.of_field(response.fields_by_name[operation.response_body])
    else:
        schema = schemas.of_message(response)
    if not operation.server_streaming:
        return {"description": "What was asked for.", "content": {"application/json": {"schema": schema}}}
    kinds = ("application/json", "text/event-stream")
    said = "A message on each line, or an event each for who accepts text/event-stream."
    return {"description": said, "content": {kind: {"schema": schema} for kind in kinds}}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(
    message: Descriptor, schemas: Schemas, bound: frozenset[str], before: str = "", depth: int = 1
) -> Iterator[dict[str, Any]]:
    """The fields that a query can set: what is plain, or a list of what is; of messages their fields."""
    for field in message.fields:
        name = before + field.name
        if name in bound:
            continue
        if _plain(field):
            schema = schemas.of_field(field)
            said = schema.pop("description", "")
            yield {"name": name, "in": "query", "schema": schema, **({"description": said} if said else {})}
        elif field.message_type and not field.is_repeated and depth < DEEPEST:
            yield from _in_query(field.message_type, schemas, bound, f"{name}.", depth + 1)


def _plain(field: FieldDescriptor) -> bool:
    kind = field.message_type
    if kind is None:
        return True
    written_as = WELL_KNOWN.get(kind.full_name, {}).get("type")
    return written_as == "string" and not field.is_repeated and not _raw(field)


def _raw(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.full_name == "google.api.HttpBody"


def _error(schemas: Schemas) -> dict[str, Any]:
    schema = schemas.of_message(schemas.message(STATUS))
    said = "What was wrong: its code, a sentence, and details with the reason and the fields."
    return {"description": said, "content": {"application/json": {"schema": schema}}}


def _short(name: str) -> str:
    return name.rsplit(".", 1)[1]
