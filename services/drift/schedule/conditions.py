"""What a look saw of everything that can raise an alert."""

from collections.abc import Iterator, Sequence

from turnout.drift.v1 import alert_pb2
from turnout.drift.v1.alert_config_pb2 import AlertConfig
from turnout.drift.v1.alert_memory_pb2 import AlertMemory
from turnout.drift.v1.concept_pb2 import CONCEPT_STATUS_DRIFT, CONCEPT_STATUS_OK, ConceptDrift

from services.drift.alerts.conditions import Condition, Moment
from services.drift.alerts.levels import Shift, enough, shifts_of, worst
from services.drift.alerts.machine import GOOD, Rules, Sight
from services.drift.concept.telling import worse
from services.drift.schedule.evidence import Evidence
from services.drift.schedule.findings import Finding, Seen, hypothesis
from services.drift.wire import seconds

SURE = (CONCEPT_STATUS_OK, CONCEPT_STATUS_DRIFT)


def conditions_of(
    config: AlertConfig, memory: AlertMemory, seen: Seen, evidence: Evidence, at: Moment
) -> list[Condition]:
    """Drift of all traffic and of each segment, drift of the concept, and silence. `memory` is that of the
    look before, but for the time of the last data."""
    return [
        *(_drift(config, finding, evidence) for finding in seen.findings),
        *_concept(config, seen.concept),
        *_silence(config, memory, at),
    ]


def rules_of(config: AlertConfig) -> Rules:
    """How many looks it takes."""
    given, cooldown = config.hysteresis, config.cooldown
    return Rules(given.bad_looks, given.of_looks, given.good_looks, cooldown.seconds + cooldown.nanos / 1e9)


def _drift(config: AlertConfig, finding: Finding, evidence: Evidence) -> Condition:
    kind, rules, result = alert_pb2.ALERT_KIND_DRIFT, rules_of(config), finding.result
    if result is None:
        over = f"There is nothing to compare with: {finding.why}"
        return Condition(kind, finding.segment, rules, None, "", over=over)
    if not enough(result, config.least_rows):
        return Condition(kind, finding.segment, rules, None, "", result=result.name)
    shifts = shifts_of(result, config.thresholds, config.feature_thresholds)
    fallen = evidence.established()
    proven = [one for one in shifts if hypothesis(finding.segment, one.feature) in fallen]
    sums = {one.feature: evidence.sums.get(hypothesis(finding.segment, one.feature), 0.0) for one in shifts}
    sight = Sight(worst(shifts), worst(proven))
    return Condition(
        kind, finding.segment, rules, sight, _told(proven or shifts, finding), shifts, sums, result.name
    )


def _told(shifts: Sequence[Shift], finding: Finding) -> str:
    result, segment = finding.result, finding.segment
    if result is None or not shifts:
        return ""
    first, whose = shifts[0], f" of {segment.name} = {segment.value}" if segment else ""
    many = f"{len(shifts)} of {len(result.features)} features are" if len(shifts) > 1 else "1 feature is"
    most = f"{first.feature} ({first.statistic} {first.value:.3g}, threshold {first.threshold:.3g})"
    ahead = " first" if len(shifts) > 1 else ""
    return f"{many} past a threshold: {most}{ahead}, in {result.rows} rows{whose}."


def _concept(config: AlertConfig, concept: ConceptDrift | None) -> Iterator[Condition]:
    """The detectors decide by themselves, each with a bound of its own on false alarms: one is enough."""
    if not config.concept.enabled:
        return
    signals = concept.signals if concept is not None else ()
    watched = [one for one in signals if one.detector in config.concept.detectors and one.status in SURE]
    rung = [one for one in watched if one.status == CONCEPT_STATUS_DRIFT]
    level = config.concept.severity if rung else GOOD
    bad = " ".join(
        f"{one.detector} says of {one.metric} that the model {worse(one)} than it used to." for one in rung
    )
    sight = Sight(level, level) if watched else None
    yield Condition(alert_pb2.ALERT_KIND_CONCEPT_DRIFT, None, _at_once(config), sight, bad)


def _at_once(config: AlertConfig) -> Rules:
    given = rules_of(config)
    return Rules(1, 1, given.good, given.cooldown)


def _silence(config: AlertConfig, memory: AlertMemory, at: Moment) -> Iterator[Condition]:
    if not config.HasField("no_data"):
        return
    silent = at.time - seconds(memory.data_time)
    after = config.no_data.after.seconds + config.no_data.after.nanos / 1e9
    level = config.no_data.severity if silent >= after else GOOD
    bad = f"No look had {config.least_rows} rows for {silent:.0f} s."
    cooldown = rules_of(config).cooldown
    rules = Rules(1, 1, 1, cooldown)
    yield Condition(alert_pb2.ALERT_KIND_NO_DATA, None, rules, Sight(level, level), bad)
