"""A vote that stops early says what the whole panel would have said: over real channels, whatever the
weights, the failures, and the order in which answers arrive."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse, Member, Plan
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import strategy_pb2
from turnout.router.v1.model_pb2 import PROTOCOL_OIP_GRPC, Endpoint, Model, OutputSpec, Signature

from tests.aggregator.conftest import Bench
from tests.fleet import scripted_model

VOTE = strategy_pb2.AGGREGATION_METHOD_VOTE
NAMES = ("a", "b", "c", "d", "e")
CASES = 60


@dataclass
class Panel:
    """Five models that say what the test wants, one after the other: `said` is the label of each, None for
    one that fails, and `order` who answers before whom."""

    bench: Bench
    said: dict[str, str | None] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    done: dict[str, asyncio.Event] = field(default_factory=dict)

    async def answer(self, request: ModelInferRequest) -> ModelInferResponse:
        place = self.order.index(request.model_name) if self.order else 0
        if place:
            await self.done[self.order[place - 1]].wait()
        label = self.said[request.model_name]
        if self.order:
            self.done[request.model_name].set()
        reply = ModelInferResponse(model_name=request.model_name)
        # A malformed answer is no answer: the member has failed.
        texts = [] if label is None else [label.encode()]
        reply.outputs.add(name="label", datatype="BYTES", shape=[len(texts)]).contents.bytes_contents.extend(
            texts
        )
        return reply

    async def ask(self, plan: Plan, order: list[str]) -> InferResponse:
        self.order, self.done = order, {name: asyncio.Event() for name in NAMES}
        return await self.bench.infer(plan, Input(text="?"))


@pytest.fixture
async def panel(bench: Bench) -> AsyncIterator[Panel]:
    found = Panel(bench)
    async with AsyncExitStack() as stack:
        for name in NAMES:
            server = await stack.enter_async_context(scripted_model(name, found.answer))
            signature = Signature(outputs=OutputSpec(text="label"))
            model = Model(name=f"models/{name}", protocol=PROTOCOL_OIP_GRPC, signature=signature)
            model.endpoints.append(Endpoint(address=server.address))
            bench.register(model)
        yield found


async def test_the_verdict_is_that_of_the_whole_panel(panel: Panel) -> None:
    rng = random.Random(20)
    spared = failed = tied = 0
    for _ in range(CASES):
        panel.said = {name: rng.choice(("x", "y", "z", "x", None)) for name in NAMES}
        weights = [rng.choice((None, 1.0, 2.0, 0.5)) for _ in NAMES]
        quorum = rng.randint(1, 5)
        order = rng.sample(NAMES, len(NAMES))
        whole = await panel.ask(jury(weights, quorum, full_panel_fraction=1.0), order)
        parallel = await panel.ask(jury(weights, quorum, full_panel_fraction=0.0), order)
        staged = await panel.ask(
            jury(weights, quorum, full_panel_fraction=0.0, launch=strategy_pb2.LAUNCH_STAGED), []
        )
        for one in (parallel, staged):
            assert one.output.text.content == whole.output.text.content
            assert one.error_reason == whole.error_reason
            assert {each.variant for each in one.participants} == set(NAMES)
        failed += bool(whole.error_reason)
        tied += whole.aggregation.tie
        spared += 5 - sum(bool(each.attempt) for each in staged.participants)
    # Or the cases would have shown nothing.
    assert spared > CASES // 2
    assert failed > 3
    assert tied > 3


def jury(weights: list[float | None], quorum: int, **how: object) -> Plan:
    members = [
        Member(model=f"models/{name}", weight=weight) for name, weight in zip(NAMES, weights, strict=True)
    ]
    ensemble = strategy_pb2.EnsembleStrategy(aggregation=VOTE, quorum=quorum, **how)  # type: ignore[arg-type]
    return Plan(members=members, ensemble=ensemble)
