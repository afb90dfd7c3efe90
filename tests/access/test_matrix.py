"""Every RPC of the contract × every kind of caller, by the rules that the contract itself states.

A method that is added to a proto is tested here by being there, implemented or not.
"""

from collections.abc import AsyncIterator, Callable
from inspect import isawaitable
from typing import Any, NamedTuple

import pytest
from google.protobuf.descriptor import MethodDescriptor
from turnout.router.v1 import inference_service_pb2 as inference

from services.foundation.contract import Method, method_of
from services.foundation.errors import RemoteError
from services.foundation.rules import Role, rules_of
from services.state.connection import connect
from services.state.named import kind_named
from tests.access.house import House, contract, enforced
from tests.keys_left import check_keys
from tests.waiting import eventually

# What each caller is to the resources of `House.make`.
CALLERS = {
    "anonymous": Role.ANYONE,
    "stranger": Role.CALLER,
    "viewer": Role.VIEWER,
    "predictor": Role.PREDICTOR,
    "editor": Role.EDITOR,
    "owner": Role.OWNER,
    "admin": Role.ADMIN,
}
HIDDEN = {
    "routers": "ROUTER_NOT_FOUND",
    "models": "MODEL_NOT_FOUND",
    "predictions": "PREDICTION_NOT_FOUND",
    "": "",
}
METHODS = [method for service in contract() for method in service.methods]
RULES = {
    f"{service.full_name}/{name}": rule
    for service in contract()
    for name, rule in rules_of(service.full_name).items()
}


class Stage(NamedTuple):
    """The running services, and what each RPC is called on: what could change it has one of its own."""

    house: House
    subjects: dict[str, str]


def full_name(method: MethodDescriptor) -> str:
    return f"{method.containing_service.full_name}/{method.name}"


def kind_of(name: str) -> str:
    return kind_named(name, RULES[name].resource) if RULES[name].resource else ""


@pytest.fixture(scope="module")
async def stage(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with enforced(redis_url, tmp_path_factory.mktemp("matrix")) as house:
        subjects, shared = {}, await house.make("shared")
        prediction = await house.log(shared[0])
        for number, method in enumerate(METHODS):
            name = full_name(method)
            changes = RULES[name].role in (Role.EDITOR, Role.OWNER)
            router, model = await house.make(f"own-{number}") if changes else shared
            known = {"routers": router.name, "models": model.name, "predictions": prediction, "": ""}
            subjects[name] = known[kind_of(name)]
        await house.recorded([prediction])
        await eventually(lambda: in_memory(house, "shared"), within=30)
        yield Stage(house, subjects)
    async with connect(redis_url) as connections:
        await check_keys(connections.steady)
        await connections.steady.flushdb()


async def in_memory(house: House, router: str) -> bool:
    """Whether the router serves (or refuses to) from memory what was written last."""
    request = inference.ExplainRequest(router=router)
    return (await house.refusal("admin", "InferenceService/Explain", request)).reason == "ROUTER_NOT_RUNNING"


def request_for(method: Method, path: str, subject: str) -> Any:
    """Nothing but the resource, and that nothing is to be changed where that can be said."""
    request: Any = method.request()
    holder = request
    *before, last = path.split(".")
    for part in before:
        holder = getattr(holder, part)
    if path:
        nested = (
            subject.startswith("models/")
            and last == "name"
            and method.name in ("GetResult", "DeleteBaseline")
        )
        setattr(holder, last, f"{subject}/things/one" if nested else subject)
    if "validate_only" in request.DESCRIPTOR.fields_by_name:
        request.validate_only = True
    return request


async def outcome(house: House, name: str, caller: str, subject: str) -> tuple[str, str]:
    """Code and reason that a call ends with; of a stream of replies, that its first reply ends with."""
    service, _, short = name.partition("/")
    method, client = method_of(service, short), house.client(service)
    request = request_for(method, RULES[name].resource, subject)
    shapes: dict[tuple[bool, bool], Callable[..., Any]] = {
        (False, False): client.unary,
        (True, False): client.upload,
        (False, True): client.stream,
        (True, True): client.exchange,
    }
    send = shapes[method.client_streaming, method.server_streaming](service, short)
    # Of a stream nothing is sent: the client library calls a write that meets a refusal an internal error.
    given = [] if method.client_streaming else request
    made = send(given, timeout=3, metadata=house.headers(caller))
    try:
        if isawaitable(made):
            await made
        else:
            await anext(made, None)
            await made.aclose()
    except RemoteError as error:
        return error.code, error.reason
    return "OK", ""


def refusal_due(name: str, caller: str) -> tuple[str, str] | None:
    """How a caller is to be refused; None if he is to be let in."""
    role, held = RULES[name].role, CALLERS[caller]
    if held is Role.ADMIN or role is Role.ANYONE:
        return None
    if held is Role.ANYONE:
        return "UNAUTHENTICATED", "UNAUTHENTICATED"
    if role in (Role.UNSPECIFIED, Role.ADMIN):
        return "PERMISSION_DENIED", "PERMISSION_DENIED"
    if held >= role:
        return None
    if held < Role.VIEWER:
        return "NOT_FOUND", HIDDEN[kind_of(name)]
    return "PERMISSION_DENIED", "PERMISSION_DENIED"


@pytest.mark.parametrize("method", METHODS, ids=full_name)
async def test_lets_in_whom_the_contract_lets_in_and_nobody_else(
    stage: Stage, method: MethodDescriptor
) -> None:
    name = full_name(method)
    for caller in CALLERS:
        came = await outcome(stage.house, name, caller, stage.subjects[name])
        due = refusal_due(name, caller)
        if due is not None:
            assert came == due, f"{caller} on {name}"
        else:
            # What becomes of it inside is the method's business.
            assert came[0] not in ("UNAUTHENTICATED", "PERMISSION_DENIED", "INTERNAL"), f"{caller} on {name}"
            assert came[1] not in ("", HIDDEN[kind_of(name)]) or came[0] == "OK", f"{caller} on {name}"


@pytest.mark.parametrize("method", METHODS, ids=full_name)
def test_the_contract_says_who_may_call_it(method: MethodDescriptor) -> None:
    assert RULES[full_name(method)].role is not Role.UNSPECIFIED


async def test_every_service_of_the_contract_is_among_those_that_are_served(stage: Stage) -> None:
    assert {service.full_name for service in contract()} <= stage.house.served.keys()
