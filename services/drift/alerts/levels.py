"""Which band a feature's shift lies in, by every statistic that has one."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from turnout.drift.v1.alert_config_pb2 import AlertBands, AlertThresholds
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_INSUFFICIENT_DATA, DriftResult, FeatureDrift

from services.drift.alerts.machine import ALERT, GOOD, WARNING

# The bands that the industry reads PSI by; of the others those of about the same shifts of a normal: 0.3 and
# 0.5 standard deviations. Missing and unseen values are shares of rows.
DEFAULTS: dict[str, tuple[float, float]] = {
    "psi": (0.1, 0.2),
    "ks": (0.1, 0.2),
    "jensen_shannon": (0.02, 0.05),
    "wasserstein": (0.2, 0.5),
    "hellinger": (0.1, 0.2),
    "missing": (0.05, 0.2),
    "unseen": (0.05, 0.2),
}
# The most that each can be; the others have no end of their own.
MOST = {"ks": 1.0, "jensen_shannon": 1.0, "hellinger": 1.0, "missing": 1.0, "unseen": 1.0}
# What counts unless it is switched off; the others have to be asked for.
USUAL = ("psi", "missing", "unseen")


def _missing(found: FeatureDrift) -> float:
    return abs(found.missing_share - found.baseline_missing_share)


# Absent without data, or where a statistic does not apply.
VALUES: dict[str, Callable[[FeatureDrift], float | None]] = {
    "psi": lambda found: found.psi if found.HasField("psi") else None,
    "ks": lambda found: found.ks if found.HasField("ks") else None,
    "jensen_shannon": lambda found: found.jensen_shannon if found.HasField("jensen_shannon") else None,
    "wasserstein": lambda found: (
        found.wasserstein_per_deviation if found.HasField("wasserstein_per_deviation") else None
    ),
    "hellinger": lambda found: found.hellinger if found.HasField("hellinger") else None,
    "missing": _missing,
    "unseen": lambda found: found.out_of_range_share,
}


class Shift(NamedTuple):
    """A feature past a threshold: the statistic that is furthest past its own."""

    feature: str
    level: int
    statistic: str
    value: float
    threshold: float


def shift_of(found: FeatureDrift, thresholds: AlertThresholds) -> Shift | None:
    """The gravest of a feature's bands; None where it is within all of them, or where what the analysis found
    is not significant in itself."""
    if not (found.significant or found.missingness_changed or found.out_of_range_changed):
        return None
    shifts = [one for name in VALUES if (one := _past(found, name, thresholds))]
    return max(shifts, key=lambda one: (one.level, one.value / one.threshold), default=None)


def shifts_of(
    result: DriftResult, general: AlertThresholds, special: Mapping[str, AlertThresholds]
) -> list[Shift]:
    """Every feature that is past a threshold, gravest first."""
    found = [shift_of(one, thresholds_of(one.feature, general, special)) for one in result.features]
    return sorted((one for one in found if one), key=lambda one: (-one.level, -one.value / one.threshold))


def thresholds_of(
    feature: str, general: AlertThresholds, special: Mapping[str, AlertThresholds]
) -> AlertThresholds:
    """Those of one feature: what is said of it alone replaces, by statistic, what is said of all."""
    if feature not in special:
        return general
    made = AlertThresholds()
    made.CopyFrom(general)
    for field, value in special[feature].ListFields():
        getattr(made, field.name).CopyFrom(value)
    return made


def counts(thresholds: AlertThresholds) -> bool:
    """Whether any statistic can be past a threshold."""
    return any(not bands.off for _, bands in thresholds.ListFields())


def enough(result: DriftResult, least_rows: int) -> bool:
    """Whether a look says anything."""
    return result.status != DRIFT_STATUS_INSUFFICIENT_DATA and result.rows >= least_rows


def _past(found: FeatureDrift, name: str, thresholds: AlertThresholds) -> Shift | None:
    bands: AlertBands = getattr(thresholds, name)
    value = VALUES[name](found)
    if bands.off or not thresholds.HasField(name) or value is None:  # type: ignore[arg-type,unused-ignore]
        return None
    for level, threshold in ((ALERT, bands.alert), (WARNING, bands.warning)):
        if value >= threshold:
            return Shift(found.feature, level, name, value, threshold)
    return None


def worst(shifts: list[Shift]) -> int:
    """The gravest level."""
    return max((one.level for one in shifts), default=GOOD)
