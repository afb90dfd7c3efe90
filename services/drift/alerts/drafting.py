"""A change of settings: what is written, what must stay as it was, and whether the whole is right."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from turnout.drift.v1.alert_config_pb2 import AlertConfig, AlertThresholds

from services.drift.alerts.addresses import Reach
from services.drift.alerts.checks import check
from services.drift.alerts.config_store import etag_of, filled
from services.drift.alerts.levels import counts, thresholds_of
from services.drift.alerts.secrets import keep
from services.drift.baselines import Segment
from services.drift.wire import read_segment, timestamp
from services.state import masks

KEPT = {
    "format": "is set by the service",
    "update_time": "is set by the service",
}


class Known(NamedTuple):
    """What the model is compared with: the features of its active baselines, None where it has none; and what
    these are of, None for all traffic."""

    features: Collection[str] | None
    parts: Collection[Segment | None] = ()


def draft(
    stored: AlertConfig, given: AlertConfig, paths: Sequence[str], known: Known, reach: Reach, now: float
) -> AlertConfig:
    """Change `stored` in place; the settings with their defaults. Raises InvalidArgument."""
    before = AlertConfig()
    before.CopyFrom(stored)
    masks.update(stored, given, paths, KEPT, root="config")
    keep(before.webhooks, stored.webhooks)
    _date(before, stored, now)
    whole = filled(stored)
    check(whole, known.features, reach)
    stored.update_time.CopyFrom(timestamp(now))
    stored.etag = etag_of(stored)
    whole.update_time.CopyFrom(stored.update_time)
    whole.etag = stored.etag
    return whole


def advice(config: AlertConfig, known: Known) -> Iterator[str]:
    """What might not be meant, a sentence each."""
    if config.schedule.enabled:
        yield from _nothing_compared(config, known)
    if config.schedule.enabled and not any(map(counts, (config.thresholds, *_special(config)))):
        yield "Every statistic is off: no look is bad, whatever drifts (thresholds)."
    if config.schedule.enabled and not config.webhooks:
        yield "There is no webhook: alerts are told by WatchAlerts and ListAlerts alone."
    if config.webhooks and not config.schedule.enabled:
        yield "The schedule is not enabled: nothing raises an alert (schedule.enabled)."
    for webhook in config.webhooks:
        if webhook.url.startswith("http://") and (webhook.secret or webhook.headers):
            yield f"Webhook {webhook.id} is told over http: whoever listens reads it, and its headers."


def _nothing_compared(config: AlertConfig, known: Known) -> Iterator[str]:
    if None not in known.parts:
        yield "The model has no active baseline: looks find nothing to compare with (CreateBaseline)."
    for one in config.schedule.segments:
        if read_segment(one) not in known.parts:
            yield (
                f"The segment {one.name} = {one.value!r} has no active baseline: its looks find nothing to "
                "compare with (CreateBaseline with that segment)."
            )


def _special(config: AlertConfig) -> Iterator[AlertThresholds]:
    for feature in config.feature_thresholds:
        yield thresholds_of(feature, config.thresholds, config.feature_thresholds)


def _date(before: AlertConfig, stored: AlertConfig, now: float) -> None:
    """Since when looks are made so; a client's own idea of it is not asked for."""
    stored.schedule.ClearField("start_time")
    if not stored.schedule.enabled:
        return
    was, now_is = filled(before).schedule, filled(stored).schedule
    if was.enabled and was.interval == now_is.interval and before.schedule.HasField("start_time"):
        stored.schedule.start_time.CopyFrom(before.schedule.start_time)
    else:
        stored.schedule.start_time.CopyFrom(timestamp(now))
