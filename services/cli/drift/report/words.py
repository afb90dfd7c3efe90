"""What the numbers of a result mean, in sentences."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from turnout.drift.v1 import result_pb2 as drift
from turnout.drift.v1.result_pb2 import FeatureDrift
from turnout.router.v1.model_pb2 import FEATURE_KIND_NUMERIC

from services.cli.drift.statuses import status
from services.cli.numbers import given, number, p_value, percent, score

KINDS: Mapping[int, str] = {
    drift.DRIFT_STATUS_OK: "ok",
    drift.DRIFT_STATUS_WARNING: "warning",
    drift.DRIFT_STATUS_ALERT: "alert",
}
BANDS: Mapping[int, str] = {
    drift.DRIFT_STATUS_OK: "below 0.1",
    drift.DRIFT_STATUS_WARNING: "from 0.1 to 0.2: warning",
    drift.DRIFT_STATUS_ALERT: "0.2 or more: alert",
}


class Reading(NamedTuple):
    """A statistic: its name, its value as words, and what it says."""

    name: str
    value: str
    meaning: str


def kind(state: int) -> str:
    """How a state is drawn: as `ok`, `warning`, `alert`, or `few`, also where a newer server has others."""
    return KINDS.get(state, "few")


def sentence(one: FeatureDrift) -> str:
    """The verdict on a feature, with the reason."""
    psi, p = given(one, "psi"), given(one, "adjusted_p_value")
    moved = one.status in (drift.DRIFT_STATUS_WARNING, drift.DRIFT_STATUS_ALERT)
    if moved and not (one.significant and one.psi_level == one.status):
        few = psi is None or p is None
        if few and one.out_of_range_changed and not one.missingness_changed:
            return (
                "Few rows had it, and more of them lie outside the baseline's range than chance puts there."
            )
        gone = abs(one.missing_share - one.baseline_missing_share) if one.missingness_changed else 0.0
        if not few and one.out_of_range_changed and one.out_of_range_share > gone:
            outside = percent(one.out_of_range_share)
            return f"{outside} of its values lie outside the baseline's range, and chance puts few there."
        return _missing(one, few)
    if psi is None or p is None:
        return "Too few rows had it to say anything."
    size = f"PSI {score(psi)}"
    if moved:
        return f"It has moved: {size}, and chance alone would hardly do that (p {_compared(p)})."
    if one.psi_level in (drift.DRIFT_STATUS_WARNING, drift.DRIFT_STATUS_ALERT):
        return f"{size} looks large, but chance alone does that in samples of this size (p {_compared(p)})."
    if one.significant:
        return f"A shift is there for certain (p {_compared(p)}), and it is small: {size}."
    return f"No shift to be seen: {size}, p {_compared(p)}."


def _missing(one: FeatureDrift, few: bool) -> str:
    """What is said where missing values decide: of too few that are left, or of some."""
    before, after = percent(one.baseline_missing_share), percent(one.missing_share)
    if one.missing_share < one.baseline_missing_share:
        return f"It is missing more seldom: in {after} of the rows, {before} in the baseline."
    if few:
        return f"It has vanished: missing in {after} of the rows."
    return f"It goes missing: in {after} of the rows, {before} in the baseline."


def _compared(p: float) -> str:
    return p_value(p) if p < 0.001 else f"= {p_value(p)}"


def readings(one: FeatureDrift) -> Iterator[Reading]:
    """Every statistic that the feature has, the one that the verdict rests on first."""
    psi = given(one, "psi")
    if psi is not None:
        null = given(one, "psi_null_q95")
        by_chance = f"; without drift 5 % of such samples exceed {score(null)}" if null is not None else ""
        band = BANDS.get(one.psi_level, status(one.psi_level))
        yield Reading("PSI", score(psi), f"population stability index, {band}{by_chance}")
    yield from _evidence(one)
    yield from _distances(one)


def _evidence(one: FeatureDrift) -> Iterator[Reading]:
    if (p := given(one, "adjusted_p_value")) is not None:
        verdict = "significant" if one.significant else "not significant"
        raw = p_value(given(one, "p_value"))
        yield Reading(
            "p, corrected",
            p_value(p),
            f"{verdict}, after correction for the number of features; {raw} before",
        )
    if (ks := given(one, "ks")) is not None:
        upper = given(one, "ks_upper")
        value = (
            number(ks) if upper is None or number(upper) == number(ks) else f"{number(ks)} to {number(upper)}"
        )
        said = f"largest gap between the cumulative shares; p {p_value(given(one, 'ks_p_value'))}"
        yield Reading("Kolmogorov-Smirnov", value, said)
    if (chi := given(one, "chi_square")) is not None:
        freedom = "1 degree" if one.degrees_of_freedom == 1 else f"{one.degrees_of_freedom} degrees"
        said = (
            f"do the bins' counts agree; {freedom} of freedom, p {p_value(given(one, 'chi_square_p_value'))}"
        )
        yield Reading("chi-square", number(chi), said)


def _distances(one: FeatureDrift) -> Iterator[Reading]:
    for field, name, meaning in (
        ("jensen_shannon", "Jensen-Shannon divergence", "0 alike, 1 nothing in common"),
        ("jensen_shannon_distance", "Jensen-Shannon distance", "its square root"),
        ("hellinger", "Hellinger distance", "0 alike, 1 nothing in common"),
        ("l_infinity", "largest change of a bin", "of its share of the rows"),
        ("kullback_leibler", "Kullback-Leibler divergence", "of the window from the baseline, in nats"),
    ):
        if (distance := given(one, field)) is not None:
            yield Reading(name, number(distance), meaning)
    if (moved := given(one, "wasserstein")) is not None:
        margin = given(one, "wasserstein_margin")
        value = number(moved) + (" or more" if margin is None else f" ± {number(margin)}" if margin else "")
        scaled = [
            f"{number(given(one, field))} {unit}"
            for field, unit in (
                ("wasserstein_per_deviation", "standard deviations"),
                ("wasserstein_per_quartile_range", "interquartile ranges"),
            )
            if given(one, field) is not None
        ]
        said = "how far values moved on average, in the feature's unit"
        if margin is None:
            said += "; what lies out of range counts as at its end"
        yield Reading("Wasserstein", value, f"{said}; {' or '.join(scaled)}" if scaled else said)


class Check(NamedTuple):
    """Something looked at beside the distribution: what was found, and whether it is news."""

    name: str
    found: str
    news: bool


def checks(one: FeatureDrift) -> Iterator[Check]:
    """Missing values, values out of range, and categories that the baseline has not seen."""
    before, after = percent(one.baseline_missing_share), percent(one.missing_share)
    p = given(one, "adjusted_missing_p_value")
    said = f"{before} in the baseline, {after} now" + ("" if p is None else f"; p {_compared(p)}, corrected")
    yield Check("missing", said, one.missingness_changed)
    outside = percent(one.out_of_range_share)
    if one.kind == FEATURE_KIND_NUMERIC:
        p = given(one, "adjusted_out_of_range_p_value")
        said = f"{outside} of the values" + ("" if p is None else f"; p {_compared(p)}, corrected")
        yield Check("outside the baseline's range", said, one.out_of_range_changed)
    else:
        few = ", ".join(f"“{name}”" for name in one.unseen_categories)
        said = f"{outside} of the values" + (f": {few}" if few else "")
        yield Check("in categories the baseline has not seen", said, bool(one.unseen_categories))
