"""Plans of canaries and what is seen of them, for tests."""

from math import log
from typing import Any

from services.feedback.canary.findings import LOSS, PROMOTION, ArmSeen, Finding, Seen
from services.feedback.canary.plan import Canary, Criteria, Guardrail, State, Step, Trial

NOW = 1_750_000_000.0
STEPS = (Step(5, 60, 10), Step(25, 60, 10), Step(50, 60, 10))
CRITERIA = Criteria("accuracy", 0.02, 100)
THRESHOLD = log(20)


def plan(**told: Any) -> Canary:
    """A canary that has just begun, at its first step."""
    given: dict[str, Any] = {
        "baseline": "old",
        "canary": "new",
        "percentage": 5.0,
        "trial": trial(),
        "steps": STEPS,
        "criteria": CRITERIA,
    }
    return Canary(**given | told)


def trial(state: State = State.RUNNING, stage: int = 1, since: float = NOW) -> Trial:
    return Trial(1, state, stage, NOW, since)


def finding(question: str = PROMOTION, log_e: float = 0.0, samples: int = 200, **told: Any) -> Finding:
    """Evidence of `log_e`; as many samples of each."""
    given: dict[str, Any] = {"n0": samples, "n1": samples, "mean0": 0.8, "mean1": 0.85, "excess": -0.01}
    return Finding(question, "accuracy", log_e, THRESHOLD, **given | told)


def seen(*findings: Finding, labelled: int = 200, at: float = NOW, baseline: int = 200, **told: Any) -> Seen:
    """What is seen where labels have come up to `at`."""
    return Seen(
        watermark=at,
        baseline=ArmSeen(baseline, baseline),
        canary=ArmSeen(labelled, labelled),
        findings={one.question: one for one in findings},
        **told,
    )


DECLARED = finding(log_e=THRESHOLD)
WORSE = finding(LOSS, THRESHOLD)
ROLLING = Guardrail("latency", max_regression=0.1)
PAUSING = Guardrail("cost", max_regression=0.1, rollback=False)
