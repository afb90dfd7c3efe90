"""What the analyses of a look say, as hypotheses with e-values."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from turnout.drift.v1.alert_config_pb2 import AlertConfig
from turnout.drift.v1.concept_pb2 import ConceptDrift
from turnout.drift.v1.result_pb2 import DriftResult, FeatureDrift
from turnout.drift.v1.segment_pb2 import Segment
from turnout.router.v1.model_pb2 import FEATURE_KIND_NUMERIC

from services.drift.alerts.conditions import segment_key, segment_of
from services.drift.alerts.levels import enough
from services.drift.schedule.evidence import weigh


class Finding(NamedTuple):
    """What a look found of all traffic, or of a segment; without a result where there was nothing to compare
    with, and `why`. baseline: the uid of what it was compared with."""

    segment: Segment | None
    result: DriftResult | None
    why: str = ""
    baseline: str = ""


class Seen(NamedTuple):
    """What a look saw: all traffic first, then each segment; and whether the model errs more or earns less
    than it used to, None where nobody asked."""

    findings: Sequence[Finding]
    concept: ConceptDrift | None = None


def tests(findings: Sequence[Finding], least_rows: int) -> Mapping[str, float]:
    """The e-value of each hypothesis that the look could test."""
    return {
        hypothesis(finding.segment, feature.feature): weigh(p_values(feature))
        for finding in findings
        if finding.result is not None and enough(finding.result, least_rows)
        for feature in finding.result.features
    }


def hypothesis(segment: Segment | None, feature: str) -> str:
    """The name of "this feature, in this segment, is as it was"."""
    return f"{segment_key(segment)}\n{feature}"


def split(name: str) -> tuple[Segment | None, str]:
    """Segment and feature of a hypothesis."""
    segment, _, feature = name.partition("\n")
    return segment_of(segment), feature


def p_values(found: FeatureDrift) -> dict[str, float | None]:
    """Of every test of a feature; None where it could not be made. Which tests there are depends on the kind
    of the feature alone, never on the data: else whoever has the luck of fewer tests would weigh more."""
    names = ["p_value", "missing_p_value"]
    if found.kind == FEATURE_KIND_NUMERIC:
        names.append("out_of_range_p_value")
    return {name: getattr(found, name) if found.HasField(name) else None for name in names}  # type: ignore[arg-type,unused-ignore]


def terms(config: AlertConfig, findings: Sequence[Finding]) -> str:
    """A digest of what looks compare: while it is the same, they belong together."""
    schedule = config.schedule
    said = [
        str(schedule.interval.seconds),
        str(schedule.window.seconds),
        str(schedule.epoch_looks),
        schedule.start_time.ToJsonString(),
        *sorted(schedule.features),
        *(
            # By its uid: another baseline may have the same id, and as many rows.
            f"{segment_key(one.segment)} {one.baseline} {one.result.baseline} {one.result.baseline_rows}"
            for one in findings
            if one.result
        ),
    ]
    return hashlib.blake2b("\n".join(said).encode(), digest_size=8).hexdigest()
