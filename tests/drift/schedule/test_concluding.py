"""What a look comes to, from what it saw alone: segments, errors, and what is not looked for any more."""

import pytest
from turnout.drift.v1 import alert_pb2
from turnout.drift.v1.alert_config_pb2 import ALERT_SEVERITY_ALERT, ALERT_SEVERITY_WARNING, AlertConfig
from turnout.drift.v1.alert_memory_pb2 import AlertMemory
from turnout.drift.v1.concept_pb2 import (
    CONCEPT_STATUS_DRIFT,
    CONCEPT_STATUS_INSUFFICIENT_DATA,
    CONCEPT_STATUS_OK,
    ConceptDrift,
)
from turnout.drift.v1.result_pb2 import (
    DRIFT_STATUS_ALERT,
    DRIFT_STATUS_INSUFFICIENT_DATA,
    DRIFT_STATUS_OK,
    DriftResult,
)
from turnout.drift.v1.segment_pb2 import Segment
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, Model

from services.drift.alerts.alert_store import Commit
from services.drift.alerts.conditions import Moment
from services.drift.alerts.config_store import filled
from services.drift.alerts.standing import standing
from services.drift.schedule.analyst import Span, _result_id
from services.drift.schedule.concluding import conclude
from services.drift.schedule.findings import Finding, Seen

GOLD = Segment(name="plan", value="gold")
HOUR = 3600


def config(**changes: object) -> AlertConfig:
    given = AlertConfig(**{"cooldown": {"seconds": 0}, **changes})  # type: ignore[arg-type]
    given.schedule.enabled = True
    given.hysteresis.bad_looks = given.hysteresis.of_looks = given.hysteresis.good_looks = 1
    return filled(given)


def result(p: float = 0.5, psi: float = 0.01, rows: int = 1_000) -> DriftResult:
    made = DriftResult(name="models/m/results/r", rows=rows, status=DRIFT_STATUS_OK, baseline="b")
    made.features.add(
        feature="age",
        kind=FEATURE_KIND_CATEGORICAL,
        psi=psi,
        p_value=p,
        missing_p_value=1.0,
        significant=p < 0.01,
    )
    return made


def look(
    settings: AlertConfig,
    held: AlertMemory | None,
    number: int,
    *found: DriftResult | None,
    concept: ConceptDrift | None = None,
) -> Commit:
    parts = (None, *settings.schedule.segments)
    why = "no baseline"
    findings = [Finding(part, one, "" if one else why) for part, one in zip(parts, found, strict=True)]
    return conclude(settings, held, Seen(findings, concept), Moment("models/m", "u", number, number * HOUR))


def errs(status: int, detector: str = "shiryaev_roberts") -> ConceptDrift:
    made = ConceptDrift()
    made.signals.add(detector=detector, metric="error").status = status  # type: ignore[assignment]
    return made


def test_a_segment_that_drifts_is_told_of_by_its_name_and_all_traffic_is_not() -> None:
    settings = config()
    settings.schedule.segments.append(GOLD)
    made = look(settings, None, 1, result(), result(p=1e-20, psi=1.0))
    (alert,) = made.alerts
    assert (alert.segment, alert.kind) == (GOLD, alert_pb2.ALERT_KIND_DRIFT)
    assert alert.features[0].feature == "age"
    assert alert.summary.endswith(" in 1000 rows of plan = gold.")
    assert made.memory.status == DRIFT_STATUS_ALERT


ALIKE = [
    (Segment(name="a", value="b=c"), Segment(name="a=b", value="c")),
    (Segment(name="a%3Db", value="c"), Segment(name="a=b", value="c")),
    (Segment(name="a", value="b\nage"), Segment(name="a", value="b")),
    (Segment(name="a", value="50%25"), Segment(name="a", value="50%")),
]


@pytest.mark.parametrize("pair", ALIKE, ids=str)
def test_segments_that_are_written_alike_are_two(pair: tuple[Segment, Segment]) -> None:
    settings = config(schedule={"segments": pair, "epoch_looks": 1})
    made = look(settings, None, 1, result(), result(p=1e-9, psi=0.5), result())
    assert [alert.segment for alert in made.alerts] == [pair[0]]
    evidence = {one.segment.SerializeToString(): one for one in standing(settings, made.memory).evidence}
    assert evidence.keys() == {part.SerializeToString() for part in (Segment(), *pair)}
    assert [one.segment for one in evidence.values() if one.established] == [pair[0]]
    ids = [_result_id(Model(uid="u"), Span(0.0, 1.0, 1), part) for part in (None, *pair)]
    assert len(set(ids)) == 3


def test_more_segments_ask_for_more_evidence() -> None:
    """One hypothesis in one, and one in twenty-one, e-BH."""
    alone = config()
    crowded = config()
    crowded.schedule.segments.extend(Segment(name="s", value=str(one)) for one in range(20))
    p = 1e-7
    assert look(alone, None, 1, result(p=p, psi=1.0)).alerts
    others = [result() for _ in range(20)]
    assert not look(crowded, None, 1, result(p=p, psi=1.0), *others).alerts


def test_a_size_without_evidence_and_evidence_without_a_size_raise_nothing() -> None:
    assert not look(config(), None, 1, result(p=0.004, psi=1.0)).alerts
    assert not look(config(), None, 1, result(p=1e-30, psi=0.09)).alerts


def test_what_a_detector_says_of_errors_is_an_alert_until_it_says_otherwise() -> None:
    settings = config()
    made = look(settings, None, 1, result(), concept=errs(CONCEPT_STATUS_DRIFT))
    (alert,) = made.alerts
    assert alert.kind == alert_pb2.ALERT_KIND_CONCEPT_DRIFT
    assert "shiryaev_roberts says of error" in alert.summary
    assert made.memory.status == DRIFT_STATUS_ALERT
    # Too few labels say nothing, neither way.
    quiet = look(settings, made.memory, 2, result(), concept=errs(CONCEPT_STATUS_INSUFFICIENT_DATA))
    assert not quiet.alerts
    good = look(settings, quiet.memory, 3, result(), concept=errs(CONCEPT_STATUS_OK))
    assert [one.state for one in good.alerts] == [alert_pb2.ALERT_STATE_RESOLVED]


def test_a_detector_that_is_not_asked_is_not_heard() -> None:
    assert not look(config(), None, 1, result(), concept=errs(CONCEPT_STATUS_DRIFT, "adwin")).alerts
    settings = config(concept={"detectors": ["adwin"]})
    assert look(settings, None, 1, result(), concept=errs(CONCEPT_STATUS_DRIFT, "adwin")).alerts
    settings = config(concept={"enabled": False})
    assert not look(settings, None, 1, result(), concept=errs(CONCEPT_STATUS_DRIFT)).alerts


def test_a_segment_that_is_no_longer_looked_at_fires_no_longer() -> None:
    settings = config()
    settings.schedule.segments.append(GOLD)
    made = look(settings, None, 1, result(), result(p=1e-20, psi=1.0))
    del settings.schedule.segments[:]
    after = look(settings, made.memory, 2, result())
    assert [one.state for one in after.alerts] == [alert_pb2.ALERT_STATE_RESOLVED]
    assert after.memory.status == DRIFT_STATUS_OK


def test_with_nothing_to_compare_with_any_more_an_alert_is_over() -> None:
    """However many looks it takes to clear one: no look will ever be good or bad again."""
    settings = config(schedule={"segments": [GOLD], "epoch_looks": 1})
    settings.hysteresis.of_looks = settings.hysteresis.good_looks = 3
    fired = look(settings, None, 1, result(), result(p=1e-9, psi=0.5))
    (alert,) = look(settings, fired.memory, 2, result(), None).alerts
    assert (alert.state, alert.segment) == (alert_pb2.ALERT_STATE_RESOLVED, GOLD)
    assert alert.summary == "There is nothing to compare with: no baseline"

    fired = look(settings, None, 1, result(p=1e-9, psi=0.5), result())
    assert fired.memory.status == DRIFT_STATUS_ALERT
    over = look(settings, fired.memory, 2, None, result())
    assert [one.state for one in over.alerts] == [alert_pb2.ALERT_STATE_RESOLVED]
    assert over.memory.status == DRIFT_STATUS_INSUFFICIENT_DATA
    assert not look(settings, over.memory, 3, None, result()).alerts


def test_a_milder_alert_still_says_what_it_is_about() -> None:
    """Its last look was good: what was found before is all that there is to tell."""
    settings = config(schedule={"epoch_looks": 1})
    settings.hysteresis.good_looks = 2
    (alert,) = look(settings, None, 1, grave := result(p=1e-9, psi=0.5)).alerts
    held = look(settings, None, 1, grave).memory
    held = look(settings, held, 2, result(p=1e-9, psi=0.15)).memory
    (milder,) = look(settings, held, 3, result()).alerts
    assert (milder.state, milder.severity) == (alert_pb2.ALERT_STATE_FIRING, ALERT_SEVERITY_WARNING)
    assert milder.peak_severity == ALERT_SEVERITY_ALERT
    assert milder.features == alert.features
    assert milder.summary == f"Milder than it was: the last look found nothing. Before: {alert.summary}"


def test_after_an_alert_is_cleared_everything_has_to_be_proven_anew() -> None:
    settings = config()
    made = look(settings, None, 1, result(p=1e-20, psi=1.0))
    assert made.alerts
    cleared = look(settings, made.memory, 2, result())
    assert cleared.alerts
    assert not cleared.memory.evidence
    assert not look(settings, cleared.memory, 3, result(p=0.004, psi=1.0)).alerts


def test_rewards_that_fall_are_an_alert_that_names_the_router() -> None:
    earns = ConceptDrift()
    earns.signals.add(
        detector="shiryaev_roberts", metric="reward", router="routers/till", status=CONCEPT_STATUS_DRIFT
    )
    (alert,) = look(config(), None, 1, result(), concept=earns).alerts
    assert alert.kind == alert_pb2.ALERT_KIND_CONCEPT_DRIFT
    assert "says of reward that the model earns less in routers/till than it used to" in alert.summary


def test_a_new_epoch_begins_from_nothing_and_lets_what_fires_fire() -> None:
    settings = config(schedule={"enabled": True, "epoch_looks": 2})
    held = look(settings, None, 1, result(p=1e-20, psi=1.0)).memory
    held = look(settings, held, 2, result(p=1e-20, psi=1.0)).memory
    later = look(settings, held, 3, result(p=0.004, psi=1.0))
    assert later.memory.first_look == 3
    assert not later.alerts
    assert later.memory.status == DRIFT_STATUS_ALERT


def test_evidence_against_one_baseline_is_none_against_another_of_its_id() -> None:
    settings, memory, first = config(), None, []
    for number, baseline in enumerate(("u1", "u1", "u2", "u2"), 1):
        seen = Seen([Finding(None, result(), baseline=baseline)])
        memory = conclude(settings, memory, seen, Moment("models/m", "u", number, number * HOUR)).memory
        first.append(memory.first_look)
    assert first == [1, 1, 3, 3]


def test_the_same_look_made_twice_is_the_same() -> None:
    """Ids too: whoever makes it again writes what was written."""
    settings = config(webhooks=[{"id": "ops", "url": "https://example.com/"}])
    first, again = (look(settings, None, 1, result(p=1e-20, psi=1.0)) for _ in range(2))
    assert first == again
    assert first.deliveries
