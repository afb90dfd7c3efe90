"""The checks of how members work together: who is asked in which order, until what, and who looks at it."""

from collections.abc import Callable, Sequence

from turnout.router.v1.ensemble_pb2 import Cascade, Check, CheckFailure, Exhausted, Judge, Verifier

from services.foundation.nesting import DEEPEST_VERDICT
from services.router.config.answers import (
    check_condition,
    check_pointer,
    check_schema,
    check_text,
    wrong_pointer,
)
from services.router.config.combining import either, kind_of, never_meets
from services.router.config.confidences import COUNTED
from services.router.config.graphs import check_graph
from services.router.config.panel_defaults import ACCEPT_POINTER
from services.router.config.panels import Panel
from services.router.config.problems import Problems
from services.router.config.verifiers import nothing_there

LEAST_AGREEMENT = 2
MOST_ROUNDS = 10


def check_pattern(panel: Panel, problems: Problems) -> None:
    """Everything about the pattern of an ensemble, if it has one. Its helpers are checked with the others."""
    PATTERNS.get(panel.pattern, _none)(panel, problems)


def _none(panel: Panel, problems: Problems) -> None:
    """A jury has nothing of its own."""


def _cascade(panel: Panel, problems: Problems) -> None:
    given, field = panel.given.cascade, f"{panel.field}.cascade"
    asked = _order(given, panel, field, problems)
    if given.HasField("min_confidence") and not 0 <= given.min_confidence <= 1:
        problems.add(f"{field}.min_confidence", f"0 to 1, got {given.min_confidence:g}")
    if given.HasField("agreement") and not LEAST_AGREEMENT <= given.agreement <= asked:
        said = f"{LEAST_AGREEMENT} to {asked}, the number of members that it asks; got {given.agreement}"
        problems.add(f"{field}.agreement", said)
    elif given.HasField("agreement") and (said := _never_agree(panel)):
        problems.add(f"{field}.agreement", said)
    if given.HasField("check"):
        _check(given.check, f"{field}.check", panel, problems)
    _exhausted(given, field, problems)


def _never_agree(panel: Panel) -> str:
    """Why no two members ever say the same; empty where they may."""
    kinds = {kind_of(model) for _, model in panel.known}
    if not kinds or len(panel.known) < len(panel.members) or kinds & {*COUNTED}:
        return ""
    said = f"the members answer {either(sorted(kinds))}, of which no two are the same"
    return f"left out: {said}; use min_confidence or check"


def _judge(panel: Panel, problems: Problems) -> None:
    given, field = panel.given.judge, f"{panel.field}.judge"
    _order(given, panel, field, problems)
    if given.HasField("max_rounds") and not 1 <= given.max_rounds <= MOST_ROUNDS:
        problems.add(f"{field}.max_rounds", f"1 to {MOST_ROUNDS}, got {given.max_rounds}")
    if given.HasField("check"):
        _check(given.check, f"{field}.check", panel, problems)
    else:
        problems.add(f"{field}.check", "is required: a verifier, a json_schema or a cel condition")
    _exhausted(given, field, problems)


def _best(panel: Panel, problems: Problems) -> None:
    check_text(panel.given.best_of_n.rubric, f"{panel.field}.best_of_n.rubric", problems)


def _mixture(panel: Panel, problems: Problems) -> None:
    check_text(panel.given.mixture_of_n.instruction, f"{panel.field}.mixture_of_n.instruction", problems)


PATTERNS: dict[str, Callable[[Panel, Problems], None]] = {
    "cascade": _cascade,
    "judge": _judge,
    "specialists": check_graph,
    "best_of_n": _best,
    "mixture_of_n": _mixture,
}


def _order(given: Cascade | Judge, panel: Panel, field: str, problems: Problems) -> int:
    """How many are asked. One that is disabled is left out until it is enabled again."""
    named: Sequence[str] = given.order
    picked = set(panel.given.members)
    for place, one in enumerate(named):
        here = f"{field}.order[{place}]"
        if one in named[:place]:
            problems.add(here, f"{one[:100]} is named twice")
        elif one not in panel.everybody or (picked and one not in picked):
            problems.add(here, f"{one[:100]!r} is no member of this ensemble")
    if not named:
        return len(panel.members)
    asked = len(set(named) & set(panel.ids))
    if not asked:
        problems.add(f"{field}.order", "at least one member that is enabled")
    return asked


def _exhausted(given: Cascade | Judge, field: str, problems: Problems) -> None:
    if given.on_exhausted not in Exhausted.values():
        said = f"EXHAUSTED_FAIL or EXHAUSTED_SERVE_LAST, got {int(given.on_exhausted)}"
        problems.add(f"{field}.on_exhausted", said)


def _check(given: Check, field: str, panel: Panel, problems: Problems) -> None:
    if given.on_failure not in CheckFailure.values():
        said = f"CHECK_FAILURE_REJECT or CHECK_FAILURE_ACCEPT, got {int(given.on_failure)}"
        problems.add(f"{field}.on_failure", said)
    match given.WhichOneof("kind"):
        case "verifier":
            _verifier(given.verifier, f"{field}.verifier", problems)
        case "json_schema":
            check_schema(given.json_schema, f"{field}.json_schema", problems)
            if said := never_meets(panel, "json"):
                problems.add(f"{field}.json_schema", f"{said}; use cel or a verifier")
        case "cel":
            for name in sorted(check_condition(given.cel, f"{field}.cel", problems)):
                if said := never_meets(panel, name):
                    problems.add(f"{field}.cel", f"reads {name}, and {said}")
        case _:
            problems.add(field, "needs one of verifier, json_schema and cel")


def _verifier(given: Verifier, field: str, problems: Problems) -> None:
    check_text(given.rubric, f"{field}.rubric", problems)
    check_pointer(given.accept_pointer, f"{field}.accept_pointer", problems)
    if given.accept_pointer not in ("", ACCEPT_POINTER) and not given.HasField("verdict_schema"):
        said = f"needs verdict_schema: a verdict without one has {ACCEPT_POINTER} only"
        problems.add(f"{field}.accept_pointer", said)
    if given.HasField("verdict_schema"):
        told = len(problems.wrong)
        check_schema(given.verdict_schema, f"{field}.verdict_schema", problems, DEEPEST_VERDICT)
        check_pointed = len(problems.wrong) == told and not wrong_pointer(given.accept_pointer)
        if check_pointed and (said := nothing_there(given)):
            problems.add(f"{field}.verdict_schema", said)
    if given.HasField("min_score") and not 0 <= given.min_score <= 1:
        problems.add(f"{field}.min_score", f"0 to 1, got {given.min_score:g}")
