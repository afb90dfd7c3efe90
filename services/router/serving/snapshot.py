"""The plans that a process serves from: replaced one by one, never changed, and read without waiting."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Mapping

from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import TurnoutError
from services.foundation.logs import log
from services.router.deciding.plan import RoutingPlan
from services.router.failures import RouterNotRunning
from services.router.managing.lifecycle import told
from services.router.serving.readying import SLICE_SECONDS, Readying
from services.state.errors import RouterNotFound
from services.state.names import id_of, resource_name

# So many have some ten thousand objects, which the collector walks through in a millisecond.
PLANS_AT_ONCE = 64


class Snapshot:
    """Plans by name, under both spellings, so that a prediction looks once.

    A plan is compiled when its router is first asked, and again after something that it was made from has
    changed: thousands of routers cost nothing until then, and a change that touches all of them costs each of
    them one compilation, at its next prediction. A router that cannot be compiled keeps its former plan; so
    does one whose new rules are being compiled, until they are.
    """

    # The loader says how to compile a router, or raises a TurnoutError; and which one serves by a uid.
    compile: Callable[[Router], RoutingPlan]

    def __init__(self) -> None:
        self.find: Callable[[str], Router | None] = lambda _: None
        # Why this process leaves a router to others; empty if it does not.
        self.elsewhere: Callable[[Router], str] = lambda _: ""
        self.readying = Readying(self._change)
        self._plans: dict[str, RoutingPlan] = {}
        self._due: dict[str, Router] = {}
        self._former: dict[str, RoutingPlan] = {}
        self._idle: dict[str, Router] = {}
        # Changed since this replica last reported itself.
        self._unproven: set[str] = set()
        # Uids of routers whose plans are made from something that has changed; in order.
        self._outdated: dict[str, None] = {}
        self._serving: dict[str, int] = {}
        self._frozen = 0
        self.errors: dict[str, str] = {}
        self._generations: Mapping[str, int] | None = None

    @property
    def generations(self) -> Mapping[str, int]:
        """Generation that is served, by router: the same object as long as nothing has changed."""
        if self._generations is None:
            self._generations = dict(self._serving)
        return self._generations

    def served(self) -> Mapping[str, int]:
        """The same for another thread, which must not touch what is kept."""
        return dict(self._serving)

    @property
    def awake(self) -> int:
        """How many routers have a plan."""
        return len(self._plans) // 2

    def serving(self, router: str) -> RoutingPlan:
        """The plan of `churn` or `routers/churn`.

        Raises BadName, RouterNotFound, or RouterNotRunning for one that exists and does not serve.
        """
        plan = self._plans.get(router)
        if plan is not None:
            return plan if plan.probing is None else plan.current()
        name = resource_name("routers", router, "router")
        if name in self.readying and name not in self._due:
            self.readying.hurry(name)
        if name in self._due:
            self._wake(name)
        plan = self._plans.get(name)
        if plan is not None:
            return plan.current()
        idle = self._idle.get(name)
        if idle is None:
            raise RouterNotFound(
                f"there is no {name}", fields=[("router", "a router that exists")], router=name
            )
        why = self.errors.get(name) or self.elsewhere(idle) or f"it is {told(idle.state)}; deploy or start it"
        raise RouterNotRunning(f"{name} does not serve: {why}", router=name, state=told(idle.state))

    def change(self, router: Router, *, prove: bool) -> None:
        """The router serves, and is to be compiled anew. `prove` has that tried before this replica says that
        it knows the change."""
        # One that sleeps costs nothing until it is asked.
        awake = prove or router.name in self._plans
        if not awake or not self.readying.take(router, prove):
            self.readying.drop(router.name)
            self._change(router, prove)

    def _change(self, router: Router, prove: bool) -> None:
        name, generation = router.name, router.generation
        if self._serving.get(name) != generation:
            self._serving[name], self._generations = generation, None
        self._idle.pop(name, None)
        self._put_off(router.name)
        self._due[router.name] = router
        if prove:
            self._unproven.add(router.name)

    def outdate(self, uids: Iterable[str]) -> None:
        """Something that the plans of routers with these uids are made from has changed. Many take a few
        slices."""
        waiting = bool(self._outdated)
        self._outdated.update(dict.fromkeys(uids))
        if self._outdated and not waiting:
            self._catch_up()

    def _catch_up(self) -> None:
        until = time.perf_counter() + SLICE_SECONDS
        while self._outdated:
            uid = next(iter(self._outdated))
            del self._outdated[uid]
            router = self.find(uid)
            if router is not None and (router.name in self._plans or router.name in self.errors):
                self.change(router, prove=router.name in self.errors)
            if self._outdated and time.perf_counter() > until:
                asyncio.get_running_loop().call_soon(self._catch_up)
                return

    async def prove(self) -> None:
        """Compile what has changed, a slice at a time, for the errors: those that nobody had asked go back to
        sleep."""
        while self._outdated or self.readying:  # noqa: ASYNC110
            await asyncio.sleep(0)  # its slices are the loop's very next steps
        since = time.perf_counter()
        while self._unproven:
            name = self._unproven.pop()
            router = self._due.get(name)
            if router is None:
                continue
            asleep = name not in self._former
            self._wake(name)
            if asleep and name in self._plans:
                self.change(router, prove=False)
                self._former.pop(name, None)
            if time.perf_counter() - since > SLICE_SECONDS:
                await asyncio.sleep(0)
                since = time.perf_counter()

    def rest(self, router: Router) -> None:
        """The router exists and does not serve."""
        self.forget(router.name)
        self._idle[router.name] = router

    def forget(self, name: str) -> None:
        """There is no such router any more."""
        self._generations = None
        self.readying.drop(name)
        for known in (self._due, self._former, self._idle, self._serving, self.errors):
            known.pop(name, None)
        self._put_off(name)
        self._former.pop(name, None)

    def _put_off(self, name: str) -> None:
        self._plans.pop(id_of(name), None)
        plan = self._plans.pop(name, None)
        if plan is not None:
            self._former[name] = plan

    def _wake(self, name: str) -> None:
        router, former = self._due.pop(name), self._former.pop(name, None)
        try:
            plan: RoutingPlan | None = self.compile(router)
            self.errors.pop(name, None)
        except TurnoutError as error:
            log.warning("cannot load a router", router=name, reason=error.reason, said=error.message)
            self.errors[name] = error.message
            self._serve_no_more(name, former)
        except Exception as defect:  # noqa: BLE001 - what one router brings out must not end who serves the others
            log.error("a defect: cannot load a router", router=name, exc_info=defect)
            self.errors[name] = "a defect of this version, of which the log tells more"
        if name in self.errors:
            self._idle[name] = router
            plan = former
        if plan is not None:
            self._plans[name] = self._plans[id_of(name)] = plan
        self._spare_the_collector()

    def _serve_no_more(self, name: str, former: RoutingPlan | None) -> None:
        self._generations = None
        if former is None:
            self._serving.pop(name, None)
        else:
            self._serving[name] = former.generation

    def _spare_the_collector(self) -> None:
        # Plans have no cycles. Looking for some in those of thousands of routers takes a quarter of a second.
        if self.awake >= self._frozen + PLANS_AT_ONCE:
            self._frozen = self.awake
            gc.freeze()
