"""What webhooks are sent: a JSON document, or a message for people as Slack takes it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from turnout.drift.v1.alert_config_pb2 import (
    ALERT_SEVERITY_ALERT,
    WEBHOOK_FORMAT_JSON,
    WEBHOOK_FORMAT_SLACK,
    AlertSeverity,
)
from turnout.drift.v1.alert_pb2 import Alert, AlertKind

TEST = "test"
# Slack's own words for colours: red, amber, green.
COLOURS = {"resolved": "good", TEST: "#808080"}
MOST_LINES = 10


def payload(format_: int, event: str, id_: str, alert: Alert) -> bytes:
    """The body that tells of an event: firing, escalated, deescalated, resolved or test."""
    return json.dumps(_FORMATS[format_](event, id_, alert), ensure_ascii=False).encode()


def _json(event: str, id_: str, alert: Alert) -> Mapping[str, Any]:
    told = MessageToDict(alert, preserving_proto_field_name=True)
    # How telling others went is not for the one who is told.
    told.pop("notifications", None)
    told.pop("format", None)
    return {"id": id_, "event": event, "test": event == TEST, "model": alert.model, "alert": told}


def _slack(event: str, _id: str, alert: Alert) -> Mapping[str, Any]:
    severity = AlertSeverity.Name(alert.severity).removeprefix("ALERT_SEVERITY_")
    kind = AlertKind.Name(alert.kind).removeprefix("ALERT_KIND_").replace("_", " ").lower()
    where = f" ({alert.segment.name} = {alert.segment.value})" if alert.HasField("segment") else ""
    title = f"{severity} {event}: {kind} of {alert.model}{where}"
    if event == TEST:
        title = f"TEST, nothing has happened: a notification of {alert.model}"
    lines = [
        alert.summary,
        *(
            f"• {one.feature}: {one.statistic} {one.value:.3g} (threshold {one.threshold:.3g})"
            for one in alert.features[:MOST_LINES]
        ),
    ]
    colour = COLOURS.get(event, "danger" if alert.severity == ALERT_SEVERITY_ALERT else "warning")
    return {
        "text": _escaped(title),
        "attachments": [
            {"color": colour, "fallback": _escaped(title), "text": _escaped("\n".join(lines)),
             "ts": alert.change_time.seconds}
        ],
    }  # fmt: skip


def _escaped(text: str) -> str:
    """As Slack wants it: a feature named <!channel> would ring everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_FORMATS: Mapping[int, Callable[[str, str, Alert], Mapping[str, Any]]] = {
    WEBHOOK_FORMAT_JSON: _json,
    WEBHOOK_FORMAT_SLACK: _slack,
}
