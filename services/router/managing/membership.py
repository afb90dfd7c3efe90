"""Variants that join a router, and variants that leave it."""

from collections.abc import Collection

from turnout.router.v1.router_pb2 import Router, Variant

from services.foundation.errors import FailedPrecondition, TurnoutError
from services.router.config.checks import LEAST_ENABLED
from services.router.config.defaults import with_defaults
from services.router.config.mentions import call_by_ids
from services.router.config.naming import models_called
from services.router.config.problems import InvalidConfiguration, renamed
from services.router.config.references import references
from services.router.config.validate import validate
from services.router.managing.changes import TooFewVariants, find_variant, recheck


class VariantInUse(FailedPrecondition):
    """Something in the router still names the variant."""

    reason = "VARIANT_IN_USE"


def add_variant(router: Router, variant: Variant, models: Collection[str]) -> None:
    """Append a variant. `models` are the names that lead somewhere.

    Raises InvalidConfiguration or ModelNotFound, in the words of AddVariant.
    """
    if not variant.model:
        said = "is required: write models/{id} or {id}"
        raise InvalidConfiguration(f"variant.model: {said}", fields=[("variant.model", said)])
    place = len(router.variants)
    present = models_called(router)
    # Before there are two that a name could mean: it means who has it by now.
    call_by_ids(router)
    router.variants.add().CopyFrom(variant)
    router.CopyFrom(with_defaults(router))
    own = f"router.variants[{place}]"
    try:
        validate(router, present | set(models))
    except TurnoutError as wrong:
        raise renamed(wrong, lambda field: field.replace(own, "variant", 1)) from None


def remove_variant(router: Router, variant: str) -> None:
    """Take a variant out. Raises UnknownVariant, VariantInUse, TooFewVariants."""
    leaving = find_variant(router, variant, "variant")
    if named := references(router, leaving):
        said = f"{router.name} names {variant} in {', '.join(named[:5])}; change that first"
        raise VariantInUse(
            said,
            fields=[("variant", f"one that {named[0]} does not name")],
            router=router.name,
            variant=variant,
        )
    router.variants.remove(leaving)
    left = sum(one.enabled for one in router.variants)
    if left < LEAST_ENABLED:
        said = (
            f"{router.name} would be left with {left} enabled variant; at least {LEAST_ENABLED} stay enabled"
        )
        raise TooFewVariants(
            said, fields=[("variant", "add or enable another one first")], router=router.name
        )
    recheck(router, "variant")
