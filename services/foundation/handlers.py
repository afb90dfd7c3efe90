"""From a servicer to grpc handlers, by the descriptor of its service. No generated `_pb2_grpc` is
involved."""

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import grpc
from google.protobuf.descriptor_pool import DescriptorPool

from services.foundation.access import Access
from services.foundation.call import HEADERS
from services.foundation.chain import (
    Behaviour,
    Envelope,
    Implementation,
    Rig,
    each,
    one,
    reply_many,
    reply_once,
)
from services.foundation.contract import Method, methods_of, parser, renderer
from services.foundation.errors import Unimplemented
from services.foundation.guard import Guard, behind, with_certificate
from services.foundation.rules import rules_of
from services.foundation.sizes import within


@runtime_checkable
class Servicer(Protocol):
    """A plain class with a method per RPC: `async def GetRouter(self, request, call) -> GetRouterResponse`.

    A reply may also be the bytes of its message. Streams of replies are async generators; streams of requests
    arrive as an async iterator. An optional class attribute `RAW: frozenset[str]` names the methods that take
    and return the bytes of their messages; `ACCESS: Mapping[str, Rule]` says who may call the methods of a
    contract that is not ours and does not say.
    """

    SERVICE: str


class Methods(grpc.GenericRpcHandler):
    """All methods of a server in one table, by path; keeps the headers for the call that follows in the same
    task."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of a path; None (UNIMPLEMENTED) for an unknown one."""
        HEADERS.set(handler_call_details.invocation_metadata)
        return self._table.get(handler_call_details.method)


class WrongServicer(TypeError):
    """A servicer does not fit its contract."""


def handlers_of(
    servicer: Servicer, rig: Rig, pool: DescriptorPool | None = None, access: Access | None = None
) -> dict[str, Any]:
    """A grpc method handler by path per RPC of the service, the missing ones answering UNIMPLEMENTED (where
    access is enforced, to those who could call them)."""
    methods = methods_of(servicer.SERVICE, pool)
    raw: frozenset[str] = getattr(servicer, "RAW", frozenset())
    refuse_strangers(servicer, methods, raw)
    guards: dict[str, Guard] = {}
    if access is not None:
        rules = rules_of(servicer.SERVICE, getattr(servicer, "ACCESS", None), pool)
        guards = {name: Guard(methods[name], rule, access) for name, rule in rules.items()}
    return {
        method.path: _handler(servicer, method, name in raw, rig, guards.get(name))
        for name, method in methods.items()
    }


def missing_methods(servicer: Servicer, pool: DescriptorPool | None = None) -> list[str]:
    """The RPCs of the contract that the servicer does not have, by full name."""
    methods = methods_of(servicer.SERVICE, pool)
    return [method.full_name for name, method in methods.items() if not hasattr(servicer, name)]


def refuse_strangers(servicer: Servicer, methods: dict[str, Method], raw: frozenset[str]) -> None:
    """A method that no RPC leads to is a typo or a leftover: refuse it at start, as silence would hide it."""
    kind = type(servicer).__name__
    public = {
        name for name in dir(servicer) if name[0].isupper() and inspect.isroutine(getattr(servicer, name))
    }
    for name in sorted((public | raw) - methods.keys()):
        raise WrongServicer(
            f"{kind}.{name} is no method of {servicer.SERVICE}; it has {', '.join(sorted(methods))}"
        )
    for name in sorted(public):
        streams = methods[name].server_streaming
        fits = inspect.isasyncgenfunction if streams else inspect.iscoroutinefunction
        if not fits(getattr(servicer, name)):
            wanted = "an async generator (async def with yield)" if streams else "async def with one return"
            raise WrongServicer(f"{kind}.{name} must be {wanted}")


def _handler(servicer: Servicer, method: Method, raw: bool, rig: Rig, guard: Guard | None) -> Any:
    parse = parser(method.request, raw)
    render = within(renderer(method.response, raw), rig.message_bytes, _name(method.response))
    implement: Implementation | None = getattr(servicer, method.name, None)
    if implement is None:
        implement = (_no_stream if method.server_streaming else _no_reply)(method)
    single = one(parse, _name(method.request), rig.message_bytes)
    compose = reply_many if method.server_streaming else reply_once
    take: Callable[[Any], Any] = each(single) if method.client_streaming else single
    if guard is not None:
        # Nothing is parsed before it is known who asks.
        read = (
            one(parser(method.request, False), _name(method.request), rig.message_bytes) if raw else _as_it_is
        )
        implement, take = behind(guard, implement, take, read), _as_it_is
    behaviour = compose(Envelope(method, rig), implement, take, render)
    if guard is not None:
        behaviour = with_certificate(behaviour)
    return _KINDS[method.client_streaming, method.server_streaming](behaviour)


def _as_it_is(given: Any) -> Any:
    return given


def _name(message: type) -> str:
    return str(message.DESCRIPTOR.full_name)  # type: ignore[attr-defined]


def _no_reply(method: Method) -> Implementation:
    async def absent(_request: Any, _call: Any) -> Any:
        raise _unavailable(method)

    return absent


def _no_stream(method: Method) -> Implementation:
    async def absent(_request: Any, _call: Any) -> AsyncIterator[Any]:
        if _call is not None:
            raise _unavailable(method)
        yield

    return absent


def _unavailable(method: Method) -> Unimplemented:
    return Unimplemented(f"{method.full_name} is not available in this version", method=method.full_name)


# No serializers: the chain parses and renders itself, so that bad bytes get our status and raw methods cost
# nothing.
_KINDS: dict[tuple[bool, bool], Callable[[Behaviour], Any]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
