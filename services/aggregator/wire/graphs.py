"""Steps out of their messages: every reference leads to something, and none back to itself."""

from collections.abc import Sequence

from turnout.router.v1 import ensemble_pb2

from services.aggregator.errors import Problems
from services.aggregator.plan import Specialists, Step
from services.aggregator.pointers import compiled
from services.aggregator.references import (
    INPUT,
    NAME,
    POINTER,
    BadReference,
    Reference,
    Template,
    parse,
    template,
)
from services.aggregator.voices import Member
from services.aggregator.wire.checks import check_text

MOST_STEPS = 32


def read_graph(
    given: ensemble_pb2.Specialists, members: Sequence[Member], path: str, problems: Problems
) -> Specialists:
    """Whatever is wrong goes to `problems`, by the path of the field."""
    if not 1 <= len(given.steps) <= MOST_STEPS:
        problems[f"{path}.steps"] = f"1 to {MOST_STEPS} steps expected, got {len(given.steps)}"
        return Specialists((), 0)
    places = _places(given, path, problems)
    steps = tuple(
        _step(step, places, members, f"{path}.steps[{index}]", problems)
        for index, step in enumerate(given.steps)
    )
    output = len(steps) - 1
    if given.output:
        output = places.get(given.output, output)
        if given.output not in places:
            problems[f"{path}.output"] = f"one of {', '.join(places)} expected, got '{given.output}'"
    if steps[output].optional:
        problems[f"{path}.steps[{output}].optional"] = "false expected: its answer is the reply"
    _check_ways(steps, output, path, problems)
    return Specialists(steps, output)


def _places(given: ensemble_pb2.Specialists, path: str, problems: Problems) -> dict[str, int]:
    places: dict[str, int] = {}
    for index, step in enumerate(given.steps):
        if not NAME.fullmatch(step.name) or step.name == INPUT:
            said = f"1 to 64 letters, digits and _ that begin with no digit, and not {INPUT}, expected"
            problems[f"{path}.steps[{index}].name"] = f"{said}; got '{step.name[:80]}'"
        elif step.name in places:
            problems[f"{path}.steps[{index}].name"] = f"'{step.name}' is used twice"
        else:
            places[step.name] = index
    return places


def _step(
    given: ensemble_pb2.Step,
    places: dict[str, int],
    members: Sequence[Member],
    path: str,
    problems: Problems,
) -> Step:
    known = [member.variant for member in members]
    if given.variant not in known:
        problems[f"{path}.variant"] = f"one of {', '.join(known)} expected, got '{given.variant}'"
    if given.template and given.columns:
        problems[f"{path}.columns"] = "either a template or columns expected, got both"
    filled = _template(given.template, f"{path}.template", problems) if given.template else None
    columns = {
        name: reference
        for name, text in given.columns.items()
        if (reference := _reference(text, f"{path}.columns['{name}']", problems)) is not None
    }
    named = [(f"{path}.template", one) for one in (filled.references if filled is not None else ())]
    named += [(f"{path}.columns['{name}']", one) for name, one in columns.items()]
    needs = set()
    for where, reference in named:
        if reference.step == INPUT:
            continue
        if reference.step not in places:
            problems[where] = f"{INPUT} or one of {', '.join(places)} expected, got '{reference}'"
        else:
            needs.add(places[reference.step])
    member = known.index(given.variant) if given.variant in known else 0
    return Step(given.name, member, filled, columns, given.optional, tuple(sorted(needs)))


def _template(text: str, path: str, problems: Problems) -> Template | None:
    try:
        found = template(check_text(text, path, problems))
        for reference in found.references:
            _check_pointer(reference)
    except (BadReference, ValueError) as wrong:
        problems[path] = str(wrong)
        return None
    return found


def _reference(text: str, path: str, problems: Problems) -> Reference | None:
    try:
        found = parse(text)
        _check_pointer(found)
    except (BadReference, ValueError) as wrong:
        problems[path] = str(wrong)
        return None
    return found


def _check_pointer(reference: Reference) -> None:
    if reference.part == POINTER:
        compiled(reference.rest)


def _check_ways(steps: Sequence[Step], output: int, path: str, problems: Problems) -> None:
    """No step waits for itself, and every step leads to the answer."""
    done: set[int] = set()
    while rest := [index for index in range(len(steps)) if index not in done]:
        free = [index for index in rest if done.issuperset(steps[index].needs)]
        if not free:
            # Those that only wait for a cycle are named with it: it is the same mistake.
            names = ", ".join(steps[index].name for index in rest)
            problems[f"{path}.steps"] = f"steps that do not wait for each other expected; {names} do"
            return
        done.update(free)
    needed, left = {output}, [output]
    while left:
        new = set(steps[left.pop()].needs) - needed
        needed |= new
        left += new
    for index in range(len(steps)):
        if index not in needed:
            said = (
                f"it leads nowhere: '{steps[output].name}' answers, and does not need '{steps[index].name}'"
            )
            problems[f"{path}.steps[{index}]"] = said
