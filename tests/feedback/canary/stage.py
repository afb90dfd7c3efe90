"""A canary in simulated time: a router and feedback with real channels between them; decisions are logged
and rewarded by chance."""

from typing import Any

from turnout.feedback.v1 import canary_pb2 as wire
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.canary_pb2 import CanaryMove, CanaryState
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.feedback.assembly import Assembly
from services.feedback.rules import Rules
from services.state import ids, keys
from tests.feedback.conftest import Setting
from tests.feedback.evidence.arena import Arena
from tests.router.conftest import Desk
from tests.waiting import eventually

HORIZON = 10
STEPS = [{"percentage": 20}, {"percentage": 50}]
CRITERIA = {"metric": "accuracy", "min_improvement": 0.02, "min_samples": 30}


class Stage:
    """`desk` is the router, `setting` feedback. Feedback looks at canaries when the test says so."""

    def __init__(self, desk: Desk, setting: Setting) -> None:
        self.desk = desk
        self.setting = setting
        self.arena = Arena(setting)

    async def open(self, **rules: Any) -> Router:
        """A router with a canary b beside a baseline a, deployed."""
        for name in ("a", "b"):
            model = registration("cancer-bayes", "127.0.0.1:1")
            model.name = f"models/{name}"
            await self.desk.register(model)
        given = Router(canary={"baseline_model": "a", "canary_model": "b", "steps": STEPS, **rules})
        given.canary.label_horizon.FromSeconds(HORIZON)
        given.default_deadline.FromSeconds(1)
        await self.desk.create("trial", given)
        await self.follow(await self.desk.deploy("trial"))
        await self.setting.parts.ownership.round()
        return self.setting.router

    async def follow(self, router: Router) -> None:
        """Let feedback see the router as it now is."""
        self.setting.router = router
        self.setting.partition = ids.partition_for(router.uid)
        await self.setting.parts.follower.reconcile()

    async def router(self) -> Router:
        """The router as it is stored."""
        request = routers.GetRouterRequest(name="trial")
        return (await self.desk.call("RouterService/GetRouter", request)).router  # type: ignore[no-any-return]

    async def change(self, **canary: Any) -> None:
        """Change the configuration of the canary."""
        request = routers.UpdateRouterRequest(router=Router(name="routers/trial", canary=canary))
        await self.follow((await self.desk.call("RouterService/UpdateRouter", request)).router)

    async def play(self, old: float, new: float, count: int = 400, *, labelled: bool = True) -> None:
        """Traffic at the canary's percentage: right answers at these rates, and their labels. A minute passes
        and all that is ready is folded."""
        share = (await self.router()).canary.canary_percentage / 100
        plays = [self.arena.draw({"a": 1 - share, "b": share}, {"a": old, "b": new}) for _ in range(count)]
        await self.arena.log([one.event for one in plays])
        if labelled:
            await self.arena.reward(plays)
        await self.pass_a_minute()

    async def let_leases_run_out(self) -> None:
        """As if feedback's process had been silent for as long as they last."""
        owned = self.setting.parts.ownership.owned
        gone = [keys.lease(partition, "feedback") for partition in owned]
        await self.setting.connections.steady.delete(*gone, keys.members("feedback"))

    async def consumed(self) -> None:
        """Wait until everything that was logged is taken in."""
        await eventually(self.arena.consumed)

    async def pass_a_minute(self) -> None:
        """And the horizon of labels; then all that is ready is folded."""
        await self.consumed()
        self.arena.pass_time(90)
        await self.arena.fold()

    async def look(self, parts: Assembly | None = None, times: int = 2) -> Router:
        """Feedback looks twice: it acts, and then it records what came of it. The router as it is then."""
        looking = parts or self.setting.parts
        for _ in range(times):
            await self.follow(await self.router())
            await looking.follower.reconcile()
            await looking.canary.controller.look(rules_of(looking, self.setting.router.uid))
        await self.follow(await self.router())
        return self.setting.router

    async def ask(self, method: str, **told: Any) -> Any:
        """A method of FeedbackService about the router; the canary that it replies with, if it does."""
        request = getattr(wire, f"{method}Request")(**{"router": "trial", **told})
        reply = await self.setting.ask(method, request)
        return reply.canary if hasattr(reply, "canary") else reply

    async def stop(self) -> None:
        """Stop the router."""
        request = routers.StopRouterRequest(name="trial")
        await self.follow((await self.desk.call("RouterService/StopRouter", request)).router)

    async def become_weighted(self) -> None:
        """Give the router another strategy."""
        request = routers.UpdateRouterRequest(router=Router(name="routers/trial"))
        request.router.weighted.SetInParent()
        request.update_mask.paths.append("weighted")
        await self.desk.call("RouterService/UpdateRouter", request)

    async def status(self) -> wire.CanaryStatus:
        """What GetCanary says."""
        reply: wire.GetCanaryResponse = await self.setting.ask(
            "GetCanary", wire.GetCanaryRequest(router="trial")
        )
        return reply.canary

    async def events(self, **page: Any) -> wire.ListPromotionEventsResponse:
        """What happened, newest first."""
        reply: wire.ListPromotionEventsResponse = await self.setting.ask(
            "ListPromotionEvents", wire.ListPromotionEventsRequest(router="trial", **page)
        )
        return reply

    async def kinds(self) -> list[str]:
        """What happened, oldest first."""
        return [one.kind for one in reversed((await self.events()).events)]


def rules_of(parts: Assembly, uid: str) -> Rules:
    """What a process knows of a router."""
    found = parts.canary.controller.rulebook.known(uid)
    assert found is not None
    return found


def state(router: Router) -> str:
    return CanaryState.Name(router.canary.trial.state).removeprefix("CANARY_STATE_")


def move(status: wire.CanaryStatus) -> str:
    return CanaryMove.Name(status.next).removeprefix("CANARY_MOVE_")
