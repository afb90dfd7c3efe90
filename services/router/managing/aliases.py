"""Aliases of models, such as churn@champion: how they are written, and what they stand for."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from turnout.router.v1.router_pb2 import Router, Variant

from services.router.config.naming import aliases_read
from services.router.config.panels import helpers_in
from services.state.names import ID, ID_RULE, BadName, id_of

MOST_ALIASES = 32

M = TypeVar("M")


def alias_name(given: str, own_id: str, field: str) -> str:
    """`churn@champion`, or `champion` of a model with that id, as `churn@champion`; without an id only the
    former. Raises BadName.

    >>> alias_name("champion", "churn", "alias"), alias_name("models/churn@champion", "other", "alias")
    ('churn@champion', 'churn@champion')
    """
    bare = given.removeprefix("models/")
    base, at, alias = bare.rpartition("@")
    base = base if at else own_id
    if not (ID.fullmatch(base) and ID.fullmatch(alias)):
        form = "{base}@{alias} or {alias}" if own_id else "{base}@{alias}"
        said = f"must be {form}, each {ID_RULE}; got {given[:100]!r}"
        raise BadName(f"{field} {said}", fields=[(field, said)])
    return f"{base}@{alias}"


def resolve(named: str, aliases: Mapping[str, str]) -> str:
    """The model that a variant's `model` stands for: an alias' holder, empty if it has none, else itself.

    >>> resolve("models/churn@champion", {"churn@champion": "models/churn-v3"}), resolve("models/a", {})
    ('models/churn-v3', 'models/a')
    """
    return aliases.get(id_of(named), "") if "@" in named else named


def model_of(variant: Variant) -> str:
    """The model that answers for a stored variant."""
    return variant.resolved_model or variant.model


def called(router: Router, named: str) -> str:
    """The model that a helper of a stored router stands for."""
    return router.resolved_aliases.get(named) or named


def callees(router: Router) -> dict[str, str]:
    """Every model that a stored router may ask, of variants and of helpers, with the field that names it."""
    helpers = {called(router, one.helper.model): f"{one.path}.model" for one in helpers_in(router)}
    places = enumerate(router.variants)
    return helpers | {model_of(one): f"router.variants[{place}].model" for place, one in places}


def spelled(router: Router, models: Mapping[str, M]) -> dict[str, M]:
    """What is known of models by their names, by the names that variants and helpers spell."""
    names = {one.helper.model: called(router, one.helper.model) for one in helpers_in(router)}
    names |= {one.model: model_of(one) for one in router.variants}
    return {name: models[model] for name, model in names.items() if model in models}


def settle(router: Router, aliases: Mapping[str, str]) -> bool:
    """Note beside each alias of variants, helpers and conditions what it stands for. Returns whether that is
    news."""
    read = {named: resolve(named, aliases) for named in aliases_read(router)}
    news = read != dict(router.resolved_aliases)
    router.resolved_aliases.clear()
    router.resolved_aliases.update(read)
    for variant in router.variants:
        stands_for = resolve(variant.model, aliases) if "@" in variant.model else ""
        news = news or variant.resolved_model != stands_for
        variant.resolved_model = stands_for
    return news


def follow(router: Router, aliases: Mapping[str, str]) -> None:
    """The same as a change of a stored router."""
    settle(router, aliases)


def behind(router: Router, aliases: Mapping[str, str]) -> bool:
    """Whether an alias that the stored router names stands for another model by now."""
    seen = Router()
    seen.CopyFrom(router)
    return settle(seen, aliases)


def read_as(router: Router, named: str) -> str:
    """The model that a condition of a generation means: an alias is what it stood for then."""
    return router.resolved_aliases.get(named, named)


def resolved(router: Router) -> Router:
    """The router as plans are made of it, each variant and helper naming its model itself; the same if none
    is an alias."""
    helpers = [one.helper for one in helpers_in(router) if "@" in one.helper.model]
    if not helpers and not any(variant.resolved_model for variant in router.variants):
        return router
    made = Router()
    made.CopyFrom(router)
    for variant in made.variants:
        variant.model = model_of(variant)
    for one in helpers_in(made):
        one.helper.model = called(router, one.helper.model)
    return made


def uses(router: Router, aliases: Iterable[str]) -> bool:
    """Whether a variant or a helper is named by one of the aliases, or a condition reads one."""
    return not set(aliases).isdisjoint(aliases_named(router))


def aliases_named(router: Router) -> set[str]:
    """The aliases in variants, helpers and conditions, as {id}@{alias}."""
    variants = {id_of(variant.model) for variant in router.variants if "@" in variant.model}
    return variants | {id_of(named) for named in aliases_read(router)}


def held(aliases: Mapping[str, str], model: str) -> list[str]:
    """The aliases that a model has, in order."""
    return sorted(alias for alias, holder in aliases.items() if holder == model)
