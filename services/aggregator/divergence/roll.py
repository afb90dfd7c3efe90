"""Which routers there are, and whose panels are theirs."""

from collections.abc import Callable
from typing import NamedTuple

from turnout.router.v1.router_pb2 import Router

from services.aggregator.plan import Plan
from services.state.names import id_of


class Known(NamedTuple):
    """A router: its name, its uid, and its variants with their models."""

    name: str
    uid: str
    members: frozenset[tuple[str, str]]

    def seats(self, plan: Plan) -> bool:
        """Whether everybody in the plan is of the router: who may predict may come with a plan of his own,
        whose members say nothing of it."""
        return all((member.variant, member.model) in self.members for member in plan.members)


class Roll:
    """Routers by name; `find` is the catalog's. What a configuration says is kept until it changes."""

    def __init__(self, find: Callable[[str], Router | None]) -> None:
        self._find = find
        self._known: dict[str, tuple[Router, Known]] = {}

    def known(self, given: str) -> Known | None:
        """The router of that name, as churn or routers/churn; None if there is none."""
        name = f"routers/{id_of(given)}"
        router = self._find(name)
        if router is None:
            self._known.pop(name, None)
            return None
        held = self._known.get(name)
        # A change puts another message in its place.
        if held is None or held[0] is not router:
            members = frozenset((variant, model) for variant, model in members_of(router).items())
            held = self._known[name] = router, Known(name, router.uid, members)
        return held[1]


def members_of(router: Router) -> dict[str, str]:
    """Its variants, each with the name of its model."""
    return {one.id or id_of(one.model): one.resolved_model or one.model for one in router.variants}
