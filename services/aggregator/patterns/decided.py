"""What comes of a plan, whatever its pattern."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout.inference.v1.output_pb2 import Output

from services.aggregator.answers import Verdict
from services.aggregator.recipe import Recipe
from services.aggregator.testimony import Vote
from services.foundation.errors import TurnoutError


@dataclass(slots=True)
class Decided:
    """An output, or the `error` why there is none.

    `votes` are those that were combined into `verdict`, if there is one. `complete`: nobody is missing whose
    part the plan foresaw. `rounds`: answers that were audited. `full`: everybody was asked and nobody was
    cut off.
    """

    output: Output | None = None
    error: TurnoutError | None = None
    votes: Sequence[Vote] = ()
    verdict: Verdict | None = None
    recipe: Recipe | None = None
    notes: list[str] = field(default_factory=list)
    complete: bool = True
    rounds: int = 0
    full: bool = False
    stopped_early: bool = False
