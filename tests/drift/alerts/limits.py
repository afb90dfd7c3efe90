"""The limits of alert settings, each from both sides: what is still taken, what is not, and the field."""

from typing import Any

from google.protobuf.duration_pb2 import Duration

from services.drift.alerts import checks, webhook_checks
from tests.drift.alerts.conftest import HOUR, SECRET

URL = "https://hooks.example.com/services/T0/B0/path"
Config = dict[str, Any]


def hooked(**changes: Any) -> Config:
    """One webhook."""
    hook = {"id": "ops", "url": URL, "secret": SECRET, "headers": {"X-Key": "k123"}, **changes}
    return {"webhooks": [hook]}


def seconds(count: float) -> Duration:
    return Duration(seconds=int(count))


def schedule(**given: Any) -> dict[str, Any]:
    return {"schedule": given}


def segments(count: int) -> dict[str, Any]:
    return schedule(segments=[{"name": "plan", "value": str(one)} for one in range(count)])


def hooks(count: int) -> dict[str, Any]:
    return {"webhooks": [{"id": f"h{one}", "url": URL} for one in range(count)]}


def headers(count: int) -> dict[str, Any]:
    return hooked(headers={f"X-{one}": "v" for one in range(count)})


def psi(**bands: float) -> dict[str, Any]:
    return {"thresholds": {"psi": bands}}


def hysteresis(bad: int, of: int, good: int = 1) -> dict[str, Any]:
    return {"hysteresis": {"bad_looks": bad, "of_looks": of, "good_looks": good}}


WEEK, LONG = checks.LONGEST_INTERVAL, checks.LONGEST_WINDOW
# Each limit from both sides: what is still taken, what is not, and the field that is named.
LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "interval, short": (schedule(interval=seconds(60)), schedule(interval=seconds(59)), "schedule.interval"),
    "interval, whole": (schedule(interval=seconds(120)), schedule(interval=seconds(90)), "schedule.interval"),
    "interval, long": (
        schedule(interval=seconds(WEEK)),
        schedule(interval=seconds(WEEK + 60)),
        "schedule.interval",
    ),
    "interval, negative": (
        schedule(interval=seconds(60)),
        schedule(interval=Duration(seconds=-60)),
        "schedule.interval",
    ),
    "window, short": (
        schedule(window=seconds(HOUR)),
        schedule(window=seconds(HOUR - 60)),
        "schedule.window",
    ),
    "window, long": (schedule(window=seconds(LONG)), schedule(window=seconds(LONG + 60)), "schedule.window"),
    "epoch, short": (schedule(epoch_looks=1), schedule(epoch_looks=0), "schedule.epoch_looks"),
    "epoch, long": (
        schedule(epoch_looks=checks.MOST_EPOCH_LOOKS),
        schedule(epoch_looks=checks.MOST_EPOCH_LOOKS + 1),
        "schedule.epoch_looks",
    ),
    "segments": (segments(checks.MOST_SEGMENTS), segments(checks.MOST_SEGMENTS + 1), "schedule.segments"),
    "a segment's value": (
        segments(1),
        schedule(segments=[{"name": "plan"}]),
        "schedule.segments[0]",
    ),
    "a segment twice": (
        segments(2),
        schedule(segments=[{"name": "a", "value": "b"}] * 2),
        "schedule.segments[1]",
    ),
    "bad looks": (hysteresis(2, 2), hysteresis(3, 2), "hysteresis.bad_looks"),
    "no bad look": (hysteresis(1, 1), hysteresis(0, 1), "hysteresis.bad_looks"),
    "of looks": (hysteresis(1, 100), hysteresis(1, 101), "hysteresis.of_looks"),
    "good looks": (hysteresis(1, 1, 100), hysteresis(1, 1, 101), "hysteresis.good_looks"),
    "no good look": (hysteresis(1, 1, 1), hysteresis(1, 1, 0), "hysteresis.good_looks"),
    "cooldown": ({"cooldown": seconds(WEEK)}, {"cooldown": seconds(WEEK + 1)}, "cooldown"),
    "cooldown, negative": ({"cooldown": seconds(0)}, {"cooldown": seconds(-1)}, "cooldown"),
    "cooldown, torn": (
        {"cooldown": seconds(1)},
        {"cooldown": Duration(seconds=1, nanos=-5)},
        "cooldown",
    ),
    "few rows": ({"least_rows": 30}, {"least_rows": 29}, "least_rows"),
    "many rows": ({"least_rows": 10**9}, {"least_rows": 10**9 + 1}, "least_rows"),
    "silence, short": (
        {"no_data": {"after": seconds(60)}},
        {"no_data": {"after": seconds(59)}},
        "no_data.after",
    ),
    "silence, long": (
        {"no_data": {"after": seconds(checks.LONGEST_SILENCE)}},
        {"no_data": {"after": seconds(checks.LONGEST_SILENCE + 1)}},
        "no_data.after",
    ),
    "silence, without end": (
        {"no_data": {"after": seconds(60)}},
        {"no_data": {"severity": 1}},
        "no_data.after",
    ),
    "a severity": ({"concept": {"severity": 2}}, {"concept": {"severity": 7}}, "concept.severity"),
    "a detector": (
        {"concept": {"detectors": ["adwin"]}},
        {"concept": {"detectors": ["ddm"]}},
        "concept.detectors[0]",
    ),
    "band of 0": (psi(warning=1e-9), psi(warning=0.0), "thresholds.psi.warning"),
    "bands in order": (psi(warning=0.3, alert=0.3), psi(warning=0.3, alert=0.29), "thresholds.psi.alert"),
    "band, no number": (psi(alert=1e6), psi(alert=float("nan")), "thresholds.psi.alert"),
    "band, no end": (psi(alert=1e6), psi(alert=float("inf")), "thresholds.psi.alert"),
    "band of a share": (
        {"thresholds": {"ks": {"alert": 1.0}}},
        {"thresholds": {"ks": {"alert": 1.01}}},
        "thresholds.ks.alert",
    ),
    "band of a share of missing values": (
        {"thresholds": {"missing": {"warning": 1.0}}},
        {"thresholds": {"missing": {"alert": 3.0}}},
        "thresholds.missing.alert",
    ),
    "a feature's band": (
        {"feature_thresholds": {"age": {"ks": {"warning": 0.2}}}},
        {"feature_thresholds": {"age": {"ks": {"warning": -1.0}}}},
        "feature_thresholds['age'].ks.warning",
    ),
    "a feature": (schedule(features=["age"]), schedule(features=["Age"]), "schedule.features[0]"),
    "a feature of thresholds": (
        {"feature_thresholds": {"plan": {}}},
        {"feature_thresholds": {"size": {}}},
        "feature_thresholds['size']",
    ),
    "webhooks": (hooks(webhook_checks.MOST_WEBHOOKS), hooks(webhook_checks.MOST_WEBHOOKS + 1), "webhooks"),
    "a webhook's id": (hooked(id="a-1"), hooked(id="A 1"), "webhooks[0].id"),
    "a webhook's id, twice": (
        hooks(2),
        {"webhooks": [{"id": "a", "url": URL}] * 2},
        "webhooks[1].id",
    ),
    "a url": (hooked(url="http://127.0.0.1:8/x"), hooked(url="http://169.254.169.254/"), "webhooks[0].url"),
    "a url's scheme": (hooked(), hooked(url="ftp://example.com/"), "webhooks[0].url"),
    "a short secret": (hooked(secret="x" * 16), hooked(secret="x" * 15), "webhooks[0].secret"),
    "a long secret": (hooked(secret="x" * 512), hooked(secret="x" * 513), "webhooks[0].secret"),
    "headers": (
        headers(webhook_checks.MOST_HEADERS),
        headers(webhook_checks.MOST_HEADERS + 1),
        "webhooks[0].headers",
    ),
    "a header": (
        hooked(headers={"X-A": "v" * 1000}),
        hooked(headers={"X-A": "v" * 1001}),
        "webhooks[0].headers['X-A']",
    ),
    "a header's line": (
        hooked(headers={"X-A": "v"}),
        hooked(headers={"X-A": "v\r\nX-B: w"}),
        "webhooks[0].headers['X-A']",
    ),
    "a header's name": (
        hooked(headers={"X-A": "v"}),
        hooked(headers={"X A": "v"}),
        "webhooks[0].headers['X A']",
    ),
    "a header of ours": (
        hooked(headers={"X-A": "v"}),
        hooked(headers={"Turnout-Signature": "t=1"}),
        "webhooks[0].headers['Turnout-Signature']",
    ),
    "a format": (hooked(format=2), hooked(format=9), "webhooks[0].format"),
    "a webhook's severity": (hooked(min_severity=2), hooked(min_severity=9), "webhooks[0].min_severity"),
}
