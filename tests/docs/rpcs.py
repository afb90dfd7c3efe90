"""docs/reference/rpcs.md, written from the protos: every RPC with its fields, who may call it, and how it
fails."""

import re
from collections.abc import Iterator
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FieldOptions, MethodOptions
from turnout.inference.v1 import access_pb2

from services.gateway.contract import Contract, read
from tests.docs.own_errors import OWN

PORTS = {"router": 50051, "aggregator": 50052, "feedback": 50053, "drift": 50054}
OPEN_INFERENCE = "inference.GRPCInferenceService"
NOT_FOUND = {"routers": "ROUTER_NOT_FOUND", "models": "MODEL_NOT_FOUND"}
WHO = {
    "ANYONE": "anybody",
    "CALLER": "whoever has said who he is",
    "VIEWER": "who may see {}",
    "PREDICTOR": "who may send predictions to {}",
    "EDITOR": "who may change {}",
    "OWNER": "the owner of {}",
}
HEAD = """# Every RPC

Written from the protos by `make docs`; a test holds it to them. Each service is also behind the gateway's
one port, as gRPC and, where a path stands, as [REST](rest.md). The types of fields are messages and enums
of `protos/`; `grpcurl -plaintext 127.0.0.1:50051 describe turnout.router.v1.Router` shows any of them. What
the specification calls them is in [the specification](../specification.md).

Who may call is what holds where access is enforced ([access](../access.md)); an administrator may always.
Beside the errors that stand with an RPC, each can end in INVALID_ARGUMENT, DEADLINE_EXCEEDED,
TOO_MANY_REQUESTS, TOO_LARGE, STATE_UNAVAILABLE, NEWER_FORMAT and INTERNAL, and where access is enforced in
UNAUTHENTICATED and PERMISSION_DENIED; a resource that the caller may not see is as if it were not there.
[Failures](../failures.md) says what each means, and whether to repeat.
"""


TYPES: dict[int, str] = {
    number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()
}


def page() -> str:
    """The whole page."""
    contract = read()
    parts = [HEAD]
    for name in sorted(contract.methods, key=lambda one: (one == OPEN_INFERENCE, one)):
        parts += _service(contract, contract.pool.FindServiceByName(name))
    return "\n".join(parts).rstrip() + "\n"


def _service(contract: Contract, service: ServiceDescriptor) -> Iterator[str]:
    cluster = contract.clusters[service.full_name]
    yield f"## {service.full_name}\n"
    yield f"{contract.comments.get(service.full_name, '')} Port {PORTS[cluster]} ({cluster}).".strip()
    if service.full_name == OPEN_INFERENCE:
        yield "\nA contract of others: [what each method does here](../open-inference.md).\n"
        yield from (f"- `{method.name}`" for method in service.methods)
        return
    for method in service.methods:
        yield from _method(contract, method)
    yield ""


def _method(contract: Contract, method: MethodDescriptor) -> Iterator[str]:
    service = method.containing_service.full_name
    yield f"\n### {method.name}\n\n{contract.comments[f'{service}.{method.name}']}\n"
    asked, answered = (_link(one) for one in (method.input_type, method.output_type))
    yield (
        f"- {_stream(method.client_streaming)}{asked} → {_stream(method.server_streaming)}{answered}"
        f"; REST: {_rest(contract, method)}"
    )
    yield f"- may call: {_who(method)}"
    if errors := sorted(
        {*_following(contract, method), *OWN.get(f"{service.rpartition('.')[2]}/{method.name}", ())}
    ):
        yield f"- errors: {', '.join(errors)}"
    if method.input_type.fields:
        yield "\n| field | type | |\n|---|---|---|"
        yield from (_row(contract, field) for field in method.input_type.fields)


def _stream(streaming: bool) -> str:
    return "stream of " if streaming else ""


def _link(message: Descriptor) -> str:
    return f"`{message.name}`"


def _rest(contract: Contract, method: MethodDescriptor) -> str:
    rpc = f"/{method.containing_service.full_name}/{method.name}"
    found = [one for one in contract.operations if one.rpc == rpc]
    return ", ".join(f"`{one.verb} {one.path}`" for one in found) or "none"


def access(method: MethodDescriptor) -> access_pb2.AccessRule:
    """Who may call it, as its option says; by its bytes, since the pool of the contract is one of its own."""
    options = MethodOptions.FromString(method.GetOptions().SerializeToString())
    option: Any = access_pb2.access
    rule: access_pb2.AccessRule = options.Extensions[option]
    return rule


def _who(method: MethodDescriptor) -> str:
    rule = access(method)
    role = access_pb2.AccessRole.Name(rule.role).removeprefix("ACCESS_ROLE_")
    return WHO.get(role, "administrators").format(f"`{rule.resource}`")


def _row(contract: Contract, field: FieldDescriptor) -> str:
    said = contract.comments.get(field.full_name, "").replace("|", "\\|")
    group = field.containing_oneof
    one_of = f" One of {group.name}." if group and not group.name.startswith("_") else ""
    needed = " Required." if _required(field) else ""
    return f"| `{field.name}` | {kind(field)} | {said}{needed}{one_of} |"


def _required(field: FieldDescriptor) -> bool:
    options = FieldOptions.FromString(field.GetOptions().SerializeToString())
    return field_behavior_pb2.REQUIRED in options.Extensions[field_behavior_pb2.field_behavior]


def kind(field: FieldDescriptor) -> str:
    """The field's type, as people write it."""
    if field.message_type and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        return f"map {kind(key)} → {kind(value)}"
    named = field.message_type or field.enum_type
    plain = named.name if named else TYPES[field.type]
    return f"{plain}, several" if field.is_repeated else plain


def _following(contract: Contract, method: MethodDescriptor) -> Iterator[str]:
    """The errors that a request's own fields bring with them."""
    names = {field.name for field in method.input_type.fields}
    resource = access(method).resource
    if "prediction_id" in resource:
        yield "PREDICTION_NOT_FOUND"
    collection = re.search(r"=(routers|models)/\*(?:/(baselines|results)/\*)?}", _rest(contract, method))
    if collection and resource:
        yield f"{collection[2][:-1].upper()}_NOT_FOUND" if collection[2] else NOT_FOUND[collection[1]]
    inner = {
        field.name
        for one in method.input_type.fields
        if one.message_type
        for field in one.message_type.fields
    }
    changes = "validate_only" in names or "etag" in names
    if "etag" in names or (changes and "etag" in inner):
        yield "STALE_ETAG"
    if "request_id" in names and (changes or "EDITOR" in access_pb2.AccessRole.Name(access(method).role)):
        yield "REQUEST_ID_REUSED"
    if "page_token" in names:
        yield "BAD_PAGE_TOKEN"
