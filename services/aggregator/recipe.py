"""How answers are combined: a method, what it weighs by, and what it needs besides the answers."""

from dataclasses import dataclass, replace

import numpy as np

from services.aggregator.answers import Floats
from services.aggregator.learnt import Learnt
from services.aggregator.tolerance import EXACT, Tolerance
from services.aggregator.weights import WeightSource


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What single methods read; the others pass over it.

    `by_field`: json_majority votes on every field by itself. `tolerance`: numbers in structures that
    json_majority takes as the same. `vectors` [ballots, dimension]: semantic_mean's embeddings of the
    answers, in the order of the ballots. `learnt`: stacking's meta-model.
    """

    by_field: bool = False
    tolerance: Tolerance = EXACT
    vectors: Floats | None = None
    learnt: Learnt | None = None


DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Recipe:
    """A name in COMBINERS; what it weighs by (None: the method's default); its options."""

    method: str = "average"
    source: WeightSource | None = None
    options: Options = DEFAULTS

    def without(self, ballot: int) -> "Recipe":
        """The recipe for the same ballots but the one at this index."""
        if self.options.vectors is None:
            return self
        rest = np.delete(self.options.vectors, ballot, axis=0)
        return replace(self, options=replace(self.options, vectors=rest))


PLAIN = Recipe()
