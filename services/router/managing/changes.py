"""Changes of a stored router. Each takes the stored copy, changes it in place, and leaves it valid."""

import math
from collections.abc import Mapping

from turnout.router.v1.router_pb2 import Router, Variant

from services.foundation.errors import FailedPrecondition, NotFound
from services.router.config.checks import LEAST_ENABLED
from services.router.config.naming import models_called
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate
from services.router.config.weighing import unread


class UnknownVariant(NotFound):
    """The router has no variant of that id."""

    reason = "VARIANT_NOT_FOUND"


class TooFewVariants(FailedPrecondition):
    """Fewer than two variants would stay enabled."""

    reason = "TOO_FEW_VARIANTS"


class LearntWeights(FailedPrecondition):
    """The router's weights are learnt, or not used; setting one would change nothing."""

    reason = "WRONG_STATE"


def set_weight(router: Router, variant: str, weight: float) -> None:
    """One weight; raises what `set_weights` raises, with the fields of UpdateVariantWeight."""
    _set_weight(router, find_variant(router, variant, "variant"), weight, "weight")
    recheck(router, "weight")


def set_weights(router: Router, weights: Mapping[str, float]) -> None:
    """Set weights, 0 to 100, by variant id. On a canary, the canary's weight is its percentage.

    Raises UnknownVariant, InvalidConfiguration, or LearntWeights where weights are not used.
    """
    if not weights:
        said = "is required: a weight by variant id"
        raise InvalidConfiguration(f"weights: {said}", fields=[("weights", said)])
    if router.HasField("canary") and len(weights) > 1 and sum(weights.values()) != 100:
        said = f"a canary's two weights add up to 100, got {sum(weights.values()):g}"
        raise InvalidConfiguration(f"weights: {said}", fields=[("weights", said)])
    for variant, weight in weights.items():
        field = f"weights[{variant[:100]!r}]"
        _set_weight(router, find_variant(router, variant, field), weight, field)
    recheck(router, "weights")


def _set_weight(router: Router, variant: Variant, weight: float, field: str) -> None:
    if router.HasField("bandit"):
        raise LearntWeights(
            f"{router.name} is a bandit: its weights are learnt from rewards", router=router.name
        )
    if (strategy := router.WhichOneof("strategy")) in ("round_robin", "random"):
        said = f"{strategy} gives each enabled variant the same share"
        raise LearntWeights(f"{router.name}: {said}", fields=[(field, said)], router=router.name)
    if not router.HasField("canary") and (said := unread(router)):
        raise LearntWeights(f"{router.name}: {said}", fields=[(field, said)], router=router.name)
    if not (math.isfinite(weight) and 0 <= weight <= 100):
        said = f"must be a number from 0 to 100, got {weight:g}"
        raise InvalidConfiguration(f"{field}: {said}", fields=[(field, said)])
    if router.HasField("canary"):
        _set_percentage(router, variant, weight)
    else:
        variant.weight = weight


def toggle(router: Router, variant: str, enabled: bool) -> None:
    """Enable or disable a variant. Raises UnknownVariant, or TooFewVariants."""
    find_variant(router, variant, "variant").enabled = enabled
    left = sum(one.enabled for one in router.variants)
    if left < LEAST_ENABLED:
        said = (
            f"{router.name} would be left with {left} enabled variant; at least {LEAST_ENABLED} stay enabled"
        )
        raise TooFewVariants(said, fields=[("enabled", "true, or another variant first")], router=router.name)
    recheck(router, "enabled")


def recheck(router: Router, blamed: str) -> None:
    """Check the whole again. Its models were registered when they were named; whether they still are is asked
    when it is deployed. What is wrong now is wrong because of `blamed`, the field that changed it.

    Raises InvalidConfiguration.
    """
    try:
        validate(router, models_called(router))
    except InvalidConfiguration as wrong:
        at, told = wrong.fields[0]
        said = f"would leave {at} wrong: {told}"
        raise InvalidConfiguration(f"{blamed}: {said}", fields=[(blamed, said)]) from None


def find_variant(router: Router, named: str, field: str) -> Variant:
    """The variant of an id. Raises UnknownVariant, or InvalidConfiguration for none, naming `field`."""
    if not named:
        raise InvalidConfiguration(f"{field}: is required", fields=[(field, "the id of a variant")])
    for variant in router.variants:
        if variant.id == named:
            return variant
    known = ", ".join(variant.id for variant in router.variants)
    said = f"{router.name} has no variant {named[:100]!r}; it has {known}"
    raise UnknownVariant(said, fields=[(field, f"one of {known}")], router=router.name)


def _set_percentage(router: Router, variant: Variant, weight: float) -> None:
    canary = router.canary
    if variant.id == canary.canary_model:
        canary.canary_percentage = weight
    elif variant.id == canary.baseline_model:
        canary.canary_percentage = 100 - weight
    else:
        raise LearntWeights(f"variant {variant.id} takes no part in the canary of {router.name}")
