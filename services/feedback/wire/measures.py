"""The metrics of a router, as feedback measures in them."""

from collections.abc import Mapping

from turnout.router.v1 import router_pb2 as wire

from services.feedback.deriving import DERIVATIONS
from services.feedback.deriving.seen import Seen, Value
from services.feedback.measure import Derive, Measure
from services.feedback.rules import REWARD_METRIC
from services.foundation.expressions import BadExpression, NotEvaluated
from services.state.claims import Repeats
from services.state.derived import Formula
from services.state.earned import sound_range
from services.state.outcomes import reward_metric

REPEATS: Mapping[int, Repeats] = {wire.FEEDBACK_REPEATS_FIRST: "FIRST", wire.FEEDBACK_REPEATS_SUM: "SUM"}


def measures_of(router: wire.Router) -> dict[str, Measure]:
    """What a router declares, and the metric that rewards speak of if it does not."""
    repeats = REPEATS.get(router.feedback_repeats, "REPLACE")
    found = {spec.name: _measure(spec, repeats) for spec in router.metrics}
    name = reward_metric(router)
    if name not in found:
        found[name] = _measure(wire.MetricSpec(name=name), repeats)
    return found


def _measure(spec: wire.MetricSpec, repeats: Repeats) -> Measure:
    low = spec.min_value if spec.HasField("min_value") else 0.0
    high = spec.max_value if spec.HasField("max_value") else 1.0
    if not sound_range(low, high):
        low, high = 0.0, 1.0
    derive, from_truth = _derived(spec)
    return Measure(
        spec.name,
        low,
        high,
        minimize=spec.direction == wire.DIRECTION_MINIMIZE,
        from_truth=from_truth,
        from_record=derive is not None and not from_truth,
        derive=derive,
        # What is derived is derived again when the truth is corrected: it replaces.
        repeats="REPLACE" if derive else repeats,
    )


def _derived(spec: wire.MetricSpec) -> tuple[Derive | None, bool]:
    """How its values are derived, and whether that takes a truth; None where they are reported."""
    match spec.source:
        case wire.METRIC_SOURCE_LATENCY:
            return _latency, False
        case wire.METRIC_SOURCE_COST:
            return _cost, False
        case wire.METRIC_SOURCE_CEL:
            return _formula(spec.expression)
        case wire.METRIC_SOURCE_TRUTH:
            return DERIVATIONS.get(spec.name), spec.name in DERIVATIONS
        case wire.METRIC_SOURCE_UNSPECIFIED if spec.name == REWARD_METRIC:
            return DERIVATIONS[REWARD_METRIC], True
        case _:
            return None, False


def _latency(seen: Seen, _truth: Value) -> float | None:
    return seen.latency_ms


def _cost(seen: Seen, _truth: Value) -> float | None:
    return seen.cost


def _formula(text: str) -> tuple[Derive | None, bool]:
    try:
        formula = Formula(text)
    except BadExpression:
        # Written by another version than this one; nothing is derived by what cannot be read.
        return None, False

    def derive(seen: Seen, truth: Value) -> float | None:
        try:
            return formula.value(seen.names(truth))
        except NotEvaluated:
            return None

    return derive, formula.needs_truth
