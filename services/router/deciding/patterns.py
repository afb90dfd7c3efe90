"""What an ensemble will do with its members, in words: of a decision before anybody is asked."""

from collections.abc import Callable

from turnout.router.v1.ensemble_pb2 import Cascade, Check, Judge
from turnout.router.v1.strategy_pb2 import LAUNCH_STAGED, EnsembleStrategy

from services.router.config.panels import pattern_of


def told(ensemble: EnsembleStrategy, whom: str) -> str:
    """A sentence; `whom` says how many.

    >>> told(EnsembleStrategy(cascade={"min_confidence": 0.8}), "all 3")
    'all 3 members may be asked, the cheapest first, until an answer has a confidence of 0.8'
    """
    return TOLD[pattern_of(ensemble)](ensemble, whom)


def _jury(ensemble: EnsembleStrategy, whom: str) -> str:
    if ensemble.launch == LAUNCH_STAGED:
        return f"{whom} members may be asked, first as many as can settle it"
    return f"{whom} members {_are(whom)} asked"


def _cascade(ensemble: EnsembleStrategy, whom: str) -> str:
    given, wanted = ensemble.cascade, []
    if given.HasField("min_confidence"):
        wanted.append(f"an answer has a confidence of {given.min_confidence:g}")
    if given.HasField("agreement"):
        wanted.append(f"{given.agreement} have given the same answer")
    if given.HasField("check"):
        wanted.append(_checked(given.check))
    return f"{whom} members may be asked, {_order(given, 'the cheapest first')}, until {' and '.join(wanted)}"


def _judge(ensemble: EnsembleStrategy, whom: str) -> str:
    given = ensemble.judge
    rounds = f", in at most {given.max_rounds} rounds" if given.HasField("max_rounds") else ""
    order = _order(given, "as they are declared")
    return f"{whom} members may be asked, {order}, until {_checked(given.check)}{rounds}"


def _specialists(ensemble: EnsembleStrategy, whom: str) -> str:
    steps = ensemble.specialists.steps
    done = ", ".join(f"{step.name} by {step.variant}" for step in steps)
    output = ensemble.specialists.output or steps[-1].name
    return f"{whom} members have a part in {len(steps)} steps ({done}), and {output} answers"


def _best(ensemble: EnsembleStrategy, whom: str) -> str:
    judge = ensemble.best_of_n.judge.model
    picks = f"{judge} picks one of their answers, unless they are all the same"
    return f"{whom} members {_are(whom)} asked, and {picks}"


def _mixture(ensemble: EnsembleStrategy, whom: str) -> str:
    fuser = ensemble.mixture_of_n.fuser.model
    return f"{whom} members {_are(whom)} asked, and {fuser} makes one answer of theirs"


def _are(whom: str) -> str:
    return "is" if whom.startswith("1 of ") else "are"


def _order(given: Cascade | Judge, default: str) -> str:
    return ", then ".join(given.order) or default


def _checked(check: Check) -> str:
    match check.WhichOneof("kind"):
        case "verifier":
            return f"{check.verifier.helper.model} accepts an answer"
        case "json_schema":
            return "an answer meets the JSON schema"
    return f"{check.cel} holds of an answer"


TOLD: dict[str, Callable[[EnsembleStrategy, str], str]] = {
    "": _jury,
    "cascade": _cascade,
    "judge": _judge,
    "specialists": _specialists,
    "best_of_n": _best,
    "mixture_of_n": _mixture,
}
