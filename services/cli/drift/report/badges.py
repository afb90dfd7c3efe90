"""States and roles as small marks: a shape and a word, so that nobody needs the colour."""

from turnout.drift.v1.feature_role_pb2 import FEATURE_ROLE_PREDICTION, FEATURE_ROLE_SCORE
from turnout.drift.v1.result_pb2 import FeatureDrift

from services.cli.drift.report import words
from services.cli.drift.report.lines import MARKS
from services.cli.drift.report.markup import Html, fill
from services.cli.drift.statuses import status

_BADGE = (
    '<span class="badge $kind"><svg viewBox="-6 -6 12 12" aria-hidden="true"><path d="$shape"/></svg>'
    "$word</span>"
)
ROLES = {FEATURE_ROLE_PREDICTION: "prediction", FEATURE_ROLE_SCORE: "score"}


def badge(state: int) -> Html:
    """A state: its mark and its word."""
    kind = words.kind(state)
    return fill(_BADGE, kind=kind, shape=MARKS[kind], word=status(state))


def role(one: FeatureDrift) -> Html:
    """What a column is to its model, unless it is a feature as most are."""
    told = ROLES.get(one.role)
    return fill('<span class="role">$told</span>', told=told) if told else Html("")
