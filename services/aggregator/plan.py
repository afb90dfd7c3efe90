"""Who is asked, how they work together, and how the answers become one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from turnout.router.v1.overrides_pb2 import Overrides

from services.aggregator.checks.check import Check
from services.aggregator.extraction import Extraction
from services.aggregator.recipe import Recipe
from services.aggregator.references import Reference, Template
from services.aggregator.voices import Helper, Member, Voice

# As many as a router has variants.
MOST_MEMBERS = 64
FULL_PANEL_FRACTION = 0.05
MIN_CONFIDENCE = 0.8


@dataclass(frozen=True, slots=True)
class Jury:
    """Everybody answers. `staged`: the few that can settle it first, then the rest."""

    staged: bool = False
    name: ClassVar[str] = "jury"


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other until an answer will do: a cascade, or a judge.

    `order`: indices of members, None for the cheapest first. What is None is not asked of an answer.
    `serve_last`: what is answered when nobody's answer will do.
    """

    name: str
    order: tuple[int, ...] | None
    rounds: int
    min_confidence: float | None = None
    agreement: int | None = None
    check: Check | None = None
    serve_last: bool = True
    tell_reason: bool = False

    def asked(self, members: int) -> int:
        """How many of the plan's members are asked at most."""
        return members if self.order is None else len(self.order)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a graph, done by the member at that index; `needs` are the indices of the steps that it
    refers to."""

    name: str
    member: int
    template: Template | None
    columns: Mapping[str, Reference]
    optional: bool
    needs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Specialists:
    """Steps in declared order, their needs without cycles. `output` is the index of the step that answers."""

    steps: tuple[Step, ...]
    output: int
    name: ClassVar[str] = "specialists"


@dataclass(frozen=True, slots=True)
class BestOfN:
    """All answer, `judge` picks one."""

    judge: Helper
    rubric: str
    fixed_order: bool = False
    name: ClassVar[str] = "best_of_n"


@dataclass(frozen=True, slots=True)
class MixtureOfN:
    """All answer, `fuser` makes one answer of theirs."""

    fuser: Helper
    instruction: str
    fixed_order: bool = False
    name: ClassVar[str] = "mixture_of_n"


Pattern = Jury | Sequence | Specialists | BestOfN | MixtureOfN


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that can be run: `quorum` is between 1 and the number of members.

    `full_fraction`: share of the requests that ask everyone although a few would settle it. `max_cost`: in
    the currency of the first priced member. `retries`: of one member, after failures that may pass.
    `samples`: answers drawn from each member. `helpers`: every model that is no member. `partial`: the router
    has more members than these, and leaves some out.
    """

    members: tuple[Member, ...]
    recipe: Recipe
    quorum: int
    warnings: tuple[str, ...] = ()
    pattern: Pattern = Jury()
    full_fraction: float = FULL_PANEL_FRACTION
    max_cost: float | None = None
    retries: int = 1
    samples: int = 1
    extraction: Extraction | None = None
    sampling: Overrides | None = None
    embedder: Helper | None = None
    meta: Helper | None = None
    helpers: tuple[Helper, ...] = ()
    partial: bool = False

    @property
    def voices(self) -> tuple[Voice, ...]:
        """Everybody who may be asked."""
        return (*self.members, *self.helpers)


def majority(members: int) -> int:
    """The quorum that applies where none is given: more than half.

    >>> [majority(members) for members in (1, 2, 3, 4)]
    [1, 2, 2, 3]
    """
    return members // 2 + 1
