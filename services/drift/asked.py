"""How an analysis is asked for: what is compared, and how it is decided."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from services.drift import benjamini_hochberg, bonferroni

# False discoveries tolerated among the features called drifting.
FALSE_DISCOVERY_RATE = 0.05
# Beyond one half a decision would be worse than a coin.
GREATEST_LEVEL = 0.5
# Share of an empty bin where epsilon is asked for, and the largest that is no distortion of its own.
EPSILON, GREATEST_EPSILON = 1e-4, 1e-2


class Correction(Enum):
    """How p-values of many features are corrected; the values are those of the contract's Correction."""

    BENJAMINI_HOCHBERG = 1
    BONFERRONI = 2


CORRECTIONS: Mapping[Correction, Callable[[Sequence[float]], list[float]]] = {
    Correction.BENJAMINI_HOCHBERG: benjamini_hochberg.adjust,
    Correction.BONFERRONI: bonferroni.adjust,
}


class Rule(NamedTuple):
    """How features are decided: a correction over them, and its level."""

    correction: Correction = Correction.BENJAMINI_HOCHBERG
    level: float = FALSE_DISCOVERY_RATE


BY_DEFAULT = Rule()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants to know. features: names, empty for all. epsilon: share of an empty bin of the PSI,
    None for half a row. kullback_leibler: whether it is measured too."""

    features: tuple[str, ...] = ()
    rule: Rule = BY_DEFAULT
    epsilon: float | None = None
    kullback_leibler: bool = False


NOTHING_SPECIAL = Asked()
