"""What an evaluation is asked for, and what is told of it."""

import math
from collections import Counter
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1 import evaluation_pb2 as wire

from services.feedback.measure import Measure
from services.feedback.offpolicy.evaluating import Estimate, Evaluation, Terms
from services.feedback.offpolicy.gathering import Gathered, Span
from services.feedback.offpolicy.intervals import Interval
from services.feedback.offpolicy.sample import CLIP
from services.feedback.rules import Rules
from services.foundation.errors import FieldViolation, InvalidArgument
from services.state.moments import moment

PREDICTIONS, MOST_PREDICTIONS = 20_000, 100_000
CONFIDENCE, LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.95, 0.5, 0.999


class BadEvaluation(InvalidArgument):
    """A question about a log that no log could answer; names the fields."""


class Question(NamedTuple):
    """What is asked of a log. horizon: seconds that a reward is waited for."""

    measure: Measure
    span: Span
    terms: Terms
    horizon: float


def question_of(request: wire.EvaluatePolicyRequest, rules: Rules, now: float) -> Question:
    """Read it, with its defaults. Raises BadEvaluation, BadTimestamp."""
    wrong: list[FieldViolation] = []
    if not request.HasField("proposal"):
        wrong.append(FieldViolation("proposal", "is required: what the router's configuration would be"))
    measure = rules.measures.get(request.metric) if request.metric else rules.reward
    if measure is None:
        known = ", ".join(sorted(rules.measures))
        wrong.append(FieldViolation("metric", f"{request.metric[:100]!r} is none of {rules.name}: {known}"))
    horizon = _horizon(request, rules)
    if not 0 <= horizon <= rules.horizon:
        said = f"must be from 0 to the router's retention of {rules.horizon:,.12g} s, got {horizon:,.12g} s"
        wrong.append(FieldViolation("label_horizon", said))
    confidence = request.confidence if request.HasField("confidence") else CONFIDENCE
    if not LEAST_CONFIDENCE <= confidence <= MOST_CONFIDENCE:
        said = f"must be from {LEAST_CONFIDENCE} to {MOST_CONFIDENCE}, got {confidence:g}"
        wrong.append(FieldViolation("confidence", said))
    clip = request.clip if request.HasField("clip") else CLIP
    if not (math.isfinite(clip) and clip >= 1):
        wrong.append(FieldViolation("clip", f"must be a number from 1, got {clip:g}"))
    span = span_of(request, now - horizon, wrong)
    if wrong or measure is None:
        raise BadEvaluation(f"{wrong[0].field}: {wrong[0].description}", fields=wrong)
    return Question(measure, span, Terms(measure.low, measure.high, confidence, clip), horizon)


def span_of(request: wire.EvaluatePolicyRequest, latest: float, wrong: list[FieldViolation]) -> Span:
    """The predictions that a request names, none later than `latest`; what is wrong joins the list."""
    start = moment(request.start_time, "start_time") if request.HasField("start_time") else 0.0
    end = moment(request.end_time, "end_time") if request.HasField("end_time") else latest
    if end <= start:
        wrong.append(FieldViolation("start_time", "must lie before end_time, and before now"))
    most = request.max_predictions if request.HasField("max_predictions") else PREDICTIONS
    if not 1 <= most <= MOST_PREDICTIONS:
        wrong.append(FieldViolation("max_predictions", f"must be from 1 to {MOST_PREDICTIONS}, got {most}"))
    return Span(start, min(end, latest), most)


def _horizon(request: wire.EvaluatePolicyRequest, rules: Rules) -> float:
    if request.HasField("label_horizon"):
        return request.label_horizon.ToNanoseconds() / 1e9
    return rules.canary.label_horizon if rules.canary else 0.0


def told_of(
    found: Evaluation, gathered: Gathered, left_out: Counter[str], asked: Question
) -> wire.EvaluatePolicyResponse:
    """The reply; the first estimate is the recommended one."""
    first = found.estimates[0]
    reply = wire.EvaluatePolicyResponse(
        value=first.value,
        interval=_interval(first.interval),
        difference=first.difference,
        difference_interval=_interval(first.difference_interval),
        logged_value=found.logged,
        logged_interval=_interval(found.logged_interval),
        estimates=[_estimate(one) for one in found.estimates],
        observations=found.observations,
        units=found.units,
        effective_sample_size=found.ess,
        effective_units=found.unit_ess,
        max_weight=found.max_weight,
        metric=asked.measure.name,
        confidence=asked.terms.confidence,
        clip=asked.terms.clip,
        predictions=gathered.read,
        left_out=left_out,
        warnings=found.warnings,
    )
    for arm in found.arms:
        told = reply.arms.add(variant=arm.variant, observations=arm.observations, unrewarded=arm.unrewarded)
        told.logged_share, told.proposed_share = arm.logged_share, arm.proposed_share
        if arm.mean is not None:
            told.mean = arm.mean
    times = [draw.time for draw in gathered.log.draws]
    _stamp(reply.first_time, min(times))
    _stamp(reply.last_time, max(times))
    reply.label_horizon.FromNanoseconds(int(asked.horizon * 1e9))
    return reply


def _stamp(stamp: Timestamp, seconds: float) -> None:
    stamp.FromMicroseconds(int(seconds * 1e6))


def _interval(found: Interval | None) -> wire.ValueInterval | None:
    return None if found is None else wire.ValueInterval(low=found.low, high=found.high)


def _estimate(one: Estimate) -> wire.PolicyEstimate:
    return wire.PolicyEstimate(
        estimator=one.name,
        value=one.value,
        interval=_interval(one.interval),
        difference=one.difference,
        difference_interval=_interval(one.difference_interval),
    )
