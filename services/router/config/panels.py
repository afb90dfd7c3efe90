"""The ensembles of a router, its own and its policies': who sits in them, and the models that help them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from turnout.router.v1.ensemble_pb2 import Check, Helper
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router, Variant
from turnout.router.v1.strategy_pb2 import (
    AGGREGATION_METHOD_CASCADE,
    AGGREGATION_METHOD_STACKING,
    EnsembleStrategy,
)

VERIFIER, JUDGE, FUSER, EMBEDDER, META = "verifier", "judge", "fuser", "embedder", "meta-model"
# Of the others one answer is the reply: no quorum, no combiner, and nobody is asked twice for the same.
ALL_ANSWER = ("", "best_of_n", "mixture_of_n")
IN_ORDER = ("cascade", "judge")


class Helping(NamedTuple):
    """A helper, what it does, and the field that names it."""

    path: str
    role: str
    helper: Helper


@dataclass(frozen=True, slots=True)
class Panel:
    """An ensemble at a field of its router; `title` is what sentences call it. `members` are the enabled
    variants that it asks, `everybody` the ids of all variants; `models` are those that are known in full, as
    variants and helpers spell them."""

    field: str
    title: str
    given: EnsembleStrategy
    members: Sequence[Variant]
    everybody: Collection[str]
    models: Mapping[str, Model]

    @property
    def ids(self) -> list[str]:
        """Of the members."""
        return [one.id for one in self.members]

    @property
    def pattern(self) -> str:
        """Name of the pattern; empty for a jury."""
        return pattern_of(self.given)

    @property
    def asked(self) -> Sequence[Variant]:
        """The members that may be asked at all: whom the order of a cascade or a judge leaves out is not."""
        order = getattr(self.given, self.pattern).order if self.pattern in IN_ORDER else ()
        return [one for one in self.members if one.id in order] if order else self.members

    @property
    def known(self) -> list[tuple[Variant, Model]]:
        """The members whose models are known, with these."""
        return [(one, self.models[one.model]) for one in self.members if one.model in self.models]

    @property
    def by_id(self) -> dict[str, Model]:
        """The same by the members' ids."""
        return {one.id: model for one, model in self.known}

    @property
    def helpers(self) -> Iterator[Helping]:
        """Who helps it."""
        return helpers_of(self.given, self.field)


def pattern_of(given: EnsembleStrategy) -> str:
    """How members work together, by its field; empty for a jury."""
    if given.aggregation == AGGREGATION_METHOD_CASCADE:
        return given.WhichOneof("pattern") or "cascade"
    return given.WhichOneof("pattern") or ""


def ensembles_in(router: Router) -> Iterator[tuple[str, str, EnsembleStrategy]]:
    """Every ensemble, with its field and what sentences call it."""
    if router.HasField("ensemble"):
        yield "router.ensemble", "The ensemble", router.ensemble
    for place, policy in enumerate(router.policies):
        if policy.HasField("ensemble"):
            title = f"The ensemble of policy {policy.name}"
            yield f"router.policies[{place}].ensemble", title, policy.ensemble


def panels_in(router: Router, models: Mapping[str, Model]) -> Iterator[Panel]:
    """The same with who sits in them; `models` as variants and helpers spell them."""
    everybody = [one.id for one in router.variants]
    for field, title, given in ensembles_in(router):
        yield Panel(field, title, given, seated(given, router), everybody, models)


def seated(given: EnsembleStrategy, router: Router) -> list[Variant]:
    """The members that are enabled, in declared order."""
    return [one for one in router.variants if one.enabled and (not given.members or one.id in given.members)]


def indispensable(given: EnsembleStrategy, members: Sequence[Variant]) -> list[str]:
    """Ids of those whom nobody can stand in for: each has a step of its own, or columns of a registered
    meta-model."""
    if pattern_of(given) == "specialists":
        return list(dict.fromkeys(step.variant for step in given.specialists.steps))
    return [one.id for one in members] if has_columns(given) else []


def has_columns(given: EnsembleStrategy) -> bool:
    """Whether a registered meta-model reads its members: each is a column of it, or several."""
    stacking = given.aggregation == AGGREGATION_METHOD_STACKING and given.stacking.HasField("model")
    return stacking and not pattern_of(given)


def helpers_in(router: Router) -> Iterator[Helping]:
    """The helpers of all its ensembles."""
    for field, _, given in ensembles_in(router):
        yield from helpers_of(given, field)


def helpers_of(given: EnsembleStrategy, field: str) -> Iterator[Helping]:
    """The helpers of an ensemble at `field`."""
    if given.stacking.HasField("model"):
        yield Helping(f"{field}.stacking.model", META, given.stacking.model)
    if given.HasField("semantic_mean"):
        yield Helping(f"{field}.semantic_mean.embedder", EMBEDDER, given.semantic_mean.embedder)
    yield from _checking(given.cascade.check, f"{field}.cascade")
    yield from _checking(given.judge.check, f"{field}.judge")
    if given.HasField("best_of_n"):
        yield Helping(f"{field}.best_of_n.judge", JUDGE, given.best_of_n.judge)
    if given.HasField("mixture_of_n"):
        yield Helping(f"{field}.mixture_of_n.fuser", FUSER, given.mixture_of_n.fuser)


def _checking(check: Check, path: str) -> Iterator[Helping]:
    if check.HasField("verifier"):
        yield Helping(f"{path}.check.verifier.helper", VERIFIER, check.verifier.helper)
