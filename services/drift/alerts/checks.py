"""What is wrong with settings of alerts, all of it at once."""

import math
from collections.abc import Collection, Iterator

from google.protobuf.duration_pb2 import Duration
from turnout.drift.v1.alert_config_pb2 import AlertConfig, AlertSeverity, AlertThresholds

from services.drift.alerts.addresses import Reach
from services.drift.alerts.levels import MOST
from services.drift.alerts.webhook_checks import webhook_problems
from services.drift.concept.terms import faults
from services.drift.detectors import DETECTORS
from services.drift.verdict import LEAST_ROWS
from services.foundation.errors import FieldViolation, InvalidArgument

MINUTE = 60
# Each look reads and writes; a model that needs to be watched by the second needs a breaker instead.
SHORTEST_INTERVAL = MINUTE
LONGEST_INTERVAL = 7 * 86_400
LONGEST_WINDOW = 30 * 86_400
# As many as a model may have baselines for.
MOST_SEGMENTS = 20
MOST_FEATURES = 1_000
MOST_EPOCH_LOOKS = 100_000
MOST_LOOKS = 100
LONGEST_COOLDOWN = 7 * 86_400
# As long as profiles are kept.
LONGEST_SILENCE = 90 * 86_400
MOST_ROWS = 1_000_000_000
# Of what has no end of its own: the PSI, and the Wasserstein distance.
LARGEST_BAND = 1e6
MOST_SPECIAL = 1_000
MOST_REPORTED = 20

Problem = FieldViolation


def check(config: AlertConfig, known: Collection[str] | None = None, reach: Reach = "any") -> None:
    """Raise InvalidArgument naming each wrong field, of settings with their defaults filled in. known: the
    features of the model's baselines, None where there is no baseline yet; reach: where webhooks may lead."""
    found = [
        *_schedule(config),
        *_rules(config),
        *_thresholds(config.thresholds, "config.thresholds"),
        *_special(config),
        *_features(config, known),
        *webhook_problems(config.webhooks, reach),
    ]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        first = found[0]
        raise InvalidArgument(f"{first.field}: {first.description}{more}", fields=found[:MOST_REPORTED])


def seconds(duration: Duration) -> float:
    """A stored span, however odd."""
    return duration.seconds + duration.nanos / 1e9


def _schedule(config: AlertConfig) -> Iterator[Problem]:
    schedule = config.schedule
    yield from _minutes(schedule.interval, "interval", SHORTEST_INTERVAL, LONGEST_INTERVAL, "7 days")
    yield from _minutes(schedule.window, "window", MINUTE, LONGEST_WINDOW, "30 days")
    if seconds(schedule.window) < seconds(schedule.interval):
        said = "is shorter than interval, so that some rows would be in no look"
        yield Problem("config.schedule.window", said)
    if not 1 <= schedule.epoch_looks <= MOST_EPOCH_LOOKS:
        said = f"must be 1 to {MOST_EPOCH_LOOKS}, got {schedule.epoch_looks}"
        yield Problem("config.schedule.epoch_looks", said)
    if len(schedule.segments) > MOST_SEGMENTS:
        yield Problem("config.schedule.segments", f"{len(schedule.segments)} given; {MOST_SEGMENTS} at most")
    seen = set[tuple[str, str]]()
    for index, segment in enumerate(schedule.segments):
        if not segment.name or not segment.value:
            yield Problem(f"config.schedule.segments[{index}]", "needs a name and a value")
        elif (segment.name, segment.value) in seen:
            yield Problem(f"config.schedule.segments[{index}]", "is given twice")
        seen.add((segment.name, segment.value))


def _minutes(span: Duration, name: str, least: int, most: int, told: str) -> Iterator[Problem]:
    if span.nanos or span.seconds % MINUTE or not least <= span.seconds <= most:
        said = f"must be whole minutes from 60s to {most}s ({told}), got {seconds(span):g}s"
        yield Problem(f"config.schedule.{name}", said)


def _rules(config: AlertConfig) -> Iterator[Problem]:
    rules = config.hysteresis
    if not 1 <= rules.of_looks <= MOST_LOOKS:
        yield Problem("config.hysteresis.of_looks", f"must be 1 to {MOST_LOOKS}, got {rules.of_looks}")
    if not 1 <= rules.bad_looks <= max(1, rules.of_looks):
        said = f"must be 1 to of_looks ({rules.of_looks}), got {rules.bad_looks}"
        yield Problem("config.hysteresis.bad_looks", said)
    if not 1 <= rules.good_looks <= MOST_LOOKS:
        yield Problem("config.hysteresis.good_looks", f"must be 1 to {MOST_LOOKS}, got {rules.good_looks}")
    yield from _span(config.cooldown, "cooldown", 0, LONGEST_COOLDOWN)
    if not LEAST_ROWS <= config.least_rows <= MOST_ROWS:
        said = f"must be {LEAST_ROWS} to {MOST_ROWS}, got {config.least_rows}"
        yield Problem("config.least_rows", said)
    if config.HasField("no_data"):
        yield from _span(config.no_data.after, "no_data.after", MINUTE, LONGEST_SILENCE)
        yield from _severity(config.no_data.severity, "config.no_data.severity")
    yield from _severity(config.concept.severity, "config.concept.severity")
    for index, name in enumerate(config.concept.detectors):
        if name not in DETECTORS:
            said = f"must be one of {', '.join(DETECTORS)}, got {name[:100]!r}"
            yield Problem(f"config.concept.detectors[{index}]", said)
    yield from faults(config.concept.detection, "config.concept.detection")


def _span(span: Duration, name: str, least: int, most: int) -> Iterator[Problem]:
    torn = span.seconds * span.nanos < 0 or abs(span.nanos) >= 1_000_000_000
    if torn or not least <= seconds(span) <= most:
        yield Problem(f"config.{name}", f"must be {least}s to {most}s, got {seconds(span):g}s")


def _severity(given: int, field: str) -> Iterator[Problem]:
    if given not in AlertSeverity.values():
        yield Problem(field, f"must be one of {', '.join(list(AlertSeverity.keys())[1:])}, got {given}")


def _thresholds(thresholds: AlertThresholds, where: str) -> Iterator[Problem]:
    for field, bands in thresholds.ListFields():
        if bands.off:
            continue
        most = MOST.get(field.name, LARGEST_BAND)
        for name in ("warning", "alert"):
            value = getattr(bands, name)
            # At 0 everything is past it, also what has not moved at all.
            if not (math.isfinite(value) and 0 < value <= most):
                said = f"must be above 0 and at most {most:g}, got {value:g}"
                yield Problem(f"{where}.{field.name}.{name}", said)
        if bands.alert < bands.warning:
            said = f"must not be less than warning ({bands.warning:g}), got {bands.alert:g}"
            yield Problem(f"{where}.{field.name}.alert", said)


def _special(config: AlertConfig) -> Iterator[Problem]:
    if len(config.feature_thresholds) > MOST_SPECIAL:
        said = f"{len(config.feature_thresholds)} given; {MOST_SPECIAL} at most"
        yield Problem("config.feature_thresholds", said)
        return
    for name in sorted(config.feature_thresholds):
        yield from _thresholds(config.feature_thresholds[name], f"config.feature_thresholds[{name[:100]!r}]")


def _features(config: AlertConfig, known: Collection[str] | None) -> Iterator[Problem]:
    features = config.schedule.features
    if len(features) > MOST_FEATURES:
        yield Problem("config.schedule.features", f"{len(features)} given; {MOST_FEATURES} at most")
        return
    named = [(f"config.schedule.features[{index}]", name) for index, name in enumerate(features)]
    named += [(f"config.feature_thresholds[{name[:100]!r}]", name) for name in config.feature_thresholds]
    for field, name in named if known is not None else ():
        if name not in (known or ()):
            some = ", ".join(sorted(known or ())[:20])
            yield Problem(field, f"{name[:100]!r} is no feature of the model's baseline; it has {some}")
