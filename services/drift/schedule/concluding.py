"""What a look comes to: the memory after it, the alerts that it changed, and who is to be told."""

from collections.abc import Sequence
from typing import NamedTuple

from turnout.drift.v1 import alert_pb2, result_pb2
from turnout.drift.v1.alert_config_pb2 import AlertConfig
from turnout.drift.v1.alert_memory_pb2 import AlertDelivery, AlertMachine, AlertMemory
from turnout.drift.v1.alert_pb2 import Alert

from services.drift.alerts.alert_store import Commit
from services.drift.alerts.conditions import (
    Condition,
    Moment,
    alert_of,
    key_of,
    read_machine,
    write_machine,
)
from services.drift.alerts.levels import enough
from services.drift.alerts.machine import ALERT, GOOD, WARNING, Machine, Rules, step, stopped
from services.drift.alerts.telling import deliveries_of, note_waiting
from services.drift.schedule.conditions import conditions_of
from services.drift.schedule.evidence import Evidence, continued
from services.drift.schedule.findings import Finding, Seen, terms, tests
from services.drift.wire import seconds, timestamp
from services.state import formats

# Unnoticed is worse than told late: what is told of no longer stands is told at once.
NO_RULES = Rules(1, 1, 1, 0.0)
NO_LONGER = "It is no longer looked for."
DRIFTING = (alert_pb2.ALERT_KIND_DRIFT, alert_pb2.ALERT_KIND_CONCEPT_DRIFT)
STATUS = {
    GOOD: result_pb2.DRIFT_STATUS_OK,
    WARNING: result_pb2.DRIFT_STATUS_WARNING,
    ALERT: result_pb2.DRIFT_STATUS_ALERT,
}


class Stepped(NamedTuple):
    """A condition after a look: where it stands, the alert if it changed, and the deliveries."""

    stored: AlertMachine | None
    changed: Alert | None
    deliveries: list[AlertDelivery]


def conclude(
    config: AlertConfig,
    held: AlertMemory | None,
    seen: Seen,
    at: Moment,
    passed_over: int = 0,
) -> Commit:
    """Fold one look into what is remembered."""
    memory = AlertMemory(format=formats.ALERT_MEMORY)
    if held is not None:
        memory.CopyFrom(held)
    if not memory.HasField("data_time"):
        memory.data_time.CopyFrom(config.schedule.start_time)
    findings, overall = seen.findings, seen.findings[0].result
    if overall is not None and enough(overall, config.least_rows):
        memory.data_time.CopyFrom(timestamp(at.time))
    evidence = _weighed(config, memory if held is not None else None, findings, at)
    stepped = _stepped(config, memory, conditions_of(config, memory, seen, evidence, at), at)
    if any(_cleared(one.changed) for one in stepped):
        # What was proven has been told and is over: whatever comes next has to be proven anew.
        evidence = Evidence(at.look + 1, evidence.terms)
    _remember(memory, config, findings, evidence, at)
    memory.passed_over += passed_over
    return _committed(memory, stepped)


def closed(config: AlertConfig, held: AlertMemory, at: Moment) -> Commit | None:
    """After the schedule was switched off: nothing fires that nobody looks at. None if nothing did."""
    memory = AlertMemory()
    memory.CopyFrom(held)
    if not memory.machines:
        return None
    stepped = _stepped(config, memory, [], at)
    memory.status = result_pb2.DRIFT_STATUS_UNSPECIFIED
    memory.summary = "The schedule is not enabled."
    return _committed(memory, stepped)


def _weighed(
    config: AlertConfig, held: AlertMemory | None, findings: Sequence[Finding], at: Moment
) -> Evidence:
    before = Evidence(held.first_look, held.terms, dict(held.evidence)) if held else None
    looks, found = config.schedule.epoch_looks, tests(findings, config.least_rows)
    return continued(before, at.look, terms(config, findings), looks).seen(found, looks)


def _stepped(
    config: AlertConfig, memory: AlertMemory, conditions: Sequence[Condition], at: Moment
) -> list[Stepped]:
    stored = {
        key_of(one.kind, one.segment if one.HasField("segment") else None): one for one in memory.machines
    }
    known = {condition.key for condition in conditions}
    gone = [
        Condition(
            one.kind, one.segment if one.HasField("segment") else None, NO_RULES, None, "", over=NO_LONGER
        )
        for key, one in stored.items()
        if key not in known
    ]
    return [
        *(_step(config, one, stored.get(one.key), at) for one in conditions),
        *(_step(config, one, stored[one.key], at, gone=True) for one in gone),
    ]


def _step(
    config: AlertConfig, condition: Condition, stored: AlertMachine | None, at: Moment, *, gone: bool = False
) -> Stepped:
    before = read_machine(stored)
    after = (
        stopped(before, at.time)
        if condition.over
        else step(before, condition.sight, condition.rules, at.time)
    )
    held = stored.alert if stored is not None and stored.HasField("alert") else None
    changed = alert_of(condition, before, after, held, at)
    current = changed or held
    deliveries = list[AlertDelivery]()
    if current is not None and before.told != after.told:
        deliveries = list(deliveries_of(config.webhooks, before.told, after.told, current, at))
        if deliveries:
            changed = Alert()
            changed.CopyFrom(current)
            note_waiting(changed, deliveries)
            current = changed
    keep = not gone or _cooling(after)
    place = write_machine(condition.kind, condition.segment, after, current) if keep else None
    return Stepped(place, changed, deliveries)


def _cooling(machine: Machine) -> bool:
    # Switched off and on again, it must not tell anew what it has just told.
    return machine.told_at is not None


def _cleared(alert: Alert | None) -> bool:
    return (
        alert is not None
        and alert.kind == alert_pb2.ALERT_KIND_DRIFT
        and alert.state == alert_pb2.ALERT_STATE_RESOLVED
    )


def _remember(
    memory: AlertMemory, config: AlertConfig, findings: Sequence[Finding], evidence: Evidence, at: Moment
) -> None:
    overall = findings[0]
    memory.model, memory.look, memory.interval = at.model, at.look, config.schedule.interval.seconds
    memory.first_look, memory.terms = evidence.first, evidence.terms
    memory.evidence.clear()
    memory.evidence.update(evidence.sums)
    memory.time.CopyFrom(timestamp(at.time))
    memory.result = overall.result.name if overall.result is not None else ""
    memory.summary = overall.result.summary if overall.result is not None else overall.why
    said = (
        overall.result is not None
        and enough(overall.result, config.least_rows)
        # Also where enough was asked, and too little was answered.
        and overall.result.status != result_pb2.DRIFT_STATUS_INSUFFICIENT_DATA
    )
    memory.status = STATUS[GOOD] if said else result_pb2.DRIFT_STATUS_INSUFFICIENT_DATA


def _committed(memory: AlertMemory, stepped: Sequence[Stepped]) -> Commit:
    del memory.machines[:]
    memory.machines.extend(one.stored for one in stepped if one.stored is not None)
    changed = [one.changed for one in stepped if one.changed is not None]
    memory.changes += len(changed)
    del memory.unannounced[:]
    memory.unannounced.extend(changed)
    firing = max((one.severity for one in memory.machines if one.kind in DRIFTING), default=GOOD)
    if firing:
        memory.status = STATUS[firing]
    return Commit(memory, changed, [delivery for one in stepped for delivery in one.deliveries])


def last_time(memory: AlertMemory) -> float:
    """End of the last look, in seconds since 1970; 0 before the first."""
    return seconds(memory.time) if memory.HasField("time") else 0.0
