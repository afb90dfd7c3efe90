"""Bandits: their defaults, their checks, and advice on them."""

import math
from collections.abc import Iterator, Mapping

from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.model_pb2 import FEATURE_KIND_NUMERIC, Model
from turnout.router.v1.router_pb2 import REDACTION_FULL, REDACTION_UNSPECIFIED, Router

from services.router.config.problems import Problems
from services.router.config.spans import check_span
from services.router.execution.redacting import INPUT
from services.state import bandits
from services.state.names import ID, ID_RULE

LONGEST_WINDOW = 100_000
# A regression of d dimensions is d² numbers per variant, which every replica reads.
MOST_CONTEXT = 16
MOST_PRIOR_REWARDS = 100_000
MOST_BURN_IN = 10_000
SHORTEST_DELAY, LONGEST_DELAY = 1.0, 400 * 86_400.0
# Beyond, squares and inverses are no numbers any more: no allocation is made, or no router can be loaded.
LEAST_NUMBER, MOST_NUMBER = 1e-9, 1e12
# What is left of a reward at the end of a discounted window, from which on its end is noticed.
FAINT = 0.01
KNOWN = frozenset(strategy.BanditAlgorithm.values()) - {strategy.BANDIT_ALGORITHM_UNSPECIFIED}
ONE_HOT = frozenset(
    {
        strategy.BANDIT_ALGORITHM_UCB1,
        strategy.BANDIT_ALGORITHM_KL_UCB,
        strategy.BANDIT_ALGORITHM_UCB_TUNED,
        strategy.BANDIT_ALGORITHM_LIN_UCB,
    }
)


def fill(bandit: strategy.BanditStrategy) -> None:
    """Write out every default that applies."""
    bandit.algorithm = bandit.algorithm or strategy.BANDIT_ALGORITHM_EPSILON_GREEDY
    bandit.window = bandit.window or strategy.REWARD_WINDOW_LAST_N_PER_ARM
    bandit.reward_metric = bandit.reward_metric or bandits.REWARD_METRIC
    defaults = {
        "exploration_rate": bandits.exploration_of(bandit.algorithm),
        "reward_window": bandits.REWARD_WINDOW,
        "floor": 0.0,
        "cap": 1.0,
        "ucb_exploration": bandits.UCB_EXPLORATION,
        "discount": bandits.DISCOUNT,
        "burn_in": bandits.BURN_IN,
        "burn_in_floor": bandits.BURN_IN_FLOOR,
        "burn_in_cap": bandits.BURN_IN_CAP,
        "cost_weight": 0.0,
    }
    if bandit.algorithm == strategy.BANDIT_ALGORITHM_LIN_UCB:
        defaults |= {"linear_exploration": bandits.LINEAR_EXPLORATION, "ridge": bandits.RIDGE}
    for name, value in defaults.items():
        if not bandit.HasField(name):
            setattr(bandit, name, value)
    if not bandit.HasField("reward_delay"):
        bandit.reward_delay.FromSeconds(int(bandits.REWARD_DELAY_SECONDS))
    for prior in bandit.priors:
        if not prior.HasField("rewards"):
            prior.rewards = bandits.PRIOR_REWARDS


def check(router: Router, problems: Problems) -> None:
    """Everything about a bandit, which has its defaults."""
    bandit, enabled = router.bandit, sum(one.enabled for one in router.variants)
    if bandit.algorithm not in KNOWN:
        offered = ", ".join(strategy.BanditAlgorithm.Name(one) for one in sorted(KNOWN))
        problems.add("router.bandit.algorithm", f"one of {offered}; got {bandit.algorithm}")
    _bounds(bandit, enabled, problems)
    _memory(bandit, problems)
    measured = {metric.name for metric in router.metrics} | {bandits.REWARD_METRIC}
    if bandit.reward_metric not in measured:
        offered = f"accuracy, or a name among router.metrics; got {bandit.reward_metric[:100]!r}"
        problems.add("router.bandit.reward_metric", offered)
    for name in ("ucb_exploration", "cost_weight", "linear_exploration"):
        _number(bandit, name, 0.0, problems)
    for name in ("reward_scale", "ridge"):
        if bandit.HasField(name):
            _number(bandit, name, LEAST_NUMBER, problems)
    _context(router, problems)
    _linear(router, problems)
    _priors(router, problems)


def _bounds(bandit: strategy.BanditStrategy, enabled: int, problems: Problems) -> None:
    for name in ("exploration_rate", "burn_in_floor", "burn_in_cap"):
        given = getattr(bandit, name)
        if not 0 <= given <= 1:
            problems.add(f"router.bandit.{name}", f"0 to 1, got {given:g}")
    if not (bandit.floor >= 0 and bandit.floor * enabled <= 1):
        problems.add(
            "router.bandit.floor", f"0 to 1/{enabled} for {enabled} enabled variants, got {bandit.floor:g}"
        )
    # Without variants that is what is wrong, and not the bounds of their shares.
    if enabled and not (bandit.cap <= 1 and bandit.cap * enabled >= 1 and bandit.cap >= bandit.floor):
        problems.add(
            "router.bandit.cap", f"1/{enabled} to 1 for {enabled} enabled variants, got {bandit.cap:g}"
        )
    if not 0 <= bandit.burn_in <= MOST_BURN_IN:
        problems.add("router.bandit.burn_in", f"0 to {MOST_BURN_IN} pulls, got {bandit.burn_in}")


def _memory(bandit: strategy.BanditStrategy, problems: Problems) -> None:
    if not 1 <= bandit.reward_window <= LONGEST_WINDOW:
        problems.add("router.bandit.reward_window", f"1 to {LONGEST_WINDOW}, got {bandit.reward_window}")
    if not 0 < bandit.discount <= 1:
        problems.add("router.bandit.discount", f"above 0, at most 1, got {bandit.discount:g}")
    elif bandit.discount < 1 and bandit.algorithm in UNDISCOUNTED:
        told = f"left out: {strategy.BanditAlgorithm.Name(bandit.algorithm)} forgets in a way of its own"
        problems.add("router.bandit.discount", told)
    check_span(bandit.reward_delay, "router.bandit.reward_delay", SHORTEST_DELAY, LONGEST_DELAY, problems)


def _number(bandit: strategy.BanditStrategy, name: str, least: float, problems: Problems) -> None:
    given = getattr(bandit, name)
    if not least <= given <= MOST_NUMBER:
        problems.add(f"router.bandit.{name}", f"{least:g} to {MOST_NUMBER:g}, got {given:g}")


def _context(router: Router, problems: Problems) -> None:
    bandit, field = router.bandit, "router.bandit.context_features"
    if not (bandit.context_features or bandit.algorithm == strategy.BANDIT_ALGORITHM_LIN_UCB):
        return
    names, linear = list(bandit.context_features), bandit.algorithm == strategy.BANDIT_ALGORITHM_LIN_UCB
    if linear != bool(names):
        told = f"1 to {MOST_CONTEXT} names: linear UCB has nothing else to go by"
        problems.add(field, told if linear else "left out: only BANDIT_ALGORITHM_LIN_UCB looks at the input")
    if len(names) > MOST_CONTEXT:
        problems.add(field, f"at most {MOST_CONTEXT}, got {len(names)}")
    if len(set(names)) < len(names) or not all(names):
        problems.add(field, "each name once, none empty")
    for name, scale in sorted(bandit.context_scales.items()):
        at = f"router.bandit.context_scales[{name[:100]!r}]"
        if name not in names:
            problems.add(at, "a name among context_features")
        elif not LEAST_NUMBER <= scale <= MOST_NUMBER:
            problems.add(at, f"{LEAST_NUMBER:g} to {MOST_NUMBER:g}, got {scale:g}")


def _linear(router: Router, problems: Problems) -> None:
    """What linear UCB cannot do, and what it has to read again in the log."""
    bandit = router.bandit
    if bandit.algorithm != strategy.BANDIT_ALGORITHM_LIN_UCB:
        return
    if bandit.cost_weight:
        problems.add("router.bandit.cost_weight", "left out: linear UCB counts no costs")
    if bandit.priors:
        problems.add("router.bandit.priors", "left out: linear UCB begins with its ridge")
    for word in (INPUT, *bandit.context_features):
        if router.log.redact.get(word, REDACTION_FULL) not in (REDACTION_UNSPECIFIED, REDACTION_FULL):
            told = f"names of features that are logged; log.redact hides {word[:100]!r}"
            problems.add("router.bandit.context_features", told)


def _priors(router: Router, problems: Problems) -> None:
    known, seen = {one.id for one in router.variants}, set[str]()
    if len(router.bandit.priors) > len(router.variants):
        problems.add("router.bandit.priors", "at most one per variant")
        return
    metric = next((one for one in router.metrics if one.name == router.bandit.reward_metric), None)
    low = metric.min_value if metric and metric.HasField("min_value") else 0.0
    high = metric.max_value if metric and metric.HasField("max_value") else 1.0
    for place, prior in enumerate(router.bandit.priors):
        field = f"router.bandit.priors[{place}]"
        if prior.variant not in known:
            problems.add(f"{field}.variant", f"{prior.variant[:100]!r} is no variant of this router")
        elif prior.variant in seen:
            problems.add(f"{field}.variant", f"{prior.variant} has a prior already")
        seen.add(prior.variant)
        if not 1 <= prior.rewards <= MOST_PRIOR_REWARDS:
            problems.add(f"{field}.rewards", f"1 to {MOST_PRIOR_REWARDS}, got {prior.rewards}")
        origin = prior.WhichOneof("origin")
        if origin is None:
            problems.add(field, "needs mean, or from")
        elif origin == "mean" and not low <= prior.mean <= high:
            problems.add(f"{field}.mean", f"within {low:g} and {high:g}, got {prior.mean:g}")
        elif origin == "from" and not ID.fullmatch(getattr(prior, "from")):
            problems.add(f"{field}.from", f"must be {ID_RULE}, got {getattr(prior, 'from')[:100]!r}")
        elif origin == "from" and getattr(prior, "from") == prior.variant:
            problems.add(f"{field}.from", "another variant than the one that has the prior")


# What only some algorithms look at, and what it is where nobody wrote it.
_SOME = {
    "ucb_exploration": (bandits.UCB_EXPLORATION, {strategy.BANDIT_ALGORITHM_UCB1}),
    "linear_exploration": (bandits.LINEAR_EXPLORATION, {strategy.BANDIT_ALGORITHM_LIN_UCB}),
    "ridge": (bandits.RIDGE, {strategy.BANDIT_ALGORITHM_LIN_UCB}),
    "reward_scale": (None, {strategy.BANDIT_ALGORITHM_THOMPSON_GAUSSIAN}),
}
UNDISCOUNTED = frozenset(
    {strategy.BANDIT_ALGORITHM_THOMPSON_CHANGE_DETECTION, strategy.BANDIT_ALGORITHM_LIN_UCB}
)


def advice(router: Router, models: Mapping[str, Model]) -> Iterator[str]:
    """Sentences about a bandit that may not do what its owner hopes."""
    bandit = router.bandit
    if not router.HasField("bandit"):
        return
    explores = bandit.exploration_rate or bandit.floor
    if bandit.algorithm == strategy.BANDIT_ALGORITHM_EPSILON_GREEDY and not explores:
        yield (
            "The bandit never explores (exploration_rate 0, floor 0): a variant that starts badly is never "
            "tried again."
        )
    if bandit.algorithm in ONE_HOT and not explores:
        yield (
            "The bandit gives everything to one variant at a time and has no floor: what another policy "
            "would have earned cannot be estimated from its log (EvaluatePolicy refuses)."
        )
    if bandit.discount < 1 and (left := bandit.discount**bandit.reward_window) > FAINT:
        yield (
            f"A reward still counts {left:.2f} when it leaves the window: discount {bandit.discount:g} wants "
            f"a reward_window of {math.ceil(math.log(FAINT) / math.log(bandit.discount))} or more."
        )
    yield from _unheeded(bandit)
    yield from _unknown_origins(router)
    yield from _unseen(router, models)


def _unheeded(bandit: strategy.BanditStrategy) -> Iterator[str]:
    for name, (usual, heeding) in _SOME.items():
        written = bandit.HasField(name) and getattr(bandit, name) != usual
        if written and bandit.algorithm not in heeding:
            yield f"{strategy.BanditAlgorithm.Name(bandit.algorithm)} does not look at {name}."


def _unknown_origins(router: Router) -> Iterator[str]:
    known = {one.id for one in router.variants}
    for prior in router.bandit.priors:
        origin = getattr(prior, "from")
        if origin and origin not in known:
            yield (
                f"{prior.variant} begins with what {origin} earned, which is no variant of this router now: "
                "unless it was one, that is nothing."
            )


def _unseen(router: Router, models: Mapping[str, Model]) -> Iterator[str]:
    signatures = [models[one.model].signature for one in router.variants if one.model in models]
    numeric = {
        feature.name for one in signatures for feature in one.features if feature.kind == FEATURE_KIND_NUMERIC
    }
    if signatures and all(one.features for one in signatures):
        for name in router.bandit.context_features:
            if name not in numeric:
                yield f"No variant reads a number {name[:100]!r}: linear UCB sees 0 where it is not sent."
