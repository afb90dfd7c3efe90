"""An ensemble as it will be stored: every default that applies is written out.

What follows the members as they come and go (the order of a cascade, the rounds of a judge, who answers last
of a graph) is not: it would be of yesterday's members. Those of a registered meta-model are its columns, and
do not come and go.
"""

from collections.abc import Sequence

from turnout.router.v1.ensemble_pb2 import (
    CHECK_FAILURE_REJECT,
    EXHAUSTED_FAIL,
    EXHAUSTED_SERVE_LAST,
    Cascade,
    Check,
    Judge,
)
from turnout.router.v1.router_pb2 import Variant
from turnout.router.v1.strategy_pb2 import (
    AGGREGATION_METHOD_AVERAGE,
    AGGREGATION_METHOD_JSON_MAJORITY,
    LAUNCH_PARALLEL,
    EnsembleStrategy,
)

from services.router.config.panels import ALL_ANSWER, has_columns, helpers_of, pattern_of

# Share of requests that ask everyone although a few would settle it.
FULL_PANEL_FRACTION = 0.05
SAMPLES_PER_MEMBER = 1
MEMBER_RETRIES = 1
MIN_CONFIDENCE = 0.8
# Relative difference up to which two numbers are the same.
TOLERANCE = 1e-9
ACCEPT_POINTER = "/accept"
MIN_SCORE = 0.5


def fill(given: EnsembleStrategy, variants: Sequence[Variant]) -> None:
    """Write them out; `variants` are the router's."""
    pattern, enabled = pattern_of(given), sum(one.enabled for one in variants)
    if pattern == "cascade":
        _cascade(given.cascade)
    if pattern == "judge":
        _judge(given.judge)
    if not pattern:
        _jury(given, variants)
    elif given.aggregation == AGGREGATION_METHOD_AVERAGE:
        # A jury's default, which stays behind when the jury becomes something else.
        given.ClearField("aggregation")
    if pattern in ALL_ANSWER:
        _polled(given, enabled)
    else:
        _unpolled(given, enabled)
    if pattern and given.full_panel_fraction == FULL_PANEL_FRACTION:
        given.ClearField("full_panel_fraction")
    if not given.HasField("member_retries"):
        given.member_retries = MEMBER_RETRIES
    for one in helpers_of(given, ""):
        if one.helper.model and "/" not in one.helper.model:
            one.helper.model = f"models/{one.helper.model}"


def _jury(given: EnsembleStrategy, variants: Sequence[Variant]) -> None:
    if has_columns(given) and not given.members:
        given.members.extend(one.id for one in variants)
    given.aggregation = given.aggregation or AGGREGATION_METHOD_AVERAGE
    given.launch = given.launch or LAUNCH_PARALLEL
    if not given.HasField("full_panel_fraction"):
        given.full_panel_fraction = FULL_PANEL_FRACTION
    by_majority = given.aggregation == AGGREGATION_METHOD_JSON_MAJORITY
    if by_majority and not given.json_majority.HasField("tolerance"):
        given.json_majority.tolerance = TOLERANCE


def _majority(given: EnsembleStrategy, enabled: int) -> int:
    return (len(given.members) or enabled) // 2 + 1


def _unpolled(given: EnsembleStrategy, enabled: int) -> None:
    """What a jury leaves behind that has become something else: its defaults, which do nothing there."""
    if given.quorum == _majority(given, enabled):
        given.ClearField("quorum")
    if given.samples_per_member == SAMPLES_PER_MEMBER:
        given.ClearField("samples_per_member")


def _polled(given: EnsembleStrategy, enabled: int) -> None:
    if not given.HasField("quorum"):
        given.quorum = _majority(given, enabled)
    if not given.HasField("samples_per_member"):
        given.samples_per_member = SAMPLES_PER_MEMBER


def _cascade(given: Cascade) -> None:
    given.on_exhausted = given.on_exhausted or EXHAUSTED_SERVE_LAST
    asks = given.HasField("agreement") or given.HasField("check")
    if not (given.HasField("min_confidence") or asks):
        given.min_confidence = MIN_CONFIDENCE
    if given.HasField("check"):
        _check(given.check)


def _judge(given: Judge) -> None:
    given.on_exhausted = given.on_exhausted or EXHAUSTED_FAIL
    if given.HasField("check"):
        _check(given.check)


def _check(given: Check) -> None:
    given.on_failure = given.on_failure or CHECK_FAILURE_REJECT
    if given.HasField("verifier"):
        verifier = given.verifier
        # A classifier says labels, which no pointer leads to.
        if not verifier.accept_labels:
            verifier.accept_pointer = verifier.accept_pointer or ACCEPT_POINTER
            if not verifier.HasField("min_score"):
                verifier.min_score = MIN_SCORE
