"""What a contextual bandit sees of a request, and the scores that it makes of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from turnout.feedback.v1.rewards_pb2 import LinearState, RewardSnapshot
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import Router

from services.models.records import record_of_row, record_of_tabular
from services.router.conditions.kinds import Form
from services.router.conditions.tensors import record_of_tensors
from services.router.strategies.linear import Linear

DOUBLES = "<f8"
# What anybody sends is squared in the regressions: one number of 1e160 would leave no router to be loaded.
FARTHEST = 1e6


class Hopes(dict[str, float]):
    """Scores by variant, and the context that they were made of."""

    def __init__(self, context: Sequence[float], scores: dict[str, float]) -> None:
        super().__init__(scores)
        self.context = context


@dataclass(frozen=True, slots=True)
class Contexts:
    """Reads contexts and scores them; before anything is learnt there are no scores, and all are alike.
    forms: how the columns of one row may lie in tensors."""

    features: Sequence[str]
    scales: Sequence[float]
    linear: Linear | None
    forms: Sequence[Form] = ()

    def __call__(self, asked: Input) -> Hopes:
        context = self.read(asked)
        return Hopes(context, scores_of(self.linear, context))

    def read(self, asked: Input) -> list[float]:
        """The features as numbers, each divided by its scale and at most FARTHEST either way; 0 for one that
        was not sent or is no number."""
        given = self._numbers(asked)
        found = [given.get(name, 0.0) for name in self.features]
        return [
            min(max(value / scale, -FARTHEST), FARTHEST) if math.isfinite(value) else 0.0
            for value, scale in zip(found, self.scales, strict=True)
        ]

    def _numbers(self, asked: Input) -> Mapping[str, float]:
        if asked.HasField("tabular"):
            return dict(record_of_tabular(asked.tabular).numeric)
        if asked.HasField("tensors"):
            record = record_of_tensors(asked.tensors, self.forms)
            return record.numeric if record is not None else {}
        return dict(record_of_row(asked.row, self.features).numeric) if asked.HasField("row") else {}


def scores_of(linear: Linear | None, context: Sequence[float]) -> dict[str, float]:
    """The scores of a context; none where it is of other features than were learnt from."""
    if linear is None or linear.weights.shape[1] != len(context) + 1:
        return {}
    return linear.scores(np.array([1.0, *context]))


def contexts_of(router: Router, learnt: RewardSnapshot | None, forms: Sequence[Form] = ()) -> Contexts | None:
    """What reads the context of a router; None where its strategy does not look at it."""
    bandit = router.bandit
    if not router.HasField("bandit") or bandit.algorithm != strategy.BANDIT_ALGORITHM_LIN_UCB:
        return None
    features = list(bandit.context_features)
    scales = [bandit.context_scales.get(name, 1.0) or 1.0 for name in features]
    known = learnt is not None and learnt.HasField("linear")
    same = known and learnt is not None and list(learnt.linear.features) == features
    linear = linear_of(learnt.linear) if same and learnt is not None else None
    return Contexts(features, scales, linear, forms)


def linear_of(state: LinearState) -> Linear | None:
    """What was published, ready to score; None where there is nothing."""
    if not state.arms:
        return None
    width = len(state.features) + 1
    precisions = [np.frombuffer(arm.precision, DOUBLES).reshape(width, width) for arm in state.arms]
    moments = [np.frombuffer(arm.moment, DOUBLES) for arm in state.arms]
    variants = [arm.variant for arm in state.arms]
    return Linear.solved(variants, np.array(precisions), np.array(moments), state.exploration, state.centre)
