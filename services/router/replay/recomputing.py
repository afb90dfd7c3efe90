"""A decision made again from what was stored: the rules, the allocation, and the draw."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.manifest_pb2 import Decision
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.deciding import terms as terms_room
from services.router.deciding.contexts import contexts_of, scores_of
from services.router.deciding.rendezvous import key_of, unit_hash
from services.router.deciding.rulings import Compiled
from services.router.deciding.shares import Known, Terms, shares
from services.router.replay.redrawing import UNDRAWN, place_of, redraw
from services.router.replay.ruling import Ruled, rule_again
from services.router.strategies import AT_THE_MOMENT


class Stored(NamedTuple):
    """What was stored of the time of a decision. router: the generation that decided, its aliases resolved.
    learnt: the snapshot of the version that decided, None if it is not kept. metrics: those of the version
    that decided, by name of the model; None if they are not kept. models: as they are registered now. rules:
    compiled ones, for all that share it."""

    router: Router
    learnt: RewardSnapshot | None
    metrics: Mapping[str, ModelMetrics] | None
    models: Mapping[str, Model]
    rules: Compiled


class Verdict(NamedTuple):
    """mismatches: what comes out otherwise. unknown: what could not be computed again, and why."""

    mismatches: list[str]
    unknown: list[str]


def recompute(event: PredictionEvent, stored: Stored) -> Verdict:
    """Compute a decision again from the stored configuration, rewards, metrics, and the logged request.

    Scores of the moment (loads, latencies, the complexity of a text) and who was healthy are taken from the
    record: nobody stores them but the manifest.
    """
    decision = event.manifest.decision
    verdict = Verdict(redraw(decision), [])
    if decision.mode in UNDRAWN or not decision.variant:
        return verdict
    ruled = rule_again(event, stored.router, stored.models, stored.metrics, stored.rules)
    verdict.unknown.extend(ruled.unknown)
    verdict.mismatches.extend(ruled.mismatches)
    terms = _terms(stored.router, decision, ruled)
    if terms is None:
        verdict.mismatches.append(f"the configuration has no policy {decision.policy}")
    else:
        _shares_again(decision, terms, stored, verdict)
    _unit_again(event, stored.router, verdict)
    return verdict


def _terms(router: Router, decision: Decision, ruled: Ruled) -> Terms | None:
    """The terms of the route that the manifest names."""
    if not decision.policy:
        return terms_room.own_terms(router)
    if ruled.feature_rule is not None:
        return terms_room.fixed(router, router.feature_based.rules[ruled.feature_rule].model)
    policy = next((one for one in router.policies if one.name == decision.policy), None)
    return terms_room.policy_terms(router, policy)[0] if policy is not None else None


def _shares_again(decision: Decision, terms: Terms, stored: Stored, verdict: Verdict) -> None:
    recorded = [one.probability for one in decision.candidates]
    if [one.variant for one in decision.candidates] != list(terms.variants):
        verdict.mismatches.append("the configuration has other variants than the manifest")
        return
    if lacking := _lacking(decision, terms, stored):
        verdict.unknown.append(f"the allocation: {lacking}")
        return
    if terms.strategy == "bandit":
        verdict.mismatches.extend(_hopes_again(decision, stored))
    found = shares(terms, _known(decision, terms, stored))
    if list(found.allocation) != recorded:
        verdict.mismatches.append(
            f"the shares come out as {found.allocation}, recorded are {tuple(recorded)}"
        )
        return
    if found.by_default != (decision.mode == manifest.DECISION_MODE_DEFAULT and not _unruled(terms)):
        verdict.mismatches.append("the default model answers in one of them only")
    drawn = terms.variants[place_of(decision, list(found.allocation))]
    if drawn != (decision.displaced or decision.variant):
        verdict.mismatches.append(f"the draw leads to {drawn}")


def _hopes_again(decision: Decision, stored: Stored) -> list[str]:
    """Scores of a contextual bandit, computed again from its context and what was published."""
    contexts = contexts_of(stored.router, stored.learnt if decision.versions.learner else None)
    if contexts is None:
        return []
    found = scores_of(contexts.linear, decision.context)
    recorded = {one.variant: one.score for one in decision.candidates if one.HasField("score")}
    # Two machines may add up in different orders.
    of_these = {one.variant: found[one.variant] for one in decision.candidates if one.variant in found}
    if of_these.keys() == recorded.keys() and all(
        math.isclose(score, recorded[name], abs_tol=1e-9) for name, score in of_these.items()
    ):
        return []
    return [f"the scores come out as {found}, recorded are {recorded}"]


def _unruled(terms: Terms) -> bool:
    # Of feature rules, the default is the strategy's own.
    return terms.strategy == "feature_based"


def _lacking(decision: Decision, terms: Terms, stored: Stored) -> str:
    wanted = decision.versions.learner if terms.strategy == "bandit" else 0
    if wanted and (stored.learnt is None or stored.learnt.version != wanted):
        return f"rewards of version {wanted} are not kept"
    if terms.strategy in ("best_metric", "cost_aware") and stored.metrics is None:
        return f"metrics of version {decision.versions.metrics} are not kept"
    return ""


def _known(decision: Decision, terms: Terms, stored: Stored) -> Known:
    candidates = decision.candidates
    learnt = stored.learnt if decision.versions.learner else None
    measured = {}
    for one in candidates:
        # Its score is the cost that was gone by: declared, where none was measured.
        price = one.score if terms.strategy == "cost_aware" and one.HasField("score") else None
        metrics = (stored.metrics or {}).get(one.model)
        measured[one.variant] = terms_room.measured_of(metrics, price)
    scores: dict[str, float] = {}
    if terms.strategy in AT_THE_MOMENT or (terms.strategy == "bandit" and decision.context):
        scores = {one.variant: one.score for one in candidates if one.HasField("score")}
        if decision.HasField("request_score"):
            scores[""] = decision.request_score
    return Known(
        healthy=[one.eligible for one in candidates],
        learnt=terms_room.learnt_of(stored.router, learnt),
        measured=measured,
        scores=scores,
        now=decision.time.ToNanoseconds(),
    )


def _unit_again(event: PredictionEvent, router: Router, verdict: Verdict) -> None:
    decision = event.manifest.decision
    sticky = router.stickiness.enabled and bool(event.entity_id)
    if sticky != (decision.draw == manifest.DRAW_SOURCE_RENDEZVOUS):
        verdict.mismatches.append("the entity is hashed in one of them only")
        return
    if decision.held and not router.stickiness.pin:
        verdict.mismatches.append("an entity holds its variant, and the configuration pins none")
    if sticky:
        salt = router.stickiness.salt or router.uid
        if (decision.salt, decision.unit_hash) != (salt, unit_hash(event.entity_id, key_of(salt))):
            verdict.mismatches.append("the entity's hash comes out otherwise")
