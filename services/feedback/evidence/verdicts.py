"""What an experiment says: of each treatment, and of all of them together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.feedback.evidence.model import Comparison, Evidence
from services.feedback.evidence.plan import Experiment, Metric
from services.feedback.sequential.display import Estimate
from services.feedback.sequential.judging import VOID_ALPHA, Question, Trial, Verdict, judge

# What is said of all treatments together: the first of these that is said of any.
GRAVEST = (
    *(Verdict.INVALID, Verdict.WIN, Verdict.CONTINUE),
    *(Verdict.HOLD, Verdict.FUTILE, Verdict.LOSE),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, with its reason in words and numbers; winner: of all together, the variant that wins."""

    verdict: Verdict
    reason: str
    winner: str = ""


def judge_each(experiment: Experiment, metric: Metric, evidence: Evidence) -> dict[str, Judged]:
    """By treatment."""
    return {one.treatment: _judge(experiment, metric, evidence, one) for one in evidence.comparisons}


def judge_all(judged: dict[str, Judged], evidence: Evidence) -> Judged:
    """Of the experiment: void if any comparison is; won if any treatment wins, and then by the best of them;
    else open as long as any is."""
    if not judged:
        return Judged(Verdict.HOLD, "there is nothing to compare")
    # Who never has a share neither wins nor keeps the others waiting.
    active = {name: one for name, one in judged.items() if evidence.arms[name].decisions} or judged
    for verdict in GRAVEST:
        names = [name for name, one in active.items() if one.verdict is verdict]
        if names:
            best = max(names, key=lambda name: _effect(evidence, name))
            winner = best if verdict is Verdict.WIN else ""
            return Judged(verdict, f"{best}: {judged[best].reason}", winner)
    raise ValueError("each verdict has its place among all")


def unfair(evidence: Evidence, treatment: str) -> list[Question]:
    """What would make a comparison void: arms not drawn as logged, or labels that go by the arm."""
    missing = [(metric, doubt) for (metric, arm), doubt in evidence.missing.items() if arm == treatment]
    share = VOID_ALPHA / (1 + len(missing))
    found = [("the assignment", evidence.ratio)]
    found += [(f"missing {metric}", doubt) for metric, doubt in sorted(missing)]
    return [Question(name, doubt.greatest, share, doubt.present) for name, doubt in found]


def shown(metric: Metric, estimate: Estimate) -> tuple[str, Estimate]:
    """A metric and its estimate such that more is better: in its own unit, or turned where less is better."""
    one, width = metric.measure, metric.width
    if metric.prompt or one is None:
        return f"1 - {metric.name}", estimate
    if not one.minimize:
        return metric.name, _scaled(estimate, width, one.low)
    if (one.low, one.high) == (0.0, 1.0):
        return f"1 - {metric.name}", estimate
    return f"-{metric.name}", _scaled(estimate, width, -one.high)


def _judge(experiment: Experiment, metric: Metric, evidence: Evidence, one: Comparison) -> Judged:
    if evidence.full:
        return Judged(Verdict.HOLD, f"{evidence.units:,} units are remembered, and there is no room for more")
    win, loss = one.tests["primary"], one.tests["loss"]
    name, estimate = shown(metric, win.estimate)
    trial = Trial(
        win=Question(name, win.log_e, win.spec.alpha),
        # A canary asks the same with an alpha of its own; each way, the experiment's is half of its share.
        loss=Question(name, loss.log_e, win.spec.alpha),
        primary=estimate,
        guardrails=list(_guardrails(experiment, one)),
        unfair=unfair(evidence, one.treatment),
        wanted=experiment.min_effect,
        min_samples=experiment.min_samples,
        max_samples=experiment.max_samples,
    )
    verdict, reason = judge(trial)
    futile = one.tests.get("futility")
    if verdict is Verdict.CONTINUE and futile is not None and futile.declared:
        said = Question(name, futile.log_e, futile.spec.alpha).numbers()
        return Judged(
            Verdict.FUTILE, f"an effect of {experiment.min_effect:g} on {name} is ruled out: {said}"
        )
    return Judged(verdict, reason)


def _guardrails(experiment: Experiment, one: Comparison) -> Iterator[Question]:
    for name in experiment.guardrails:
        if name in one.tests:
            test = one.tests[name]
            yield Question(name.partition(":")[2], test.log_e, test.spec.alpha)


def _effect(evidence: Evidence, treatment: str) -> float:
    found: Sequence[Comparison] = [one for one in evidence.comparisons if one.treatment == treatment]
    effect = found[0].tests["primary"].estimate.effect
    return effect if effect == effect else -1.0


def _scaled(estimate: Estimate, width: float, low: float) -> Estimate:
    return estimate._replace(
        mean0=low + estimate.mean0 * width,
        mean1=low + estimate.mean1 * width,
        effect=estimate.effect * width,
        low=estimate.low * width,
        high=estimate.high * width,
    )
