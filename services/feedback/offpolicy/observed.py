"""Logged predictions as observations: what of a log can be learnt from, and what is left out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# Why a prediction is left out.
UNDRAWN = "nothing was drawn: a pinned variant, a jury, a default, or a rule that names one"
HELD = "the entity held its variant: only the draw that gave it counts"
UNREWARDED = "no reward"
REPEATED = "a sticky entity that was counted before"
UNKNOWN = "the proposal cannot be asked of it"


class Draw(NamedTuple):
    """A variant that was drawn: by id of the prediction, with its probability and those of all, what it
    earned (None where nobody has said yet), and the features as they were logged.

    unit: whose decisions may depend on each other. sticky: whether later draws of the unit are this one
    again. time: seconds since 1970.
    """

    id: str
    time: float
    unit: str
    sticky: bool
    variant: str
    shares: Mapping[str, float]
    reward: float | None
    numbers: Mapping[str, float]
    words: Mapping[str, str]


class Log(NamedTuple):
    """Draws in the order of their decisions, those without a reward by variant, and what was left out."""

    draws: list[Draw]
    unrewarded: Counter[str]
    left_out: Counter[str]


def observations(drawn: Iterable[Draw], left_out: Counter[str]) -> Log:
    """One observation per decision; where entities are sticky, the first of each that has a reward. Takes the
    draws in the order of their decisions."""
    kept, unrewarded, counted = [], Counter[str](), set[str]()
    for draw in drawn:
        if draw.sticky and draw.unit in counted:
            left_out[REPEATED] += 1
        elif draw.reward is None:
            left_out[UNREWARDED] += 1
            unrewarded[draw.variant] += 1
        else:
            if draw.sticky:
                counted.add(draw.unit)
            kept.append(draw)
    return Log(kept, unrewarded, left_out)
