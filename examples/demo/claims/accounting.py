"""The metrics pages count what the client counts, and all four names of the contract are on them."""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import TypeVar

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence

K = TypeVar("K", bound=Hashable)

INSTRUMENTS = (
    "ensemble_routing_decisions_total",
    "ensemble_model_latency_ms",
    "ensemble_model_accuracy",
    "ensemble_canary_progress",
)


def check(evidence: Evidence) -> Claim:
    """Decisions by strategy and model, and timed calls by model, equal to one."""
    missing = [name for name in INSTRUMENTS if name not in evidence.instruments]
    if missing:
        return Claim(False, f"no metrics page has {', '.join(missing)}")
    decided, called = counted(evidence)
    wrong = differences("decisions", decided, evidence.decisions) or differences(
        "calls", called, evidence.latencies
    )
    if wrong:
        return Claim(False, wrong)
    return Claim(
        True,
        f"{sum(decided.values())} decisions and {sum(called.values())} timed calls, as in the manifests",
    )


def differences(what: str, ours: Mapping[K, int], theirs: Mapping[K, float]) -> str:
    """The first difference in words, or nothing."""
    for key in sorted({*ours, *theirs}, key=str):
        if ours.get(key, 0) != theirs.get(key, 0):
            return f"{what} of {key}: the pages say {theirs.get(key, 0):g}, the client {ours.get(key, 0)}"
    return ""


def counted(evidence: Evidence) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Decisions by strategy and model, and calls by model, as the client saw them."""
    cast = evidence.cast
    strategies = {cast.split: "weighted", cast.bandit: "bandit", cast.jury: "ensemble"}
    decided: Counter[tuple[str, str]] = Counter()
    called: Counter[str] = Counter()
    for answer in evidence.answers:
        # A juror that is out for its health is not asked.
        chosen = [answer.variant] if answer.variant else [who for who, _ in answer.calls]
        decided.update((strategies[answer.router], model) for model in chosen)
        called.update(model for model, _ in answer.calls)
    return decided, called
