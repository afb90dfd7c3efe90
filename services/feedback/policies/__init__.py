"""Bandit policies by the name of their algorithm. Each is pure and exports `allocate(arms, learning)`, from
what eligible arms earned to the probability of each, and `score(arms, learning)`, the numbers that it goes
by; what is common to all of them is in `allocation`. What the arms are judged by (a window, a discount, the
time since a change) is in `services/feedback/remembering/`."""

from collections.abc import Callable, Mapping

from services.feedback.policies import (
    epsilon_greedy,
    kl_ucb,
    thompson,
    thompson_gaussian,
    ucb1,
    ucb_tuned,
)
from services.feedback.policies.arms import Arms, Floats
from services.feedback.policies.learning import Learning

Policy = Callable[[Arms, Learning], Floats]

POLICIES: Mapping[str, Policy] = {
    "epsilon_greedy": epsilon_greedy.allocate,
    "thompson": thompson.allocate,
    "thompson_gaussian": thompson_gaussian.allocate,
    # The same posterior, of what came since the last change.
    "thompson_change_detection": thompson.allocate,
    "ucb1": ucb1.allocate,
    "ucb_tuned": ucb_tuned.allocate,
    "kl_ucb": kl_ucb.allocate,
}

# Of a policy that looks at the context, the means: its own scores are made in the router, by request.
SCORES: Mapping[str, Policy] = {
    "epsilon_greedy": epsilon_greedy.score,
    "thompson": thompson.score,
    "thompson_gaussian": thompson_gaussian.score,
    "thompson_change_detection": thompson.score,
    "ucb1": ucb1.score,
    "ucb_tuned": ucb_tuned.score,
    "kl_ucb": kl_ucb.score,
    "lin_ucb": epsilon_greedy.score,
}
