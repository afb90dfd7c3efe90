"""What can raise an alert of a model, where each stands, and the alert that it makes of it."""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from turnout.drift.v1 import alert_pb2
from turnout.drift.v1.alert_config_pb2 import AlertSeverity
from turnout.drift.v1.alert_memory_pb2 import AlertMachine
from turnout.drift.v1.alert_pb2 import Alert, AlertKind
from turnout.drift.v1.segment_pb2 import Segment

from services.drift.alerts.levels import Shift
from services.drift.alerts.machine import GOOD, Machine, Rules, Sight
from services.drift.wire import seconds, timestamp
from services.state import formats
from services.state.ids import new_uid

MOST_FEATURES = 20


class Condition(NamedTuple):
    """One thing that can raise an alert, and what a look saw of it. `bad` says what is, if anything is;
    `over` why it cannot be seen any more, however long one looks."""

    kind: int
    segment: Segment | None
    rules: Rules
    sight: Sight | None
    bad: str
    shifts: Sequence[Shift] = ()
    evidence: dict[str, float] = {}  # noqa: RUF012 - a NamedTuple's default, never written to
    result: str = ""
    over: str = ""

    @property
    def key(self) -> tuple[int, str]:
        """What tells it from the others of its model."""
        return key_of(self.kind, self.segment)


class Moment(NamedTuple):
    """The look that is being made: of which model, its number, and its end in seconds since 1970."""

    model: str
    model_uid: str
    look: int
    time: float


def key_of(kind: int, segment: Segment | None) -> tuple[int, str]:
    """What tells one condition of a model from the others."""
    return kind, segment_key(segment)


def segment_key(segment: Segment | None) -> str:
    """A segment as a text of one line, another one for each; empty for all traffic.

    >>> segment_key(Segment(name="a", value="b=c")), segment_key(Segment(name="a=b", value="c"))
    ('a=b=c', 'a%3Db=c')
    """
    if segment is None:
        return ""
    return f"{_escaped(segment.name).replace('=', '%3D')}={_escaped(segment.value)}"


def segment_of(key: str) -> Segment | None:
    """The segment of such a text."""
    name, _, value = key.partition("=")
    return Segment(name=unquote(name), value=unquote(value)) if key else None


def _escaped(part: str) -> str:
    # No more than must be: under these names evidence is remembered.
    return part.replace("%", "%25").replace("\n", "%0A")


def read_machine(stored: AlertMachine | None) -> Machine:
    """Where a condition stands."""
    if stored is None:
        return Machine()
    told_at = seconds(stored.told_time) if stored.HasField("told_time") else None
    return Machine(tuple(stored.seen), tuple(stored.proven), stored.severity, stored.told, told_at)


def write_machine(kind: int, segment: Segment | None, machine: Machine, alert: Alert | None) -> AlertMachine:
    """The same as it is stored, with the alert that fires."""
    return AlertMachine(
        kind=AlertKind.Name(kind),
        segment=segment,
        seen=map(AlertSeverity.Name, machine.seen),
        proven=map(AlertSeverity.Name, machine.proven),
        severity=AlertSeverity.Name(machine.severity),
        told=AlertSeverity.Name(machine.told),
        told_time=None if machine.told_at is None else timestamp(machine.told_at),
        alert=alert if machine.severity else None,
    )


def alert_of(
    condition: Condition, before: Machine, after: Machine, held: Alert | None, at: Moment
) -> Alert | None:
    """The alert after a look, if it was raised, changed or cleared by it; None if it stays as it was."""
    if before.severity == after.severity:
        return None
    alert = Alert()
    if before.severity == GOOD or held is None:
        _raise(alert, condition, at)
    else:
        alert.CopyFrom(held)
    alert.change_time.CopyFrom(timestamp(at.time))
    alert.look = at.look
    alert.result = condition.result or alert.result
    if after.severity == GOOD:
        alert.state = alert_pb2.ALERT_STATE_RESOLVED
        alert.resolve_time.CopyFrom(timestamp(at.time))
        alert.summary = _cleared(condition)
        return alert
    alert.MergeFrom(Alert(severity=AlertSeverity.Name(after.severity)))
    alert.peak_severity = max(alert.peak_severity, alert.severity)
    if condition.bad:
        alert.summary = condition.bad
        del alert.features[:]
        alert.features.extend(_features(condition))
    else:
        # A good look holds it at what the looks before were; what was the matter is still what it is about.
        alert.summary = f"Milder than it was: the last look found nothing. Before: {alert.summary}"
    return alert


def _raise(alert: Alert, condition: Condition, at: Moment) -> None:
    # The same id whoever makes this look, and makes it again.
    made = random.Random(f"{at.model_uid} {condition.key} {at.look} {at.time}")
    alert.format = formats.ALERT
    alert.name = f"{at.model}/alerts/{new_uid(at.time, made)}"
    alert.model = at.model
    alert.MergeFrom(Alert(kind=AlertKind.Name(condition.kind)))
    if condition.segment is not None:
        alert.segment.CopyFrom(condition.segment)
    alert.state = alert_pb2.ALERT_STATE_FIRING
    alert.fire_time.CopyFrom(timestamp(at.time))


def _features(condition: Condition) -> Iterable[alert_pb2.AlertFeature]:
    for one in condition.shifts[:MOST_FEATURES]:
        yield alert_pb2.AlertFeature(
            feature=one.feature,
            severity=AlertSeverity.Name(one.level),
            statistic=one.statistic,
            value=one.value,
            threshold=one.threshold,
            e_value=condition.evidence.get(one.feature, 0.0),
        )


def _cleared(condition: Condition) -> str:
    if condition.over:
        return condition.over
    if condition.kind == alert_pb2.ALERT_KIND_NO_DATA:
        return "There is enough data again."
    return f"The last {condition.rules.good} looks with enough data were good."
