"""How members work together. Each pattern's file exports `async run(plan, session) -> Decided`.

A pattern asks through the session, which keeps the account, and says what came of it. Raises what the caller
got wrong before anybody is called; QuorumNotMet, NotAccepted and CannotCombine where there is no answer.
"""

from collections.abc import Awaitable, Callable

from services.aggregator.patterns import best_of_n, graph, jury, mixture_of_n, sequence
from services.aggregator.patterns.decided import Decided
from services.aggregator.plan import Plan
from services.aggregator.session import Session

Run = Callable[[Plan, Session], Awaitable[Decided]]

PATTERNS: dict[str, Run] = {
    "jury": jury.run,
    "cascade": sequence.run,
    "judge": sequence.run,
    "specialists": graph.run,
    "best_of_n": best_of_n.run,
    "mixture_of_n": mixture_of_n.run,
}

__all__ = ["PATTERNS", "Decided", "Run"]
