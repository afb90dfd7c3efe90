"""From what the arms of routers earned to the probability of each: many routers at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np

from services.feedback.policies import SCORES, newcomer
from services.feedback.policies.allocation import NotAllotted, bounded, wanted
from services.feedback.policies.arms import Floats
from services.feedback.policies.earned import Earned, arms_of
from services.feedback.policies.learning import Learning
from services.feedback.rules import Rules
from services.feedback.windows import WindowSum
from services.state.arm_states import ArmTotals

NOTHING, NO_TOTALS = WindowSum(0, 0), ArmTotals()


class Account(NamedTuple):
    """What is known of a router's arms: rewards that are remembered, those of their lives, draws whose reward
    is waited for, and what a prediction of each is declared to cost."""

    rules: Rules
    remembered: Mapping[str, WindowSum]
    lives: Mapping[str, ArmTotals]
    pending: Mapping[str, float] = {}
    costs: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Allotted:
    """By variant of the configuration: its probability; of the enabled ones also what the policy goes by, how
    many rewards it counts, and their sum in millionths. newcomers: of whom too little is known."""

    shares: Mapping[str, float]
    scores: Mapping[str, float] = field(default_factory=dict)
    counted: Mapping[str, WindowSum] = field(default_factory=dict)
    newcomers: frozenset[str] = frozenset()


Refusal: TypeAlias = ArithmeticError | KeyError | ValueError


def allot(account: Account) -> Allotted:
    """The allocation of one router that learns.

    Raises KeyError for an algorithm that is not in the table, ValueError for bounds that cannot be met, where
    no variant is enabled, and where the probabilities of being best are off.
    """
    (found,) = allot_all([account])
    if isinstance(found, Allotted):
        return found
    raise found


def allot_all(accounts: Sequence[Account]) -> list[Allotted | Refusal]:
    """The allocation of each router, or why there is none. Routers that learn alike are computed together:
    what an integral costs is mostly the calls, not the numbers."""
    alike: dict[tuple[Learning, int, bool], list[int]] = {}
    found: list[Allotted | Refusal] = [NotAllotted("no arm is enabled, so nothing can be allotted")] * len(
        accounts
    )
    for place, (rules, *_) in enumerate(accounts):
        enabled = sum(rules.enabled.values())
        if rules.learning is not None and enabled:
            alike.setdefault((rules.learning, enabled, rules.reward.minimize), []).append(place)
    for (learning, _, minimize), places in alike.items():
        some = [accounts[place] for place in places]
        try:
            results: Sequence[Allotted | Refusal] = _alike(learning, minimize, some)
        except (ArithmeticError, KeyError, ValueError) as refused:
            # Numbers that nobody can have earned must not cost those who learn alike.
            results = [refused] if len(some) == 1 else [allot_all([one])[0] for one in some]
        for place, result in zip(places, results, strict=True):
            found[place] = result
    return found


def _alike(learning: Learning, minimize: bool, some: Sequence[Account]) -> list[Allotted | Refusal]:
    names = [[arm for arm, on in account.rules.enabled.items() if on] for account in some]
    counted = [_with_priors(account, learning) for account in some]
    cost = None
    if learning.cost_weight:
        cost = learning.cost_weight * _table(names, [account.costs for account in some])
    arms = arms_of(_earned(some, names, counted), minimize, cost)
    shares, scores = wanted(arms, learning), SCORES[learning.algorithm](arms, learning)
    new = newcomer.unknown(arms, learning)
    rows = zip(some, names, counted, shares, scores, new, strict=True)
    return [_allotted(learning, *row) for row in rows]


def _allotted(
    learning: Learning,
    account: Account,
    names: Sequence[str],
    counted: Mapping[str, WindowSum],
    shares: Floats,
    scores: Floats,
    new: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> Allotted | Refusal:
    try:
        held = dict(zip(names, bounded(shares, learning), strict=True))
    except ValueError as refused:
        return refused
    return Allotted(
        {arm: held.get(arm, 0.0) for arm in account.rules.enabled},
        dict(zip(names, scores.tolist(), strict=True)),
        {arm: counted.get(arm, NOTHING) for arm in names},
        frozenset(arm for arm, is_new in zip(names, new, strict=True) if is_new),
    )


def _with_priors(account: Account, learning: Learning) -> Mapping[str, WindowSum]:
    """What is remembered, and what arms were given to start with."""
    if not learning.priors:
        return account.remembered
    counted = dict(account.remembered)
    for prior in learning.priors:
        given = WindowSum(prior.rewards, prior.rewards * prior.units)
        if prior.former:
            former = account.remembered.get(prior.former, NOTHING)
            share = min(1.0, prior.rewards / former.n) if former.n else 0.0
            given = WindowSum(former.n * share, former.sum * share)
        own = counted.get(prior.arm, NOTHING)
        counted[prior.arm] = WindowSum(own.n + given.n, own.sum + given.sum)
    return counted


def _earned(
    some: Sequence[Account], names: Sequence[Sequence[str]], counted: Sequence[Mapping[str, WindowSum]]
) -> Earned:
    places = [(row, arm) for row, arms in enumerate(names) for arm in arms]
    kept = [counted[row].get(arm, NOTHING) for row, arm in places]
    lives = [some[row].lives.get(arm, NO_TOTALS) for row, arm in places]
    table = np.array(
        [(own.n, own.sum, life.n, life.sum, life.squares) for own, life in zip(kept, lives, strict=True)],
        dtype=float,
    )
    n, total, life_n, life_sum, squares = table.T.reshape(5, len(some), -1)
    return Earned(n, total, life_n, life_sum, squares, _table(names, [one.pending for one in some]))


def _table(names: Sequence[Sequence[str]], values: Sequence[Mapping[str, float]]) -> Floats:
    rows = [[known.get(arm, 0.0) for arm in arms] for arms, known in zip(names, values, strict=True)]
    return np.array(rows, dtype=float)
