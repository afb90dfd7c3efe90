"""What applies where the settings say nothing; answers echo it."""

from turnout.drift.v1.alert_config_pb2 import (
    ALERT_SEVERITY_ALERT,
    ALERT_SEVERITY_WARNING,
    WEBHOOK_FORMAT_JSON,
    AlertBands,
    AlertConfig,
    AlertThresholds,
)

from services.drift.alerts.levels import DEFAULTS, USUAL

INTERVAL, COOLDOWN, LEAST_ROWS = 3600, 3600, 100
BAD, OF, GOOD = 2, 3, 3
EPOCH_SECONDS = 30 * 86_400
DETECTOR = "shiryaev_roberts"


def fill(config: AlertConfig) -> None:
    """Set every default that applies, in place. Twice is as once."""
    _fill_schedule(config)
    _fill_rules(config)
    for webhook in config.webhooks:
        webhook.format = webhook.format or WEBHOOK_FORMAT_JSON
        webhook.min_severity = webhook.min_severity or ALERT_SEVERITY_WARNING
    _fill_bands(config)


def _fill_schedule(config: AlertConfig) -> None:
    schedule = config.schedule
    if not schedule.HasField("interval"):
        schedule.interval.FromSeconds(INTERVAL)
    if not schedule.HasField("window"):
        schedule.window.CopyFrom(schedule.interval)
    if not schedule.HasField("epoch_looks"):
        schedule.epoch_looks = max(1, EPOCH_SECONDS // max(60, schedule.interval.seconds))


def _fill_rules(config: AlertConfig) -> None:
    hysteresis, concept = config.hysteresis, config.concept
    for name, value in (("bad_looks", BAD), ("of_looks", OF), ("good_looks", GOOD)):
        if not hysteresis.HasField(name):  # type: ignore[arg-type,unused-ignore]
            setattr(hysteresis, name, value)
    if not config.HasField("cooldown"):
        config.cooldown.FromSeconds(COOLDOWN)
    if not config.HasField("least_rows"):
        config.least_rows = LEAST_ROWS
    if not concept.HasField("enabled"):
        concept.enabled = True
    concept.severity = concept.severity or ALERT_SEVERITY_ALERT
    if not concept.detectors:
        concept.detectors.append(DETECTOR)
    if config.HasField("no_data"):
        config.no_data.severity = config.no_data.severity or ALERT_SEVERITY_WARNING


def _fill_bands(config: AlertConfig) -> None:
    for name in USUAL:
        getattr(config.thresholds, name).SetInParent()
    for thresholds in (config.thresholds, *config.feature_thresholds.values()):
        _fill_given(thresholds)


def _fill_given(thresholds: AlertThresholds) -> None:
    for field, value in thresholds.ListFields():
        bands: AlertBands = value
        if bands.off:
            continue
        warning, alert = DEFAULTS[field.name]
        # Who gives one of the two moves the other with it, rather than be refused for a default.
        if not bands.HasField("warning"):
            bands.warning = min(warning, bands.alert) if bands.HasField("alert") else warning
        if not bands.HasField("alert"):
            bands.alert = max(alert, bands.warning)
