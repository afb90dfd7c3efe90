"""How an analysis is asked for, out of the request. Every wrong field is told at once."""

from math import isfinite

from turnout.drift.v1 import result_pb2
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest

from services.drift.asked import (
    EPSILON,
    FALSE_DISCOVERY_RATE,
    GREATEST_EPSILON,
    GREATEST_LEVEL,
    Asked,
    Correction,
    Rule,
)
from services.drift.baselines import MAX_FEATURES
from services.foundation.errors import FieldViolation, InvalidArgument


def read_asked(request: AnalyzeRequest) -> Asked:
    """What the request asks for, defaults filled in. Raises InvalidArgument."""
    wrong = [*_wrong_choices(request), *_wrong_numbers(request)]
    if len(request.features) > MAX_FEATURES:
        wrong.append(FieldViolation("features", f"names {len(request.features)}; at most {MAX_FEATURES}"))
    if wrong:
        raise InvalidArgument(f"{wrong[0].field} {wrong[0].description}", fields=wrong)
    level = request.significance if request.HasField("significance") else FALSE_DISCOVERY_RATE
    epsilon = request.epsilon if request.HasField("epsilon") else EPSILON
    return Asked(
        features=tuple(dict.fromkeys(request.features)),
        rule=Rule(Correction(request.correction or Correction.BENJAMINI_HOCHBERG.value), level),
        epsilon=epsilon if request.psi_rule == result_pb2.PSI_RULE_EPSILON else None,
        kullback_leibler=result_pb2.STATISTIC_KULLBACK_LEIBLER in request.statistics,
    )


def _wrong_choices(request: AnalyzeRequest) -> list[FieldViolation]:
    chosen = [
        ("correction", request.correction, result_pb2.Correction),
        ("psi_rule", request.psi_rule, result_pb2.PsiRule),
        *(
            (f"statistics[{index}]", one, result_pb2.Statistic)
            for index, one in enumerate(request.statistics)
        ),
    ]
    return [
        FieldViolation(field, f"must be one of {', '.join(kind.keys()[1:])}; got {value}")
        for field, value, kind in chosen
        if value not in kind.values() or (field.startswith("statistics") and not value)
    ]


def _wrong_numbers(request: AnalyzeRequest) -> list[FieldViolation]:
    wrong = []
    level, epsilon = request.significance, request.epsilon
    if request.HasField("significance") and not 0 < level <= GREATEST_LEVEL:
        said = f"must be above 0 and at most {GREATEST_LEVEL:g}; got {level:g}"
        wrong.append(FieldViolation("significance", said))
    if request.HasField("epsilon"):
        if request.psi_rule != result_pb2.PSI_RULE_EPSILON:
            wrong.append(FieldViolation("epsilon", "is of PSI_RULE_EPSILON; set psi_rule to it as well"))
        elif not (isfinite(epsilon) and 0 < epsilon <= GREATEST_EPSILON):
            said = f"must be above 0 and at most {GREATEST_EPSILON:g}; got {epsilon:g}"
            wrong.append(FieldViolation("epsilon", said))
    return wrong
