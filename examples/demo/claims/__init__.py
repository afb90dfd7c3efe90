"""What the demo claims. Every file exports `check(evidence) -> Claim`; one that fails fails the demo."""

from collections.abc import Callable, Mapping

from examples.demo.claims import (
    accounting,
    accuracy,
    alarm,
    complete,
    drift,
    errors,
    jury,
    learning,
    origins,
    outage,
    quorum,
    sides,
    split,
    truths,
    turning,
)
from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence

CLAIMS: Mapping[str, Callable[[Evidence], Claim]] = {
    "traffic splits by the weights": split.check,
    "the bandit finds the best model": learning.check,
    "traffic leaves a dead model": outage.check,
    "the jury goes on without a member": quorum.check,
    "the jury beats its members": jury.check,
    "labels become accuracies": accuracy.check,
    "the metrics agree with the client": accounting.check,
    "drift names the shifted feature": drift.check,
    "a baseline comes from anywhere": origins.check,
    "labels find their predictions": truths.check,
    "drift says what moved, and where": sides.check,
    "a scheduled look raises an alert": alarm.check,
    "growing errors are noticed": errors.check,
    "routing turns away from drift": turning.check,
    "all of drift was asked": complete.check,
}

__all__ = ["CLAIMS", "Claim"]
