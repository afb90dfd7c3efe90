"""How members work together, out of its messages."""

from collections.abc import Sequence as Several

from turnout.router.v1 import ensemble_pb2
from turnout.router.v1.strategy_pb2 import LAUNCH_STAGED, EnsembleStrategy, Launch

from services.aggregator.checks.verifier import Verifier
from services.aggregator.errors import Problems
from services.aggregator.plan import (
    MIN_CONFIDENCE,
    BestOfN,
    Jury,
    MixtureOfN,
    Pattern,
    Sequence,
    Specialists,
)
from services.aggregator.voices import Helper, Member
from services.aggregator.wire.checks import check_text, read_check
from services.aggregator.wire.graphs import read_graph
from services.aggregator.wire.recipes import CASCADE, METHODS
from services.aggregator.wire.voices import read_helper

PATH = "plan.ensemble"
MOST_ROUNDS = 10


def read_pattern(given: EnsembleStrategy, members: Several[Member], problems: Problems) -> Pattern:
    """The pattern that is given; the cascade with its defaults where the aggregation asks for it; a jury
    where nothing does."""
    if given.launch not in Launch.values():
        offered = ", ".join(Launch.keys()[1:])
        problems[f"{PATH}.launch"] = f"one of {offered} expected, got {given.launch}"
    kind = given.WhichOneof("pattern")
    by_method = METHODS.get(given.aggregation) == CASCADE
    if by_method and kind not in (None, CASCADE):
        problems[f"{PATH}.aggregation"] = f"cascade is a pattern of its own, and goes with no {kind}"
    match kind:
        case "judge":
            return _judge(given.judge, members, f"{PATH}.judge", problems)
        case "specialists":
            return read_graph(given.specialists, members, f"{PATH}.specialists", problems)
        case "best_of_n":
            best = given.best_of_n
            rubric = check_text(best.rubric, f"{PATH}.best_of_n.rubric", problems)
            judge = read_helper(best.judge, f"{PATH}.best_of_n.judge", problems)
            return BestOfN(judge, rubric, best.fixed_order)
        case "mixture_of_n":
            mixture = given.mixture_of_n
            told = check_text(mixture.instruction, f"{PATH}.mixture_of_n.instruction", problems)
            fuser = read_helper(mixture.fuser, f"{PATH}.mixture_of_n.fuser", problems)
            return MixtureOfN(fuser, told, mixture.fixed_order)
    if kind == CASCADE or by_method:
        return _cascade(given.cascade, members, f"{PATH}.cascade", problems)
    return Jury(staged=given.launch == LAUNCH_STAGED)


def helpers_of(pattern: Pattern) -> tuple[Helper, ...]:
    """The models that a pattern asks beside the members."""
    match pattern:
        case Sequence(check=check) if check is not None and isinstance(check.kind, Verifier):
            return (check.kind.helper,)
        case BestOfN(judge=judge):
            return (judge,)
        case MixtureOfN(fuser=fuser):
            return (fuser,)
        case Jury() | Sequence() | Specialists():
            return ()


def _cascade(
    given: ensemble_pb2.Cascade, members: Several[Member], path: str, problems: Problems
) -> Sequence:
    order = _order(given.order, members, path, problems)
    asked = len(members) if order is None else len(order)
    sure = given.min_confidence if given.HasField("min_confidence") else None
    if sure is not None and not 0 <= sure <= 1:
        problems[f"{path}.min_confidence"] = f"a confidence from 0 to 1 expected, got {sure:g}"
    agreement = given.agreement if given.HasField("agreement") else None
    if agreement is not None and not 2 <= agreement <= max(asked, 2):
        problems[f"{path}.agreement"] = f"2 to {asked}, the number of members, expected; got {agreement}"
    check = read_check(given.check, f"{path}.check", problems) if given.HasField("check") else None
    if sure is None and agreement is None and not given.HasField("check"):
        sure = MIN_CONFIDENCE
    last = _serve_last(given.on_exhausted, True, path, problems)
    return Sequence(CASCADE, order, max(asked, 1), sure, agreement, check, last)


def _judge(given: ensemble_pb2.Judge, members: Several[Member], path: str, problems: Problems) -> Sequence:
    order = _order(given.order, members, path, problems)
    order = tuple(range(len(members))) if order is None else order
    rounds = given.max_rounds if given.HasField("max_rounds") else len(order)
    if given.HasField("max_rounds") and not 1 <= rounds <= MOST_ROUNDS:
        problems[f"{path}.max_rounds"] = f"1 to {MOST_ROUNDS} expected, got {rounds}"
    check = read_check(given.check, f"{path}.check", problems)
    last = _serve_last(given.on_exhausted, False, path, problems)
    return Sequence("judge", order, rounds, check=check, serve_last=last, tell_reason=given.tell_reason)


def _order(
    given: Several[str], members: Several[Member], path: str, problems: Problems
) -> tuple[int, ...] | None:
    """Indices of the members that are named; None where none is."""
    places = {member.variant: index for index, member in enumerate(members)}
    for index, name in enumerate(given):
        if name not in places:
            problems[f"{path}.order[{index}]"] = f"one of {', '.join(places)} expected, got '{name}'"
        elif name in given[:index]:
            problems[f"{path}.order[{index}]"] = f"'{name}' is named twice"
    return tuple(places[name] for name in given if name in places) or None


def _serve_last(given: int, default: bool, path: str, problems: Problems) -> bool:
    if given not in ensemble_pb2.Exhausted.values():
        offered = ", ".join(ensemble_pb2.Exhausted.keys()[1:])
        problems[f"{path}.on_exhausted"] = f"one of {offered} expected, got {given}"
    return default if not given else given == ensemble_pb2.EXHAUSTED_SERVE_LAST
