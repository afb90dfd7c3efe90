"""Who names a variant, and which field the caller wrote of what is wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from turnout.router.v1.router_pb2 import Router, Variant

from services.foundation.errors import TurnoutError
from services.router.config.defaults import with_defaults
from services.router.config.mentions import mentions
from services.router.config.problems import renamed
from services.state.names import id_of

# What is said of a variant that nobody wrote is said of the model's name, or of the id made from it.
TAKEN_IN = re.compile(r"router\.variants\[(\d+)\]\.(?:model|id)$")


def references(router: Router, variant: Variant) -> list[str]:
    """Paths of the fields that name the variant, by its id or by its model."""
    known = {variant.id, variant.model, id_of(variant.model)}
    return [one.path for one in mentions(router) if one.named in known]


@contextmanager
def as_written(given: Router) -> Iterator[None]:
    """Let a refusal name the fields of `given`, as it was before its defaults: a model that a strategy names
    is a variant too, and nobody wrote that."""
    try:
        yield
    except TurnoutError as wrong:
        raise renamed(wrong, partial(_as_written, given)) from wrong


def _as_written(given: Router, field: str) -> str:
    found = TAKEN_IN.match(field)
    variants = with_defaults(given).variants
    if found is None or not len(given.variants) <= int(found[1]) < len(variants):
        return field
    model = id_of(variants[int(found[1])].model)
    return next((f"router.{one.path}" for one in mentions(given) if id_of(one.named) == model), field)
