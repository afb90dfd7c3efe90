"""Services as their descriptors tell: the methods, their messages, their paths."""

from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

Parse = Callable[[bytes], Any]
Render = Callable[[Any], bytes]


class UnknownService(LookupError):
    """No such service or method in the descriptor pool: its generated module has not been imported, or a
    typo."""


class Method(NamedTuple):
    """One RPC. Raw methods take and return the bytes of their messages."""

    name: str
    full_name: str
    """`turnout.router.v1.RouterService/GetRouter`: the name in metrics, spans and messages."""
    path: str
    request: type
    response: type
    client_streaming: bool
    server_streaming: bool


def service_of(name: str, pool: DescriptorPool | None = None) -> ServiceDescriptor:
    """The descriptor of a service by its full name."""
    try:
        return (pool or descriptor_pool.Default()).FindServiceByName(name)
    except KeyError:
        raise UnknownService(
            f"no service {name!r} in the descriptor pool; import its generated module first"
        ) from None


def methods_of(name: str, pool: DescriptorPool | None = None) -> dict[str, Method]:
    """Every method of a service, by name."""
    return {method.name: _method(name, method) for method in service_of(name, pool).methods}


def method_of(service: str, name: str, pool: DescriptorPool | None = None) -> Method:
    """One method of a service."""
    methods = methods_of(service, pool)
    if name not in methods:
        raise UnknownService(f"{service} has no method {name!r}; it has {', '.join(sorted(methods))}")
    return methods[name]


def _method(service: str, method: MethodDescriptor) -> Method:
    return Method(
        method.name,
        f"{service}/{method.name}",
        f"/{service}/{method.name}",
        GetMessageClass(method.input_type),
        GetMessageClass(method.output_type),
        method.client_streaming,
        method.server_streaming,
    )


def parser(message: type, raw: bool) -> Parse:
    """Bytes to a message; the identity for raw methods."""
    return bytes if raw else message.FromString  # type: ignore[attr-defined]


def renderer(message: type, raw: bool) -> Render:
    """A message to bytes; bytes, of a raw method or of one that serialized its reply itself, pass."""
    if raw:
        return bytes
    serialize: Render = message.SerializeToString  # type: ignore[attr-defined]

    def render(reply: Any) -> bytes:
        return reply if type(reply) is bytes else serialize(reply)

    return render
