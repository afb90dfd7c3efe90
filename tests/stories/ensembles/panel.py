"""What a panel of real models is asked, and what must have come of it: worked out from the models themselves
and their registered prices, without a word of the suite's."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import OUTCOME_DROPPED, OUTCOME_SKIPPED, Participant
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1.inference_service_pb2 import PredictRequest, PredictResponse
from turnout.router.v1.model_pb2 import ModelCost

from examples.demo.rows import Question, Supply
from examples.fleet.catalog import FLEET
from examples.fleet.columns import COLUMNS, DIAGNOSES
from examples.fleet.data import column_indices
from examples.fleet.training import Classifier, train
from services.foundation.client import Client
from tests.stories.asking import INFERENCE, SECONDS

Floats = NDArray[np.float64]
Prices = Mapping[str, ModelCost]

DOCTORS = ("cancer-logistic", "cancer-boosting", "cancer-bayes", "cancer-stump")
PRICES: Prices = {name: ModelCost(per_call=FLEET[name].price) for name in DOCTORS}
AT_ONCE, SEED = 20, 47
_trained = cache(train)


def questions(dataset: str, count: int, seed: int = SEED) -> list[Question]:
    """The first unseen rows of an order that was drawn before anything was measured."""
    supply = Supply(dataset, seed)
    return [supply.take() for _ in range(count)]


def matrix(dataset: str, asked: Sequence[Question]) -> Floats:
    """[rows, columns] in the data set's order."""
    return np.array([[one.features[column] for column in COLUMNS[dataset]] for one in asked])


def model_of(name: str) -> Classifier:
    """A model of the fleet, trained once, as its server trains it."""
    return _trained(name)


def chances(name: str, asked: Sequence[Question]) -> Floats:
    """[rows, classes]: what a model of the fleet makes of the rows, asked without a server."""
    model = FLEET[name]
    seen = matrix(model.dataset, asked)[:, column_indices(model.dataset, model.columns)]
    return model_of(name).predict_proba(seen)


def diagnoses(probabilities: Floats) -> list[str]:
    """[rows]: the likelier label."""
    return [DIAGNOSES[place] for place in probabilities.argmax(axis=1)]


def probabilities_of(output: Output) -> list[float]:
    """The first row's, in the data set's order of labels."""
    given = {one.label: one.probability for one in output.classification.probabilities}
    return [given[label] for label in DIAGNOSES]


def tabular(question: Question) -> Input:
    return Input(tabular={"numeric_features": question.features})


async def answers(client: Client, router: str, asked: Sequence[Input]) -> list[PredictResponse]:
    """Replies in the order of what was asked."""
    call, found = client.unary(INFERENCE, "Predict"), list[PredictResponse]()
    for begin in range(0, len(asked), AT_ONCE):
        batch = [PredictRequest(router=router, input=one) for one in asked[begin : begin + AT_ONCE]]
        found += await asyncio.gather(*(call(request, timeout=SECONDS) for request in batch))
    return found


def price_of(one: Participant, prices: Prices) -> float:
    """Usage times registered price."""
    price = prices[one.model.removeprefix("models/")]
    tokens = one.tokens_in * price.input_per_1k_tokens + one.tokens_out * price.output_per_1k_tokens
    return price.per_call + tokens / 1000


def check_account(reply: PredictResponse, prices: Prices) -> None:
    """Everybody is named once per attempt, in a span and at a cost of their own where they were called."""
    everybody = reply.manifest.participants
    attempts = [(one.variant, one.model, one.role, one.step, one.attempt) for one in everybody]
    assert len(set(attempts)) == len(attempts)
    called = [one for one in everybody if one.outcome not in (OUTCOME_SKIPPED, OUTCOME_DROPPED)]
    assert len({one.span_id for one in called}) == len(called)
    assert all(one.latency.ToNanoseconds() > 0 for one in called)
    costs = [price_of(one, prices) for one in called]
    assert [one.cost.amount for one in called] == pytest.approx(costs)
    assert reply.manifest.total_cost.amount == pytest.approx(sum(costs))
    assert not any(one.HasField("cost") for one in everybody if one not in called)


def agreeing(said: Sequence[object]) -> float:
    """The share of pairs that said the same."""
    pairs = list(combinations(said, 2))
    return sum(one == other for one, other in pairs) / len(pairs)
