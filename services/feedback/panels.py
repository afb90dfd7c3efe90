"""Who of a full panel was right, where a truth meets its record."""

from services.feedback.crediting import Told
from services.feedback.prediction import Prediction
from services.state.panel_truths import PanelTruth


def panel_truths(prediction: Prediction, told: Told, horizon: float) -> list[PanelTruth]:
    """The truth of a row beside what its panel said, as one item; none where there was no panel of two, or
    its answers are no labels.

    Members are compared with the verdict on the same rows, so that the difference can be told from chance
    with few of them.
    """
    seats = [seat for seat in prediction.panel if told.row < len(seat.labels)]
    if told.label is None or len(seats) < 2 or told.row >= len(prediction.served):
        return []
    right = {seat.variant: seat.labels[told.row] == told.label for seat in seats}
    costs = {seat.variant: seat.cost for seat in seats if seat.cost is not None}
    # The order of the record breaks ties: it never changes, so a correction takes back what was counted.
    cheapest = min((variant for variant in costs if right[variant]), key=costs.__getitem__, default="")
    return [
        PanelTruth(
            prediction.router_uid,
            prediction.id,
            told.row,
            right,
            prediction.served[told.row] == told.label,
            cheapest if len(costs) == len(seats) else None,
            told.observed,
            told.id,
            horizon,
        )
    ]
