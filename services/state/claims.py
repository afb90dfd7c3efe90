"""What is claimed for arms: values for learners, and what became of them."""

from enum import StrEnum
from typing import Literal, NamedTuple

from services.state.labels import Pair
from services.state.outcomes import Counted

# A value is a share of its measure's range in millionths.
UNITS = 1_000_000
# Later than anything that is observed: such a report is final.
FINAL = 2**53 - 1

Repeats = Literal["REPLACE", "FIRST", "SUM"]


class Learner(NamedTuple):
    """Whose arms they are: `uid` is a router's, or a model's (which is its own only arm); `measure` names the
    metric and its range."""

    partition: int
    uid: str
    measure: str


class Report(NamedTuple):
    """One value for one arm. Of two reports to one learner with the same prediction and row, the one with the
    greater (observed, feedback_id) counts, unless the claim says else; the same feedback_id again changes
    nothing.

    units: millionths of the range, 0 to UNITS. observed: microseconds since 1970, or FINAL.
    """

    prediction_id: str
    row: int
    arm: str
    units: int
    observed: int
    feedback_id: str


class Claim(NamedTuple):
    """A report to a learner, under the learner's rules.

    window: rewards that it holds. horizon: seconds from a prediction to the last feedback that counts.
    told: whether the change is announced, for allocations to follow. counted: where it is counted by the time
    of the prediction too. pair: what the report's value stands for instead of its units. repeats: what a
    second report does; a FINAL one is neither corrected nor added to. zero: units that stand for the value 0.
    """

    learner: Learner
    report: Report
    window: int
    horizon: float
    told: bool = True
    counted: Counted | None = None
    pair: Pair | None = None
    repeats: Repeats = "REPLACE"
    zero: int = 0


class Applied(StrEnum):
    """What a report changed. FORGOTTEN: the learner's rewards were reset since the prediction; the report is
    counted by time only. ID_REUSED: nothing, as its feedback id came before with another value."""

    ACCEPTED = "ACCEPTED"
    DUPLICATE = "DUPLICATE"
    ID_REUSED = "ID_REUSED"
    CORRECTED = "CORRECTED"
    SUPERSEDED = "SUPERSEDED"
    EXPIRED = "EXPIRED"
    FORGOTTEN = "FORGOTTEN"
    TOO_MANY_REPORTS = "TOO_MANY_REPORTS"
    TOO_MANY_ARMS = "TOO_MANY_ARMS"
