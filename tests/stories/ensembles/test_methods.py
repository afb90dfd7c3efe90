"""Every aggregation of labels, numbers and tensors, through a router, on rows that no member has seen: the
answer is worked out again from the members' own."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from sklearn.linear_model import LogisticRegression
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_CONTRIBUTED,
    OUTCOME_SERVED,
    OUTCOME_SKIPPED,
    PARTICIPANT_ROLE_JUROR,
    PARTICIPANT_ROLE_META,
)
from turnout.router.v1 import ensemble_pb2, model_pb2, router_pb2, strategy_pb2
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from examples.fleet.columns import DIAGNOSES
from tests.fleet import scripted_model
from tests.stories.asking import SECONDS, deployed, router
from tests.stories.ensembles.panel import (
    DOCTORS,
    PRICES,
    Floats,
    agreeing,
    answers,
    chances,
    check_account,
    diagnoses,
    probabilities_of,
    questions,
    tabular,
)
from tests.stories.suite import Suite

ROWS, LEARNT_FROM = 40, 120
# Declared before anything was measured; so that two of four can be level with the other two.
WEIGHTS = (40.0, 30.0, 20.0, 10.0)
SMALLEST = 1e-6


def average(given: Floats, _shares: Floats) -> Floats:
    return np.asarray(given.mean(axis=0))


def weighted(given: Floats, shares: Floats) -> Floats:
    return np.asarray(np.einsum("mr,mrl->rl", shares, given))


def median(given: Floats, _shares: Floats) -> Floats:
    middle = np.median(given, axis=0)
    return np.asarray(middle / middle.sum(axis=1, keepdims=True))


def log_pool(given: Floats, shares: Floats) -> Floats:
    product = np.prod(np.maximum(given, SMALLEST) ** shares[..., None], axis=0)
    return np.asarray(product / product.sum(axis=1, keepdims=True))


def max_confidence(given: Floats, _shares: Floats) -> Floats:
    return np.asarray(given[given.max(axis=2).argmax(axis=0), np.arange(given.shape[1])])


def vote(given: Floats, shares: Floats) -> Floats:
    return weighted(np.eye(2)[given.argmax(axis=2)], shares)


class Method(NamedTuple):
    """A method, how its members are weighed, and its formula: the members' probabilities [members, rows,
    labels] and their shares [members, rows] to the reply's."""

    name: str
    formula: Callable[[Floats, Floats], Floats]
    weights: Sequence[float] = ()
    source: str = "UNSPECIFIED"

    @property
    def title(self) -> str:
        kind = "declared" if self.weights else "plain"
        return f"{self.name}-{kind}-{self.source}".lower().replace("_", "-")

    def shares(self, given: Floats) -> Floats:
        """[members, rows], 1 in sum."""
        weights = np.tile(np.array(self.weights or [1.0] * len(DOCTORS))[:, None], given.shape[1])
        sure = given.max(axis=2)
        if self.source == "CONFIDENCE":
            weights = sure
        elif self.source == "DECLARED_TIMES_CONFIDENCE":
            weights = weights * sure
        return np.asarray(weights / weights.sum(axis=0))

    @property
    def router(self) -> router_pb2.Router:
        how = EnsembleStrategy(
            aggregation=f"AGGREGATION_METHOD_{self.name.upper()}",
            weight_source=f"WEIGHT_SOURCE_{self.source}",
            # A vote would spare who cannot change it any more.
            full_panel_fraction=1,
        )
        made = router(f"methods-{self.title}", *DOCTORS, ensemble=how)
        for variant, weight in zip(made.variants, self.weights, strict=bool(self.weights)):
            variant.weight = weight
        return made


METHODS = [
    Method("vote", vote, WEIGHTS),
    Method("vote", vote, WEIGHTS, "DECLARED_TIMES_CONFIDENCE"),
    Method("average", average),
    Method("weighted_average", weighted, WEIGHTS),
    Method("weighted_average", weighted, (), "CONFIDENCE"),
    Method("weighted_average", weighted, WEIGHTS, "DECLARED_TIMES_CONFIDENCE"),
    Method("max_confidence", max_confidence),
    Method("median", median),
    Method("log_pool", log_pool),
    Method("log_pool", log_pool, WEIGHTS),
]


@pytest.mark.parametrize("method", METHODS, ids=[method.title for method in METHODS])
async def test_labels(suite: Suite, method: Method) -> None:
    client, asked = suite.client("router"), questions("breast-cancer", ROWS)
    await deployed(client, method.router)
    replies = await answers(client, f"methods-{method.title}", [tabular(one) for one in asked])
    given = np.stack([chances(name, asked) for name in DOCTORS])
    wanted = method.formula(given, method.shares(given))
    said = [diagnoses(each) for each in given]
    for row, reply in enumerate(replies):
        check_account(reply, PRICES)
        assert probabilities_of(reply.output) == pytest.approx(wanted[row].tolist(), abs=1e-9)
        told, own = reply.manifest.aggregation, [each[row] for each in said]
        assert [one.variant for one in reply.manifest.participants] == list(DOCTORS)
        assert {one.role for one in reply.manifest.participants} == {PARTICIPANT_ROLE_JUROR}
        # Of level labels the method's own rule decides, and says so.
        level = np.isclose(*wanted[row])
        assert told.tie == level
        assert level or reply.output.classification.label == DIAGNOSES[wanted[row].argmax()]
        assert told.method == method.name
        assert told.agreement == pytest.approx(agreeing(own))
        label = reply.output.classification.label
        assert list(told.dissenting) == [
            name for name, each in zip(DOCTORS, own, strict=True) if each != label
        ]
        assert reply.manifest.most_expensive_member_cost.amount == max(
            one.per_call for one in PRICES.values()
        )


def test_the_rows_divide_the_members() -> None:
    """What everybody agrees on would not tell one method from another."""
    asked = questions("breast-cancer", ROWS)
    said = [diagnoses(chances(name, asked)) for name in DOCTORS]
    assert sum(len(set(row)) > 1 for row in zip(*said, strict=True)) >= 5


class Stacker:
    """A real meta-model, fitted on unseen rows that come after those that it is asked about: by coefficients,
    and as a server over OIP."""

    def __init__(self) -> None:
        rows = questions("breast-cancer", ROWS + LEARNT_FROM)[ROWS:]
        self.fitted = LogisticRegression().fit(self.design(rows), [one.truth for one in rows])

    def design(self, rows: Sequence[Any]) -> Floats:
        """[rows, members x labels]: the probability of each label, member by member."""
        return np.concatenate([chances(name, rows) for name in DOCTORS], axis=1)

    def says(self, rows: Sequence[Any]) -> Floats:
        return np.asarray(self.fitted.predict_proba(self.design(rows)))

    @property
    def learnt(self) -> ensemble_pb2.LearntStacker:
        row, (intercept,) = self.fitted.coef_[0], self.fitted.intercept_
        return ensemble_pb2.LearntStacker(
            members=DOCTORS,
            labels=DIAGNOSES,
            # The softmax of 0 and x is the logistic function of x.
            coefficients=[0.0] * len(row) + row.tolist(),
            intercepts=[0.0, intercept],
            fill=[0.5] * len(row),
        )

    async def infer(self, request: ModelInferRequest) -> ModelInferResponse:
        shape = tuple(request.inputs[0].shape)
        read = np.frombuffer(request.raw_input_contents[0], "<f8").reshape(shape)
        reply = ModelInferResponse(model_name=request.model_name)
        said = np.ascontiguousarray(self.fitted.predict_proba(read))
        reply.outputs.add(name="p", datatype="FP64", shape=said.shape)
        reply.raw_output_contents.append(said.tobytes())
        return reply


async def test_a_meta_model_by_its_coefficients_and_by_its_server(suite: Suite) -> None:
    client, asked, meta = suite.client("router"), questions("breast-cancer", ROWS), Stacker()
    method, price = strategy_pb2.AGGREGATION_METHOD_STACKING, model_pb2.ModelCost(per_call=3e-4)
    async with scripted_model("methods-meta", meta.infer) as server:
        model = model_pb2.Model(
            name="models/methods-meta",
            protocol=model_pb2.PROTOCOL_OIP_GRPC,
            endpoints=[{"address": server.address}],
            timeout={"seconds": int(SECONDS)},
            cost=price,
            signature={"outputs": {"probabilities": "p", "class_order": DIAGNOSES}},
        )
        register = client.unary("turnout.router.v1.ModelService", "RegisterModel")
        await register(models.RegisterModelRequest(model=model), timeout=SECONDS)
        for name, stacking in (
            ("methods-learnt", ensemble_pb2.Stacking(learnt=meta.learnt)),
            ("methods-served", ensemble_pb2.Stacking(model={"model": "methods-meta"})),
        ):
            how = EnsembleStrategy(aggregation=method, stacking=stacking)
            await deployed(client, router(name, *DOCTORS, ensemble=how))
        given = [tabular(one) for one in asked]
        learnt = await answers(client, "methods-learnt", given)
        served = await answers(client, "methods-served", given)
        assert server.calls == ROWS
    wanted = meta.says(asked)
    for row, (one, other) in enumerate(zip(learnt, served, strict=True)):
        for reply in (one, other):
            check_account(reply, {**PRICES, "methods-meta": price})
            assert probabilities_of(reply.output) == pytest.approx(wanted[row].tolist(), abs=1e-9)
            assert not reply.manifest.degraded
        assert len(one.manifest.participants) == len(DOCTORS)
        *jurors, last = other.manifest.participants
        assert [juror.variant for juror in jurors] == list(DOCTORS)
        assert (last.model, last.role) == ("models/methods-meta", PARTICIPANT_ROLE_META)
        assert last.outcome == OUTCOME_CONTRIBUTED


async def test_a_cascade_asks_the_dearer_only_where_the_cheaper_are_unsure(suite: Suite) -> None:
    client, asked = suite.client("router"), questions("breast-cancer", ROWS)
    how = EnsembleStrategy(aggregation=strategy_pb2.AGGREGATION_METHOD_CASCADE)
    # The stump is sure of itself whatever it is asked.
    doctors = [name for name in DOCTORS if name != "cancer-stump"]
    await deployed(client, router("methods-cascade", *doctors, ensemble=how))
    cheapest_first = sorted(doctors, key=lambda name: PRICES[name].per_call)
    said = {name: chances(name, asked) for name in doctors}
    rounds = set()
    for row, reply in enumerate(await answers(client, "methods-cascade", [tabular(one) for one in asked])):
        check_account(reply, PRICES)
        sure = [name for name in cheapest_first if said[name][row].max() >= 0.8]
        last = sure[0] if sure else cheapest_first[-1]
        everybody = reply.manifest.participants
        assert [one.variant for one in everybody] == cheapest_first
        outcomes = {one.variant: one.outcome for one in everybody}
        assert outcomes[last] == OUTCOME_SERVED
        place = cheapest_first.index(last)
        assert all(outcomes[name] == OUTCOME_SKIPPED for name in cheapest_first[place + 1 :])
        assert probabilities_of(reply.output) == pytest.approx(said[last][row].tolist(), abs=1e-9)
        # Who is served unsure is served with a word about it, and with no other.
        assert bool(reply.manifest.warnings) == (not sure)
        rounds.add(reply.manifest.aggregation.rounds)
    assert len(rounds) > 1
