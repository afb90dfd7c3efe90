"""By what a text asks for: a domain's words go to its specialist, the rest by how complex it looks."""

from services.router.strategies.state import Allocation, RoutingState, normalised

# Two words of a domain in one text are rarely chance; one is.
LEAST_WORDS = 2.0


def allocate(state: RoutingState) -> Allocation:
    """Everything to whom the request is for; where that one may not answer, to the larger of the two that
    may; where neither may, the weights decide.

    `scores` has the complexity in [0, 1] under the empty name, and under each specialist's the number of its
    domain's words in the text: most words win, equals share. Parameters: `small`, `large`, `threshold`.
    """
    parameters, eligible = state.parameters, {one.variant for one in state.candidates if one.eligible}
    words = {name: count for name, count in state.scores.items() if name in eligible and count >= LEAST_WORDS}
    if words:
        most = max(words.values())
        return normalised([float(words.get(one.variant) == most) for one in state.candidates], state)
    complex_ = state.scores.get("", 0.0) >= float(parameters["threshold"])
    wanted = ("large", "small") if complex_ else ("small", "large")
    for size in wanted:
        if parameters[size] in eligible:
            return normalised([float(one.variant == parameters[size]) for one in state.candidates], state)
    return normalised([one.weight for one in state.candidates], state)
