"""Chat models that say what a test wants, over real HTTP, and plans of them."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web
from turnout.aggregator.v1.aggregator_service_pb2 import InferRequest, Member, Plan
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import model_pb2
from turnout.router.v1.ensemble_pb2 import Helper
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from tests.aggregator.conftest import Bench
from tests.models.chat_server import ChatServer, chat_server

QUESTION = Input(text="Which city is the capital of France?")


class Speaker:
    """A chat model of the bench: `says` the next of its lines, the last one for ever."""

    def __init__(self, server: ChatServer, *lines: str) -> None:
        self.server = server
        self.lines = list(lines)
        server.behave = self.speak

    async def speak(self, _request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        line = self.lines.pop(0) if len(self.lines) > 1 else self.lines[0]
        choice = {"index": 0, "message": {"role": "assistant", "content": line}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 50}
        return web.json_response({"object": "chat.completion", "choices": [choice], "usage": usage})

    @property
    def heard(self) -> list[str]:
        """The last message of each conversation so far."""
        return [body["messages"][-1]["content"] for body in self.server.bodies]


async def speaker(
    bench: Bench, stack: AsyncExitStack, name: str, *lines: str, price: float | None = None, **model: Any
) -> Speaker:
    """Start a chat model and register it; `price` is what a thousand tokens cost, read or written."""
    server = await stack.enter_async_context(chat_server())
    cost = model_pb2.ModelCost(currency="USD")
    if price is not None:
        cost.input_per_1k_tokens = cost.output_per_1k_tokens = price
    bench.register(
        model_pb2.Model(
            name=f"models/{name}",
            protocol=model_pb2.PROTOCOL_OPENAI_CHAT,
            endpoints=[model_pb2.Endpoint(address=server.url)],
            cost=cost,
            **model,
        )
    )
    return Speaker(server, *(lines or ("Paris",)))


def plan_of(*names: str, **ensemble: Any) -> Plan:
    """A plan of these models."""
    members = [Member(model=f"models/{name}") for name in names]
    return Plan(members=members, ensemble=EnsembleStrategy(**ensemble))


def helper(name: str) -> Helper:
    """A model that helps."""
    return Helper(model=f"models/{name}")


def verdict(accept: object, reason: str = "so it is") -> str:
    """What a verifier says."""
    return json.dumps({"accept": accept, "reason": reason})


def account(reply: Any) -> list[tuple[str, str, str]]:
    """Who took part, as what, and what became of it, in the order of the reply."""
    return [
        (
            (one.variant or one.model.removeprefix("models/")) + (f"/{one.step}" if one.step else ""),
            manifest.ParticipantRole.Name(one.role).removeprefix("PARTICIPANT_ROLE_"),
            manifest.Outcome.Name(one.outcome).removeprefix("OUTCOME_"),
        )
        for one in reply.participants
    ]


Hang = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


def request_of(plan: Plan, given: Input = QUESTION, **fields: Any) -> InferRequest:
    """A request of that plan."""
    return InferRequest(plan=plan, input=given, **fields)
