"""The checks of a graph of steps: every reference leads to something, and none back to itself.

References are input, input.COLUMN, STEP, STEP.label, STEP.confidence, STEP.probabilities.LABEL, STEP.value,
STEP.text and STEP#/JSON/POINTER; in templates they stand in braces.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from turnout.router.v1.ensemble_pb2 import Specialists, Step
from turnout.router.v1.model_pb2 import FEATURE_KIND_NUMERIC

from services.router.config.answers import check_text, wrong_pointer
from services.router.config.combining import WORDLESS, either, kind_of, labels_of, may_have
from services.router.config.confidences import tells_confidence
from services.router.config.panels import Panel
from services.router.config.problems import Problems

MOST_STEPS = 32
INPUT = "input"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
NAME_RULE = f"1 to 64 letters, digits and _, beginning with no digit, and not {INPUT}"
# What a reference begins with, and what of it is meant.
NAMED = re.compile(r"([^.#]*)([.#]?)(.*)", re.DOTALL)
PARTS = ("label", "confidence", "value", "text")
# Only what looks like a reference is one: the braces of JSON in a prompt need no escaping.
PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:[.#][^{}]*)?)\}")


def check_graph(panel: Panel, problems: Problems) -> None:
    """Everything about the pattern specialists."""
    given, field = panel.given.specialists, f"{panel.field}.specialists"
    if not 1 <= len(given.steps) <= MOST_STEPS:
        problems.add(f"{field}.steps", f"1 to {MOST_STEPS} steps, got {len(given.steps)}")
        return
    places = _places(given, field, problems)
    needs = [
        _step(step, places, panel, f"{field}.steps[{place}]", problems)
        for place, step in enumerate(given.steps)
    ]
    output = places.get(given.output, len(given.steps) - 1)
    if given.output and given.output not in places:
        problems.add(f"{field}.output", f"one of {_some(places)}; got {given.output[:100]!r}")
    if given.steps[output].optional:
        problems.add(f"{field}.steps[{output}].optional", "false: its answer is the reply")
    _ways(given, needs, output, field, problems)


def wrong_reference(text: str, steps: Mapping[str, int]) -> str:
    """What is wrong with a reference among these steps; empty if nothing is.

    >>> wrong_reference("draft.probabilities.spam", {"draft": 0})
    ''
    >>> wrong_reference("draft.colour", {"draft": 0})
    'label, confidence, value, text or probabilities.LABEL after draft., got colour'
    """
    name, sign, rest = NAMED.fullmatch(text).groups()  # type: ignore[union-attr]
    if name != INPUT and name not in steps:
        return f"a reference begins with {INPUT} or the name of a step ({_some(steps)}); got {text[:100]!r}"
    if sign == "#":
        said = wrong_pointer(rest)
        return f"a JSON pointer after {name}#: {said}" if said else ""
    if not sign:
        return ""
    if name == INPUT:
        return "" if rest else f"a column after {INPUT}."
    part, _, label = rest.partition(".")
    if (part == "probabilities" and label) or (part in PARTS and not label):
        return ""
    return f"{', '.join(PARTS)} or probabilities.LABEL after {name}., got {rest[:100]}"


def _places(given: Specialists, field: str, problems: Problems) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, step in enumerate(given.steps):
        here = f"{field}.steps[{place}].name"
        if not NAME.fullmatch(step.name) or step.name == INPUT:
            problems.add(here, f"{NAME_RULE}; got {step.name[:100]!r}")
        elif step.name in places:
            problems.add(here, f"{step.name} is used twice")
        places.setdefault(step.name, place)
    return places


def _step(
    step: Step, places: Mapping[str, int], panel: Panel, field: str, problems: Problems
) -> frozenset[int]:
    """The steps that it waits for."""
    if step.variant not in panel.ids:
        said = f"one of the enabled members, {_some(panel.ids)}; got {step.variant[:100]!r}"
        problems.add(f"{field}.variant", said)
    if step.template and step.columns:
        problems.add(f"{field}.columns", "either a template or columns, not both")
    check_text(step.template, f"{field}.template", problems)
    for where, said in _unread(step, panel):
        problems.add(f"{field}.{where}", said)
    found = set()
    for where, text in _named(step, field):
        if said := wrong_reference(text, places) or _unanswered(text, places, panel):
            problems.add(where, said)
        found.add(places.get(re.split("[.#]", text, maxsplit=1)[0], -1))
    return frozenset(found - {-1})


def _unread(step: Step, panel: Panel) -> Iterator[tuple[str, str]]:
    """What the step's model cannot be asked: a field of the step, and what would be right."""
    model = panel.by_id.get(step.variant)
    if model is None:
        return
    columns = bool(model.signature.features)
    if step.template and columns:
        yield "template", f"columns, which {model.name} reads; a template is a text"
    if step.columns and not columns:
        reads = "declares no columns in its signature; a template can ask it"
        yield "columns", f"a template or nothing: {model.name} {reads}"
    numeric = {one.name for one in model.signature.features if one.kind == FEATURE_KIND_NUMERIC}
    for column, text in sorted(step.columns.items()):
        if column in numeric and text.partition(".")[2] in ("label", "text"):
            said = f"a number, which {model.name} reads there; got {text[:100]}"
            yield f"columns['{column[:100]}']", said


def _unanswered(text: str, places: Mapping[str, int], panel: Panel) -> str:
    """Why the step that a reference names never answers what it speaks of; empty where it may."""
    name, sign, rest = NAMED.fullmatch(text).groups()  # type: ignore[union-attr]
    if name == INPUT:
        return ""
    variant = panel.given.specialists.steps[places[name]].variant
    model = panel.by_id.get(variant)
    part, _, label = ("json", "", "") if sign == "#" else rest.partition(".")
    if model is None:
        return ""
    who = f"{name}, which {variant} ({model.name}) does, answers {kind_of(model)}"
    if part in ("confidence", "probabilities") and not tells_confidence(model):
        return f"{who} and tells no {part}; got {text[:100]}"
    if label and (labels := labels_of(model)) and label not in labels:
        return f"{who}: {either(labels[:10])} after {name}.probabilities., got {label[:100]!r}"
    if not sign and kind_of(model) in WORDLESS:
        return f"{who}, which no template can quote; got {text[:100]}"
    return "" if may_have(panel, model, part) else f"{who}, where there is no {part}; got {text[:100]}"


def _named(step: Step, field: str) -> Iterator[tuple[str, str]]:
    for text in dict.fromkeys(PLACE.findall(step.template)):
        yield f"{field}.template", text
    for column, text in sorted(step.columns.items()):
        yield f"{field}.columns['{column[:100]}']", text


def _ways(
    given: Specialists, needs: Sequence[frozenset[int]], output: int, field: str, problems: Problems
) -> None:
    """No step waits for itself, and every step leads to the answer."""
    done: set[int] = set()
    while rest := [place for place in range(len(needs)) if place not in done]:
        free = [place for place in rest if needs[place] <= done]
        if not free:
            names = ", ".join(given.steps[place].name for place in rest)
            problems.add(f"{field}.steps", f"a graph without cycles; {names} wait for each other")
            return
        done.update(free)
    wanted, left = {output}, [output]
    while left:
        new = needs[left.pop()] - wanted
        wanted |= new
        left += new
    answer = given.steps[output].name
    for place, step in enumerate(given.steps):
        if place not in wanted:
            said = f"leads nowhere: {answer} answers, and does not need {step.name}"
            problems.add(f"{field}.steps[{place}]", said)


def _some(names: Mapping[str, int] | Sequence[str]) -> str:
    shown = list(names)[:10]
    return ", ".join(one[:64] for one in shown) + (", …" if len(names) > 10 else "")
