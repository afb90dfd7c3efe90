"""What was reported of a minute's observations, as merits."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from services.feedback.evidence.observations import Flags, Floats, Observations
from services.feedback.evidence.plan import Watch
from services.feedback.rules import Rules
from services.state.evidence import EvidenceLog, report_of

# Rows of one prediction that are looked at: the first ones speak for the others.
MOST_ROWS = 64


class Told(NamedTuple):
    """By metric, the mean merit of each observation's reported rows, NaN where there is none; and which
    observations still lack a row."""

    values: Mapping[str, Floats]
    lacking: Flags


async def told(log: EvidenceLog, rules: Rules, watch: Watch, minute: int, found: Observations) -> Told:
    """What was reported until now. Raises StateUnavailable."""
    values, lacking = {}, np.zeros(len(found.arm), bool)
    for name, metric in watch.metrics.items():
        if metric.measure is not None and not metric.prompt:
            rows = np.minimum(found.packed["rows"].astype(np.intp), MOST_ROWS)
            # What failed has its merit by the router's rule, whatever is reported.
            rows[found.failed] = 0
            units = await log.reported(
                rules.partition, minute, _names(found, rows.tolist(), rules.uid, metric.measure.key)
            )
            merits = [np.nan if one is None else metric.measure.merit(one) for one in units]
            values[name], lacks = _means(merits, rows.tolist(), metric.failed)
            lacking |= lacks
    return Told(values, lacking)


def _names(found: Observations, rows: Sequence[int], uid: str, measure: str) -> list[str]:
    pairs = zip(found.ids(), rows, strict=True)
    return [report_of(id_, row, uid, measure) for id_, count in pairs for row in range(count)]


def _means(merits: Sequence[float], rows: Sequence[int], failed: float) -> tuple[Floats, Flags]:
    means, lacking, at = np.full(len(rows), failed), np.zeros(len(rows), bool), 0
    for place, count in enumerate(rows):
        if count:
            own = [one for one in merits[at : at + count] if one == one]
            means[place] = sum(own) / len(own) if own else np.nan
            lacking[place] = len(own) < count
        at += count
    return means, lacking
