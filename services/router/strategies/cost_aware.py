"""The cheapest model whose measured quality meets a floor."""

from services.router.strategies.state import LESS_IS_BETTER, Allocation, RoutingState, cost_of, normalised


def allocate(state: RoutingState) -> Allocation:
    """The cheapest of those that are good enough; ties share. A cost is what was measured, or the declared
    price of a call until something was; a model with neither is nobody's cheapest.

    Where nobody is good enough, the best of those that are measured serves, whatever it costs; where nobody
    is measured, the weights decide. Parameters: `metric` (more is better), `min_quality`, `min_samples`.
    """
    metric, floor = str(state.parameters["metric"]), float(state.parameters["min_quality"])
    enough = float(state.parameters["min_samples"])
    sign = -1.0 if metric in LESS_IS_BETTER else 1.0
    quality = {
        variant: sign * told[metric].value
        for variant, told in state.measured.items()
        if metric in told and told[metric].samples >= enough
    }
    costs = {variant: cost_of(told) for variant, told in state.measured.items()}
    cost = {variant: value for variant, value in costs.items() if value is not None}
    able = [one.variant for one in state.candidates if one.eligible and one.variant in quality]
    good = {
        variant: cost[variant] for variant in able if quality[variant] >= sign * floor and variant in cost
    }
    if good:
        chosen = {variant for variant in good if good[variant] == min(good.values())}
    else:
        top = max((quality[variant] for variant in able), default=0.0)
        chosen = {variant for variant in able if quality[variant] == top}
    if not chosen:
        return normalised([one.weight for one in state.candidates], state)
    return normalised([float(one.variant in chosen) for one in state.candidates], state)
