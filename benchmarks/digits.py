"""Digits for the benchmarks of ensembles: real models that see the whole picture or half of it, served."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from turnout.aggregator.v1.aggregator_service_pb2 import (
    InferRequest,
    InferResponse,
    Member,
    Plan,
)
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from benchmarks.suite import aggregator_process
from examples.fleet import columns
from examples.fleet.catalog import FLEET, FleetModel, registration
from examples.fleet.data import holdout
from services.aggregator.servicer import AggregatorServicer
from services.foundation.client import Client
from tests.fleet import fleet_model

LEFT = tuple(name for name in columns.DIGITS if int(name[8]) < 4)
# The fleet's price of half a picture is 3e-4, so that of a whole one is twice as much.
HALF, WHOLE = 3e-4, 6e-4
# Beside those of the fleet. Their accuracies are measured here, not declared.
MORE = (
    FleetModel("whole-logistic", "digits", "logistic-regression", columns.DIGITS, WHOLE, 0.0),
    FleetModel("whole-neighbours", "digits", "nearest-neighbours", columns.DIGITS, WHOLE, 0.0),
    FleetModel("whole-discriminant", "digits", "discriminant-analysis", columns.DIGITS, WHOLE, 0.0),
    FleetModel("left", "digits", "logistic-regression", LEFT, HALF, 0.0),
)
# Whoever sees most is asked first where prices are alike.
PANEL = (*(one.name for one in MORE[:3]), "digits-right", "digits-top", "digits-bottom", "left")
SEED = 4


class Panel:
    """Models that are served and an aggregator that knows them."""

    def __init__(self, client: Client) -> None:
        self._infer = client.unary(AggregatorServicer.SERVICE, "Infer")

    async def ask(self, plan: Plan, row: Sequence[float], number: int) -> InferResponse:
        """One row. `number` makes what is drawn of it the same in every run."""
        features = dict(zip(columns.DIGITS, row, strict=True))
        given = Input(tabular=TabularInput(numeric_features=features))
        request = InferRequest(plan=plan, input=given, prediction_id=f"row {number}")
        reply: InferResponse = await self._infer(request, timeout=60)
        assert not reply.error_reason, reply.error_message
        return reply


def enlist() -> None:
    """Have the fleet's training and servers know the models beside its own, in this process."""
    FLEET.update((one.name, one) for one in MORE)


@asynccontextmanager
async def served(*names: str, priced: bool = True) -> AsyncIterator[Panel]:
    """Serve these models, patient ones, and start an aggregator; without prices those who are declared first
    are asked first."""
    enlist()
    async with AsyncExitStack() as stack:
        models = []
        for name in names:
            server = await stack.enter_async_context(fleet_model(name))
            model = registration(name, server.address)
            model.timeout.FromSeconds(30)
            if not priced:
                model.ClearField("cost")
            models.append(model)
        process = await stack.enter_async_context(aggregator_process(models))
        client = Client(process.address)
        stack.push_async_callback(client.close)
        yield Panel(client)


def plan_of(names: Sequence[str], ensemble: EnsembleStrategy) -> Plan:
    """A plan of these models."""
    return Plan(members=[Member(model=f"models/{name}") for name in names], ensemble=ensemble)


def unseen(count: int) -> tuple[list[list[float]], list[str]]:
    """So many rows that no model was trained on, and their labels."""
    rows, labels = holdout("digits", SEED)
    return rows[:count].tolist(), labels[:count]
