"""Where a router names one of its variants, beside the list of them: found, and stored as ids."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from turnout.router.v1.router_pb2 import Policy, Router

from services.router.config.problems import Problems
from services.state.names import id_of


class Mention(NamedTuple):
    """A name at `path` of the router: a field of `owner`, or an entry of one."""

    path: str
    owner: Any
    field: str
    place: int | None = None

    @property
    def named(self) -> str:
        """What is written there."""
        found = getattr(self.owner, self.field)
        return str(found if self.place is None else found[self.place])

    def write(self, name: str) -> None:
        """Write another name there."""
        if self.place is None:
            setattr(self.owner, self.field, name)
        else:
            getattr(self.owner, self.field)[self.place] = name


def variant_named(router: Router, named: str) -> str | None:
    """The id of the variant that is called so, or whose model is, as models/{id} or {id}; None if none is."""
    if any(one.id == named for one in router.variants):
        return named
    return next((one.id for one in router.variants if id_of(one.model) == id_of(named)), None)


def mentions(router: Router) -> Iterator[Mention]:
    """All of them, also those that are empty."""
    yield from _strategy(router)
    yield from _each("fallback.variants", router.fallback, "variants")
    yield from _each("mirror.variants", router.mirror, "variants")
    yield Mention("default_model", router, "default_model")
    for place, policy in enumerate(router.policies):
        yield from _policy(f"policies[{place}]", policy)


def call_by_ids(router: Router) -> None:
    """Write the id of the one variant that is meant by its model, in place: another one that joins later must
    not take its name. What names several, or none, stays as it is written."""
    for one, ids in _by_model(router):
        if len(ids) == 1:
            one.write(ids[0])


def check(router: Router, problems: Problems) -> None:
    """Names that could mean several variants."""
    for one, ids in _by_model(router):
        if len(ids) > 1:
            said = f"the id of one variant: {one.named[:100]} is the model of {', '.join(ids[:5])}"
            problems.add(f"router.{one.path}", said)


def _by_model(router: Router) -> Iterator[tuple[Mention, list[str]]]:
    """Names that are no variant's id, each with the ids of those whose model is called so."""
    known = {one.id for one in router.variants}
    found: dict[str, list[str]] = {}
    for variant in router.variants:
        found.setdefault(id_of(variant.model), []).append(variant.id)
    for one in mentions(router):
        if (named := one.named) and named not in known:
            yield one, found.get(id_of(named), [])


def _strategy(router: Router) -> Iterator[Mention]:
    yield from _fields("canary", router.canary, "baseline_model", "canary_model")
    yield from _fields("shadow", router.shadow, "primary")
    yield from _each("ensemble.members", router.ensemble, "members")
    yield from _fields("feature_based", router.feature_based, "default_model")
    for place, rule in enumerate(router.feature_based.rules):
        yield Mention(f"feature_based.rules[{place}].model", rule, "model")
    yield from _complexity("complexity", router.complexity)


def _policy(path: str, policy: Policy) -> Iterator[Mention]:
    yield Mention(f"{path}.variant", policy, "variant")
    yield from _each(f"{path}.subset.variants", policy.subset, "variants")
    yield from _each(f"{path}.ensemble.members", policy.ensemble, "members")
    yield from _each(f"{path}.strategy.variants", policy.strategy, "variants")
    yield from _complexity(f"{path}.strategy.complexity", policy.strategy.complexity)


def _complexity(path: str, strategy: Any) -> Iterator[Mention]:
    yield from _fields(path, strategy, "small", "large")
    for place, specialist in enumerate(strategy.specialists):
        yield Mention(f"{path}.specialists[{place}].variant", specialist, "variant")


def _fields(path: str, owner: Any, *fields: str) -> Iterable[Mention]:
    return [Mention(f"{path}.{field}", owner, field) for field in fields]


def _each(path: str, owner: Any, field: str) -> Iterable[Mention]:
    return [Mention(f"{path}[{place}]", owner, field, place) for place in range(len(getattr(owner, field)))]
