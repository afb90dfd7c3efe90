"""What canaries' moves and waits are called, for people."""

import math

from services.feedback.canary.findings import Finding, Recent, Seen, enough
from services.feedback.canary.plan import DRIFT, Canary, Guardrail, State

# What statistics say of criteria that are read literally.
LITERAL_COST = "read literally, criteria promote a canary that is no better 76 to 80 times in 100"

ENDED = {
    State.PROMOTED: "nothing: it is promoted; roll it back by hand if need be",
    State.ROLLED_BACK: "nothing: it is rolled back; traffic for it begins a new trial",
}
STANDING = {
    State.PAUSED: "a person: it is paused until somebody resumes it",
    State.HELD: "a person: undecided after max_samples, it is promoted or rolled back by hand only",
}


def span(seconds: float) -> str:
    """A time in the largest unit of which there are two.

    >>> span(45), span(600), span(7300), span(400_000)
    ('45 s', '10 min', '2 h', '4.6 days')
    """
    for name, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size, 1):g} {name}"
    return f"{math.ceil(seconds)} s"


def breaker(recent: Recent) -> str:
    """The hard breaker."""
    return (
        f"{recent.failures} of the canary's latest {recent.calls} predictions failed, "
        f"{recent.baseline_failures} of the baseline's {recent.baseline_calls}"
    )


def guardrail(broken: Guardrail, seen: Seen) -> str:
    """A guardrail that is broken."""
    if broken.metric == DRIFT:
        return "guardrail drift: the canary's model has the drift status alert"
    bound = (
        f"max_value {broken.max_value:g}"
        if broken.max_value is not None
        else f"max_regression {broken.max_regression or 0:g}"
    )
    return f"guardrail {broken.metric}: past its {bound}; {means(seen.findings[broken.question])}"


def loss(finding: Finding) -> str:
    """The canary is worse."""
    return f"the canary is worse in {finding.metric}: {means(finding)}"


def better(plan: Canary, finding: Finding) -> str:
    """The canary has earned its promotion."""
    asked = plan.criteria.min_improvement if plan.criteria else 0.0
    by = f" by more than {asked:g}" if asked else ""
    cost = f"; {LITERAL_COST}" if plan.literal else ""
    return f"the canary is better in {finding.metric}{by}: {means(finding)}{cost}"


def step(plan: Canary, have: int) -> str:
    """One stage is done."""
    lasted = f", {span(plan.stage.min_seconds)}" if plan.stage.min_seconds else ""
    return f"the stage of {plan.percentage:g} % is done: {have} labelled predictions{lasted}, no harm seen"


def undecided(plan: Canary, finding: Finding | None, samples: int) -> str:
    """The budget of samples is spent."""
    said = f"undecided after {samples} samples of {plan.max_samples} of each"
    if finding is None or plan.criteria is None or math.isnan(finding.high):
        return f"HOLD: {said}"
    if finding.high < plan.criteria.min_improvement:
        return (
            f"FUTILE: {said}, and an improvement of {plan.criteria.min_improvement:g} is outside the interval"
        )
    return f"HOLD: {said}; {means(finding)}"


def not_yet(plan: Canary, finding: Finding | None) -> str:
    """What a promotion lacks."""
    if finding is None or plan.criteria is None:
        return "evidence: nothing is known of the metric of promotion_criteria yet"
    least = max(plan.criteria.min_samples, 1)
    if not enough(finding, least):
        return (
            f"labels: {finding.n1} of the canary and {finding.n0} of the baseline, "
            f"of {least} that promotion_criteria want of each"
        )
    if plan.literal:
        return f"an improvement of {plan.criteria.min_improvement:g}: {means(finding)}"
    so_far, wanted = math.exp(min(finding.log_e, 300.0)), math.exp(finding.threshold)
    said = f"evidence: {so_far:.3g} of {wanted:.3g}; {means(finding)}"
    if math.isnan(finding.expected):
        return said
    return f"{said}; about {span(finding.expected)} more if the difference is what it looks like"


def means(finding: Finding) -> str:
    """Both means and the interval of their difference."""
    said = f"{finding.mean1:.4g} against {finding.mean0:.4g}"
    if math.isnan(finding.low):
        return said
    return f"{said}, a difference of {finding.effect:.4g} ({finding.low:.4g} to {finding.high:.4g})"
