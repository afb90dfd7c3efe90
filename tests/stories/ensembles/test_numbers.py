"""Regression and raw tensors: real regressors behind the Open Inference Protocol, asked about rows that they
were not fitted on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple, Protocol

import numpy as np
import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor
from turnout.inference.v1.input_pb2 import Input, Tensor, TensorInput
from turnout.router.v1 import model_pb2, strategy_pb2
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1.ensemble_pb2 import LearntStacker, Stacking
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from tests.fleet import scripted_model
from tests.stories.asking import SECONDS, deployed, router
from tests.stories.ensembles.panel import Floats, answers, check_account
from tests.stories.suite import Suite

# The first to learn from, the next for the meta-model, the last to be asked about: fixed beforehand.
FITTED, STACKED, ASKED = slice(0, 250), slice(250, 400), slice(400, 442)
NAMES = ("numbers-linear", "numbers-near", "numbers-tree")
PRICES = {name: model_pb2.ModelCost(per_call=1e-4 * place) for place, name in enumerate(NAMES, 1)}
WEIGHTS = (5.0, 3.0, 2.0)


class Fitted(Protocol):
    """What scikit-learn's regressors offer."""

    def predict(self, rows: Floats) -> Floats: ...


class Regressor(NamedTuple):
    """A fitted model as a server offers it: `rows` [rows, 10] in, `value` [rows] out."""

    fitted: Fitted

    async def infer(self, request: ModelInferRequest) -> ModelInferResponse:
        rows = np.frombuffer(request.raw_input_contents[0], "<f8").reshape(-1, 10)
        said = self.fitted.predict(rows)
        reply = ModelInferResponse(model_name=request.model_name)
        reply.outputs.add(name="value", datatype="FP64", shape=said.shape)
        reply.raw_output_contents.append(said.astype("<f8").tobytes())
        return reply


class Clinic(NamedTuple):
    """The columns' names, the rows, and the fitted models."""

    columns: list[str]
    rows: Floats
    truth: Floats
    fitted: list[Fitted]

    def says(self, part: slice) -> Floats:
        """[members, rows]."""
        return np.stack([one.predict(self.rows[part]) for one in self.fitted])


@pytest.fixture(scope="module")
async def clinic(suite: Suite) -> AsyncIterator[Clinic]:
    """Three regressors, each registered with what its columns mean, and without."""
    data = load_diabetes()
    rows, truth = np.asarray(data.data, np.float64), np.asarray(data.target, np.float64)
    made: list[Any] = [
        LinearRegression(),
        KNeighborsRegressor(10),
        DecisionTreeRegressor(max_depth=4, random_state=0),
    ]
    fitted = [one.fit(rows[FITTED], truth[FITTED]) for one in made]
    columns = list(data.feature_names)
    register = suite.client("router").unary("turnout.router.v1.ModelService", "RegisterModel")
    async with AsyncExitStack() as stack:
        for name, one in zip(NAMES, fitted, strict=True):
            server = await stack.enter_async_context(scripted_model(name, Regressor(one).infer))
            for model in registrations(name, server.address, columns):
                await register(models.RegisterModelRequest(model=model), timeout=SECONDS)
        yield Clinic(columns, rows, truth, fitted)


def registrations(name: str, address: str, columns: list[str]) -> list[model_pb2.Model]:
    """With a signature, and raw."""
    plain = model_pb2.Model(
        name=f"models/{name}-raw",
        served_name=name,
        protocol=model_pb2.PROTOCOL_OIP_GRPC,
        endpoints=[{"address": address}],
        timeout={"seconds": int(SECONDS)},
        cost=PRICES[name],
    )
    told = model_pb2.Model()
    told.CopyFrom(plain)
    told.name = f"models/{name}"
    for column in columns:
        told.signature.features.add(name=column, kind=model_pb2.FEATURE_KIND_NUMERIC)
    told.signature.layout.input_name = "rows"
    told.signature.outputs.kind = model_pb2.OUTPUT_KIND_REGRESSION
    told.signature.outputs.value = "value"
    return [plain, told]


Formula = Callable[[Floats], Floats]
METHODS: list[tuple[str, bool, Formula]] = [
    ("average", False, lambda said: np.asarray(said.mean(axis=0))),
    ("weighted_average", True, lambda said: np.asarray(np.average(said, axis=0, weights=WEIGHTS))),
    ("median", False, lambda said: np.asarray(np.median(said, axis=0))),
]


def ensemble(method: str, **how: Any) -> EnsembleStrategy:
    number = strategy_pb2.AggregationMethod.Value(f"AGGREGATION_METHOD_{method.upper()}")
    return EnsembleStrategy(aggregation=number, **how)  # type: ignore[arg-type,unused-ignore]


@pytest.mark.parametrize(("method", "weighed", "formula"), METHODS, ids=[name for name, *_ in METHODS])
async def test_numbers(suite: Suite, clinic: Clinic, method: str, weighed: bool, formula: Formula) -> None:
    client, title = suite.client("router"), f"numbers-{method.replace('_', '-')}"
    wanted = router(title, *NAMES, ensemble=ensemble(method))
    for variant, weight in zip(wanted.variants, WEIGHTS if weighed else (), strict=weighed):
        variant.weight = weight
    await deployed(client, wanted)
    said = clinic.says(ASKED)
    await check_numbers(suite, clinic, title, formula(said))


async def check_numbers(suite: Suite, clinic: Clinic, title: str, wanted: Floats) -> None:
    asked = [
        Input(tabular={"numeric_features": dict(zip(clinic.columns, row, strict=True))})
        for row in clinic.rows[ASKED].tolist()
    ]
    spread = clinic.says(ASKED).std(axis=0)
    replies = await answers(suite.client("router"), title, asked)
    assert [reply.output.regression.values[0] for reply in replies] == pytest.approx(wanted.tolist())
    for reply, deviation in zip(replies, spread, strict=True):
        check_account(reply, PRICES)
        assert reply.manifest.aggregation.divergence == pytest.approx(deviation)
        # Numbers differ by degree.
        assert not reply.manifest.aggregation.HasField("agreement")
        assert not reply.manifest.aggregation.dissenting


async def test_a_linear_meta_model_of_numbers(suite: Suite, clinic: Clinic) -> None:
    meta = LinearRegression().fit(clinic.says(STACKED).T, clinic.truth[STACKED])
    learnt = LearntStacker(
        members=NAMES,
        coefficients=meta.coef_.tolist(),
        intercepts=[float(meta.intercept_)],
        fill=clinic.says(STACKED).mean(axis=1).tolist(),
    )
    how = ensemble("stacking", stacking=Stacking(learnt=learnt))
    await deployed(suite.client("router"), router("numbers-stacking", *NAMES, ensemble=how))
    wanted = np.asarray(meta.predict(clinic.says(ASKED).T))
    await check_numbers(suite, clinic, "numbers-stacking", wanted)


@pytest.mark.parametrize("method", ["average", "median"])
async def test_tensors_whose_meaning_nobody_declared(suite: Suite, clinic: Clinic, method: str) -> None:
    """One decision for all rows, element by element."""
    raw = [f"{name}-raw" for name in NAMES]
    title = f"numbers-{method}-raw"
    await deployed(suite.client("router"), router(title, *raw, ensemble=ensemble(method)))
    rows = clinic.rows[ASKED]
    tensor = Tensor(name="rows", datatype="FP64", shape=rows.shape)
    given = TensorInput(tensors=[tensor], raw_contents=[rows.astype("<f8").tobytes()])
    (reply,) = await answers(suite.client("router"), title, [Input(tensors=given)])
    check_account(reply, {f"{name}-raw": price for name, price in PRICES.items()})
    (said,) = reply.output.tensors.tensors
    values = np.frombuffer(reply.output.tensors.raw_contents[0], "<f8")
    assert (said.name, list(said.shape)) == ("value", [len(rows)])
    formula = next(formula for name, _, formula in METHODS if name == method)
    assert values.tolist() == pytest.approx(formula(clinic.says(ASKED)).tolist())
