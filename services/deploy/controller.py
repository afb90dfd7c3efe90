"""Brings pods to what is wished of routers: one process at a time, from wherever the last one left off."""

import asyncio
import random
import time
from collections.abc import Callable

from services.deploy.cluster import Cluster
from services.deploy.errors import ApiError, Refused, Trouble
from services.deploy.hands import DEPLOYMENT, Hands
from services.deploy.kinds import KINDS
from services.deploy.labels import UID, object_name, query, selector, suite_labels
from services.deploy.manifests.autoscaler import least
from services.deploy.manifests.service import address
from services.deploy.record import Record
from services.deploy.register import Leadership, Register
from services.deploy.rollout.patience import pause
from services.deploy.rollout.verdict import Outcome, Verdict, verdict
from services.deploy.server import ApiServer, Object
from services.deploy.steps import Step, Wish, next_step
from services.deploy.watching import Watcher
from services.foundation.errors import TurnoutError
from services.foundation.logs import log

# Applied again without cause: what somebody changed in the cluster by hand is brought back.
AGAIN_SECONDS = 300.0
# What nobody knows is asked about rarely: its owner may be another suite's Redis.
STRANGER_SECONDS = 60.0
TICK_SECONDS = 1.0
# Steps of one visit: apply, wake, judge; one more for what came between.
STEPS = 4
# A conflict or two are nothing to write home about.
QUIET_FAILURES = 2


class Controller:
    """Follows the objects of a suite and the wishes. Call `stir()` when wishes change; run `run()` in the
    background."""

    def __init__(
        self,
        server: ApiServer,
        cluster: Cluster,
        register: Register,
        leadership: Leadership,
        rng: random.Random,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._register = register
        self._leadership = leadership
        self._rng = rng
        self._now = now
        self._hands = Hands(server, cluster)
        labels = query(suite_labels(cluster))
        self._deployments, self._pods = (
            Watcher(server, kind, cluster.namespace, labels, self.stir, rng)
            for kind in (DEPLOYMENT, KINDS["Pod"])
        )
        self._following: list[asyncio.Task[None]] = []
        self._visits: dict[str, asyncio.Task[None]] = {}
        # Routers that were to be visited while they already were.
        self._missed: set[str] = set()
        self._records: dict[str, Record] = {}
        self._stirred = asyncio.Event()
        self._again = 0.0

    def stir(self) -> None:
        """Look again soon."""
        self._stirred.set()

    async def run(self) -> None:
        """Lead whenever nobody else does, until cancelled."""
        try:
            while True:
                if await self._leadership.held():
                    self._lead()
                elif self._following:
                    await self._rest()
                await self._until_stirred()
        finally:
            await self._rest()

    def _lead(self) -> None:
        watchers = (self._deployments, self._pods)
        if not self._following:
            log.info("sees to the pods of routers", namespace=self._cluster.namespace)
            self._following = [asyncio.create_task(one.run()) for one in watchers]
        if all(one.seen.listed.is_set() for one in watchers):
            self._look()
        elif trouble := next((one.trouble for one in watchers if one.trouble), ""):
            # Without a look at the cluster nothing is decided; those who wait are told why.
            self._look(trouble)

    def _look(self, trouble: str = "") -> None:
        """Visit every router that is not being visited and whose time has come."""
        now, wishes = self._now(), self._register.wishes()
        if now > self._again:
            self._again = now + AGAIN_SECONDS * (0.75 + self._rng.random() / 2)
            for record in self._records.values():
                record.applied = False
        uids = {one["metadata"]["labels"].get(UID, "") for one in self._deployments.seen} | wishes.keys()
        for uid in uids - {""}:
            if uid in self._visits:
                self._missed.add(uid)
            elif self._record(uid, wishes.get(uid)).due <= now:
                self._visits[uid] = asyncio.create_task(self._visit(uid, trouble))
        for uid in self._records.keys() - uids - self._visits.keys():
            del self._records[uid]

    def _record(self, uid: str, wish: Wish | None) -> Record:
        """What is remembered of a router: nothing, where something else is wished since."""
        stamp = wish.stamp if wish else ""
        record = self._records.get(uid)
        if record is None or stamp not in record.stamps:
            record = self._records[uid] = Record({stamp})
        return record

    async def _visit(self, uid: str, trouble: str) -> None:
        record = self._records[uid]
        try:
            if trouble:
                await self._tell(uid, record, Verdict(Outcome.WAITING, trouble))
                return
            for _ in range(STEPS):
                if not await self._step(uid, record):
                    break
            record.failures = 0
        except Refused as refused:
            record.due = self._now() + AGAIN_SECONDS
            await self._say(uid, record, Verdict(Outcome.FAILED, str(refused)))
        except (ApiError, TurnoutError) as error:
            record.failures += 1
            asked = error.retry_after if isinstance(error, Trouble | TurnoutError) else None
            record.due = self._now() + pause(record.failures, asked, self._rng.random())
            if isinstance(error, ApiError) and record.failures > QUIET_FAILURES:
                await self._say(uid, record, Verdict(Outcome.WAITING, f"{error}; it is asked again"))
        except Exception:  # noqa: BLE001 - one router's defect must not end who looks after the others
            log.exception("a defect: cannot see to the pods of a router", uid=uid)
            record.due = self._now() + STRANGER_SECONDS
        finally:
            del self._visits[uid]
            if uid in self._missed:
                self._missed.discard(uid)
                self.stir()

    async def _step(self, uid: str, record: Record) -> bool:
        """Do the next thing for a router. Returns whether there may be another one."""
        wish = self._register.wishes().get(uid)
        deployment = self._deployment(uid, wish)
        fewest = least(wish.workload, self._cluster) if wish else 0
        applied = record.applied and wish is not None and wish.stamp in record.stamps
        step = next_step(wish, deployment, applied=applied, least=fewest)
        if step is Step.REMOVE:
            await self._remove(uid, record)
        elif wish is not None and step is Step.APPLY:
            self._deployments.seen.put(await self._hands.apply(wish.workload))
            record.applied, record.told = True, None
            return True
        elif wish is not None and step in (Step.WAKE, Step.PARK):
            scaled = await self._hands.scale(wish.workload, fewest if step is Step.WAKE else 0)
            if scaled is not None:
                self._deployments.seen.put(scaled)
            return True
        elif wish is not None and deployment is not None and step is Step.JUDGE:
            await self._tell(uid, record, verdict(deployment, self._pods_of(wish)))
        return False

    def _deployment(self, uid: str, wish: Wish | None) -> Object | None:
        if wish is not None:
            return self._deployments.seen.get(object_name(self._cluster, wish.workload.id))
        found = (one for one in self._deployments.seen if one["metadata"]["labels"].get(UID) == uid)
        return next(found, None)

    def _pods_of(self, wish: Wish) -> list[Object]:
        wanted = selector(self._cluster, wish.workload.id).items()
        return [one for one in self._pods.seen if wanted <= (one["metadata"].get("labels") or {}).items()]

    async def _remove(self, uid: str, record: Record) -> None:
        if await self._register.gone(uid):
            await self._hands.remove(uid)
            log.info("removed the pods of a router", uid=uid)
            return
        # Silence is no word: an empty Redis must not empty a cluster.
        log.warning("pods of a router that nobody knows are left alone", uid=uid, label=UID)
        record.due = self._now() + STRANGER_SECONDS

    async def _tell(self, uid: str, record: Record, told: Verdict) -> None:
        wish = self._register.wishes().get(uid)
        if wish is None or record.told == told:
            return
        stamp = await self._register.tell(uid, told, address(self._cluster, wish.workload.id))
        record.told = told
        if stamp is not None:
            record.stamps.add(stamp)

    async def _say(self, uid: str, record: Record, told: Verdict) -> None:
        """Tell what went wrong, if it can be told."""
        try:
            await self._tell(uid, record, told)
        except TurnoutError as error:
            log.warning("cannot say what became of a router", uid=uid, said=told.said, why=error.message)

    async def _until_stirred(self) -> None:
        now = self._now()
        due = min((one.due - now for one in self._records.values() if one.due > now), default=TICK_SECONDS)
        try:
            async with asyncio.timeout(min(due, TICK_SECONDS)):
                await self._stirred.wait()
        except TimeoutError:
            return
        self._stirred.clear()

    async def _rest(self) -> None:
        """Somebody else leads, or nobody has to."""
        tasks = [*self._following, *self._visits.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._following.clear()
        self._records.clear()
