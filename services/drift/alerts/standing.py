"""How a schedule stands, for people."""

from collections.abc import Iterator

from turnout.drift.v1 import alert_pb2
from turnout.drift.v1.alert_config_pb2 import AlertConfig
from turnout.drift.v1.alert_memory_pb2 import AlertMachine, AlertMemory
from turnout.drift.v1.alert_rpc_pb2 import AlertCondition, FeatureEvidence, ScheduleStatus

from services.drift.alerts.conditions import read_machine
from services.drift.schedule.evidence import Evidence
from services.drift.schedule.findings import split
from services.drift.wire import timestamp

MOST_EVIDENCE = 100


def standing(config: AlertConfig, memory: AlertMemory) -> ScheduleStatus:
    """What the memory of a model's schedule says."""
    status = ScheduleStatus(
        look=memory.look,
        last_look_time=memory.time,
        epoch_looks_done=max(0, memory.look - memory.first_look + 1),
        epoch_start_time=timestamp(float(memory.first_look * memory.interval)),
        summary=memory.summary,
        result=memory.result,
        looks_passed_over=memory.passed_over,
        evidence=_evidence(memory),
        conditions=[_condition(one) for one in memory.machines],
    )
    status.status = memory.status
    if config.schedule.enabled:
        interval = config.schedule.interval.seconds
        look = memory.look if memory.interval == interval else config.schedule.start_time.seconds // interval
        status.next_look_time.CopyFrom(timestamp(float((look + 1) * interval)))
    return status


def _evidence(memory: AlertMemory) -> Iterator[FeatureEvidence]:
    fallen = Evidence(memory.first_look, memory.terms, dict(memory.evidence)).established()
    most = sorted(memory.evidence, key=lambda name: (-memory.evidence[name], name))[:MOST_EVIDENCE]
    for name in most:
        segment, feature = split(name)
        yield FeatureEvidence(
            segment=segment,
            feature=feature,
            e_value=memory.evidence[name],
            established=name in fallen,
        )


def _condition(stored: AlertMachine) -> AlertCondition:
    machine = read_machine(stored)
    told = AlertCondition(
        segment=stored.segment if stored.HasField("segment") else None,
        alert=stored.alert.name if stored.HasField("alert") else "",
    )
    told.kind, told.severity = stored.kind, stored.severity
    if machine.severity:
        told.state = alert_pb2.ALERT_STATE_FIRING
    elif machine.pending:
        told.state = alert_pb2.ALERT_STATE_PENDING
    return told
