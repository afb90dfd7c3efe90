"""Aliases of models, such as churn@champion: how they are written, and what they stand for."""

from collections.abc import Iterable, Mapping

from turnout.router.v1.router_pb2 import Router, Variant

from services.state.names import ID, ID_RULE, BadName, id_of

MOST_ALIASES = 32


def alias_name(given: str, own_id: str, field: str) -> str:
    """`churn@champion`, or `champion` of a model with that id, as `churn@champion`. Raises BadName.

    >>> alias_name("champion", "churn", "alias"), alias_name("models/churn@champion", "other", "alias")
    ('churn@champion', 'churn@champion')
    """
    bare = given.removeprefix("models/")
    base, at, alias = bare.rpartition("@")
    base = base if at else own_id
    if not (ID.fullmatch(base) and ID.fullmatch(alias)):
        said = f"must be {{base}}@{{alias}} or {{alias}}, each {ID_RULE}; got {given[:100]!r}"
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


def settle(router: Router, aliases: Mapping[str, str]) -> bool:
    """Note beside each alias what it stands for. Returns whether that is news."""
    news = False
    for variant in router.variants:
        stands_for = resolve(variant.model, aliases) if "@" in variant.model else ""
        news = news or variant.resolved_model != stands_for
        variant.resolved_model = stands_for
    return news


def follow(router: Router, aliases: Mapping[str, str]) -> None:
    """The same as a change of a stored router."""
    settle(router, aliases)


def resolved(router: Router) -> Router:
    """The router as plans are made of it, each variant naming its model itself; the same if none is an
    alias."""
    if not any(variant.resolved_model for variant in router.variants):
        return router
    made = Router()
    made.CopyFrom(router)
    for variant in made.variants:
        variant.model = model_of(variant)
    return made


def uses(router: Router, aliases: Iterable[str]) -> bool:
    """Whether a variant is named by one of the aliases."""
    named = set(aliases)
    return any("@" in variant.model and id_of(variant.model) in named for variant in router.variants)


def held(aliases: Mapping[str, str], model: str) -> list[str]:
    """The aliases that a model has, in order."""
    return sorted(alias for alias, holder in aliases.items() if holder == model)
