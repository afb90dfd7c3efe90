"""Everything to the model that is measured to be the best among those that are good enough."""

from collections.abc import Mapping

from services.router.strategies.state import LESS_IS_BETTER, Allocation, Measured, RoutingState, normalised


def allocate(state: RoutingState) -> Allocation:
    """Ties share. Where nobody is measured well enough, nobody is preferred: the weights decide.

    Parameters: `metric`, `min_samples`, `min_value` (a greatest value where less is better), and for each
    further threshold `min:{metric}` or `max:{metric}`.
    """
    metric = str(state.parameters["metric"])
    least = metric in LESS_IS_BETTER
    values = {
        one.variant: state.measured[one.variant][metric].value
        for one in state.candidates
        if one.eligible and meets(state.measured.get(one.variant, {}), state.parameters)
    }
    if not values:
        return normalised([one.weight for one in state.candidates], state)
    best = min(values.values()) if least else max(values.values())
    return normalised([float(values.get(one.variant) == best) for one in state.candidates], state)


def meets(measured: Mapping[str, Measured], parameters: Mapping[str, float | str]) -> bool:
    """Whether a model is measured, on enough samples, and within every bound."""
    return not unmet(measured, parameters)


def unmet(measured: Mapping[str, Measured], parameters: Mapping[str, float | str]) -> str:
    """What a model lacks to take part, empty if nothing. What is not measured meets nothing."""
    metric, enough = str(parameters["metric"]), float(parameters["min_samples"])
    told = measured.get(metric)
    if told is None:
        return f"its {metric} is not measured"
    if told.samples < enough:
        return f"its {metric} rests on {told.samples} samples, {enough:g} are needed"
    bounds = {name: float(bound) for name, bound in parameters.items() if name[:4] in ("min:", "max:")}
    if "min_value" in parameters:
        side = "max" if metric in LESS_IS_BETTER else "min"
        bounds[f"{side}:{metric}"] = float(parameters["min_value"])
    sides = {name: _past(measured.get(name[4:]), name, bound) for name, bound in bounds.items()}
    return next((said for said in sides.values() if said), "")


def _past(told: Measured | None, name: str, bound: float) -> str:
    side, metric = name[:3], name[4:]
    if told is None:
        return f"its {metric} is not measured"
    within = told.value >= bound if side == "min" else told.value <= bound
    word = "least" if side == "min" else "most"
    return "" if within else f"its {metric} is {told.value:g}, at {word} {bound:g} is wanted"
