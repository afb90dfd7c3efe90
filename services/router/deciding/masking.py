"""What health leaves of a router's variants."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router, Variant

from services.router.config.health import limits_of
from services.router.health.mask import Mask, Place, mask
from services.router.health.probe import Probe
from services.router.health.view import HealthView


class Masking(NamedTuple):
    """Whether each variant may be chosen, in their order, and by id why not; `note` is what explanations add
    where health is ignored."""

    allowed: tuple[bool, ...]
    reasons: Mapping[str, str]
    note: str = ""


def masked(router: Router, members: Sequence[tuple[Variant, Model]], health: HealthView) -> Masking:
    """Who may be chosen while the models that `health` names are out."""
    if not health.out:
        return ignoring(members)
    places = [Place(variant.id, model.name, variant.enabled) for variant, model in members]
    seen: Mask = mask(places, health.began, limits_of(router))
    if seen.panic:
        return ignoring(members, "; health is ignored: too few variants are healthy")
    reasons = _disabled(members)
    for place, allowed in zip(places, seen.allowed, strict=True):
        if place.enabled and not allowed:
            reasons[place.variant] = str(health.out[place.model])
    return Masking(seen.allowed, reasons)


def ignoring(members: Sequence[tuple[Variant, Model]], note: str = "") -> Masking:
    """Whoever is enabled may be chosen, healthy or not."""
    return Masking(tuple(variant.enabled for variant, _ in members), _disabled(members), note)


def probe_for(members: Sequence[tuple[Variant, Model]], health: HealthView) -> Probe | None:
    """The probe that a request of this router may make; of several, one after the other."""
    mine = (health.probes.get(model.name) for variant, model in members if variant.enabled)
    return next((probe for probe in mine if probe is not None), None)


def _disabled(members: Sequence[tuple[Variant, Model]]) -> dict[str, str]:
    return {variant.id: "disabled" for variant, _ in members if not variant.enabled}
