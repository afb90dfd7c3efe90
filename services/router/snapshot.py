"""The plans that a process serves from: replaced one by one, never changed, and read without waiting."""

from collections.abc import Mapping

from turnout.router.v1.router_pb2 import Router

from services.router.failures import RouterNotRunning
from services.router.lifecycle import told
from services.router.plan import RoutingPlan
from services.state.errors import RouterNotFound
from services.state.names import id_of, resource_name


class Snapshot:
    """Plans by name, under both spellings, so that a prediction looks once."""

    def __init__(self) -> None:
        self._plans: dict[str, RoutingPlan] = {}
        self._idle: dict[str, Router] = {}
        self.errors: dict[str, str] = {}

    @property
    def generations(self) -> Mapping[str, int]:
        """Generation that is served, by router."""
        return {plan.name: plan.generation for plan in self._plans.values()}

    def serving(self, router: str) -> RoutingPlan:
        """The plan of `churn` or `routers/churn`.

        Raises BadName, RouterNotFound, or RouterNotRunning for one that exists and does not serve.
        """
        plan = self._plans.get(router)
        if plan is not None:
            return plan.current()
        name = resource_name("routers", router, "router")
        idle = self._idle.get(name)
        if idle is None:
            raise RouterNotFound(
                f"there is no {name}", fields=[("router", "a router that exists")], router=name
            )
        why = self.errors.get(name) or f"it is {told(idle.state)}; deploy or start it"
        raise RouterNotRunning(f"{name} does not serve: {why}", router=name, state=told(idle.state))

    def serve(self, plan: RoutingPlan) -> None:
        """From now on, predictions are decided by this plan."""
        self._plans[plan.name] = self._plans[id_of(plan.name)] = plan
        self._idle.pop(plan.name, None)
        self.errors.pop(plan.name, None)

    def keep(self, router: Router, error: str) -> None:
        """The router cannot be loaded as it now is: a former plan stays, and the reason is told."""
        self.errors[router.name] = error
        if router.name not in self._plans:
            self._idle[router.name] = router

    def rest(self, router: Router) -> None:
        """The router exists and does not serve."""
        self.forget(router.name)
        self._idle[router.name] = router

    def forget(self, name: str) -> None:
        """There is no such router any more."""
        for known in (name, id_of(name)):
            self._plans.pop(known, None)
        self._idle.pop(name, None)
        self.errors.pop(name, None)
