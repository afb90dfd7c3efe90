"""Who is asked, and how the answers become one."""

from dataclasses import dataclass

from turnout.router.v1.overrides_pb2 import Overrides

from services.aggregator.recipe import Recipe

# As many as a router has variants.
MOST_MEMBERS = 64


@dataclass(frozen=True, slots=True)
class Member:
    """One model of a plan. `variant` is unique in it; `timeout` in seconds; what is None was not declared.
    `overrides` have the member's own `threshold` among them."""

    variant: str
    model: str
    weight: float | None = None
    timeout: float | None = None
    threshold: float | None = None
    overrides: Overrides | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that can be run: `quorum` is between 1 and the number of members."""

    members: tuple[Member, ...]
    recipe: Recipe
    quorum: int
    warnings: tuple[str, ...] = ()


def majority(members: int) -> int:
    """The quorum that applies where none is given: more than half.

    >>> [majority(members) for members in (1, 2, 3, 4)]
    [1, 2, 2, 3]
    """
    return members // 2 + 1
