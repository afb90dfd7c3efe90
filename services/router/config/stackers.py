"""The checks of a meta-model that was learnt: its numbers fit together, and the members' answers to it."""

import math

from turnout.router.v1.ensemble_pb2 import LearntStacker

from services.router.config.combining import CLASSES, NUMBERS, either, kind_of, labels_of
from services.router.config.panels import Panel
from services.router.config.problems import Problems


def check_learnt(given: LearntStacker, panel: Panel, field: str, problems: Problems) -> None:
    """Everything about it."""
    for name in ("members", "labels"):
        listed: list[str] = list(getattr(given, name))
        if len(set(listed)) < len(listed):
            problems.add(f"{field}.{name}", "each one once")
    if not given.members:
        problems.add(f"{field}.members", "at least one")
    picked = panel.given.members or panel.everybody
    for place, member in enumerate(given.members):
        if member not in picked:
            said = f"{member[:100]!r} is no member of this ensemble"
            problems.add(f"{field}.members[{place}]", said)
    if said := _fitted_on_others(given, panel):
        problems.add(f"{field}.labels", said)
    outputs = len(given.labels) or 1
    columns = len(given.members) * outputs
    for name, wanted, why in (
        ("coefficients", outputs * columns, f"{outputs} outputs x {columns} columns"),
        ("intercepts", outputs, "one per output"),
        ("fill", columns, "one per column, or none"),
    ):
        found: list[float] = list(getattr(given, name))
        if len(found) != wanted and (found or name != "fill"):
            problems.add(f"{field}.{name}", f"{wanted} numbers, {why}; got {len(found)}")
        elif not all(map(math.isfinite, found)):
            problems.add(f"{field}.{name}", "finite numbers")


def _fitted_on_others(given: LearntStacker, panel: Panel) -> str:
    """Why it can do nothing with what some member answers; empty where it may."""
    for variant, model in panel.known:
        kind, who = kind_of(model), f"{variant.id} ({model.name})"
        if kind == NUMBERS and given.labels:
            return f"none: {who} answers numbers; a meta-model of labels was not fitted on it"
        if kind == CLASSES and not given.labels:
            return f"the labels that it was fitted on: {who} answers labels"
        labels = labels_of(model)
        if kind == CLASSES and labels and not {*labels} & {*given.labels}:
            return f"some of {either(labels[:10])}, which {who} answers; got {given.labels[0][:100]!r}"
    return ""
