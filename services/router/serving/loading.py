"""Keeping the snapshot in step with the catalog and with what is learnt."""

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.metrics import Metrics
from services.models.pool import ModelPool
from services.router.conditions.wire import schema_of
from services.router.config.naming import models_called, rules_on_models
from services.router.config.trials import progress
from services.router.deciding.compiling import Ingredients, compile_plan, reads_metrics
from services.router.deciding.knowledge import NOTHING_KNOWN, Knowledge
from services.router.deciding.latencies import Latencies
from services.router.deciding.plan import RoutingPlan
from services.router.deciding.rulings import Compiled
from services.router.deciding.terms import learnt_elsewhere
from services.router.health.view import EVERYBODY_WELL, HealthView
from services.router.managing.aliases import resolved
from services.router.managing.lifecycle import DEPLOYING, SERVING
from services.router.serving.places import elsewhere
from services.router.serving.snapshot import Snapshot


class Loader:
    """Has routers compiled again whenever they, their models, their health, or what is learnt or measured of
    them change. `started` is set once everything has been loaded for the first time."""

    def __init__(
        self,
        snapshot: Snapshot,
        pool: ModelPool,
        metrics: Metrics,
        rng: random.Random,
        health: Callable[[], HealthView] = lambda: EVERYBODY_WELL,
        only: Collection[str] = (),
    ) -> None:
        self.snapshot = snapshot
        snapshot.elsewhere = partial(elsewhere, only=only)
        snapshot.compile, snapshot.find = self.compile, self._serving
        snapshot.readying.ahead = self.ahead
        self.latencies = Latencies(time.monotonic)
        self.knowledge: Callable[[], Knowledge] = lambda: NOTHING_KNOWN
        self.started = False
        self._pool = pool
        self._metrics = metrics
        self._rng = rng
        self._health = health
        self._rules = Compiled()
        self._routers: dict[str, Router] = {}
        self._uids: dict[str, str] = {}
        self._models: dict[str, Model] = {}
        self._learnt: dict[str, RewardSnapshot] = {}
        # Routers by the models that they name; those that choose by metrics, and those whose rules read some.
        self._users: dict[str, set[str]] = {}
        self._measuring: set[str] = set()
        self._ruling: set[str] = set()

    def compile(self, router: Router) -> RoutingPlan:
        """The plan of a router as of now, of a former generation of it too. Raises CannotCompile."""
        served, learnt = self._routers.get(router.uid), self._learnt.get(router.uid)
        if learnt is not None and served is not None and served.generation != router.generation:
            learnt = learnt_elsewhere(learnt, served)
        given = Ingredients(
            self._models,
            self._pool.open,
            learnt,
            self._rng,
            self.latencies,
            self._health(),
            self.knowledge(),
            self._rules,
        )
        return compile_plan(router, given)

    def ahead(self, router: Router) -> Iterator[object]:
        """Compile the rules of a router step by step, so that `compile` finds them (see Compiled.ahead)."""
        if not (router.policies or router.feature_based.rules or router.segments):
            return iter(())
        return self._rules.ahead(router, schema_of(router, self._models))

    def router_changed(self, uid: str, router: Router | None) -> None:
        """A router is new, changed or gone (None)."""
        if router is None or router.HasField("delete_time"):
            before = self._drop(uid)
            if before is not None:
                del self._uids[before.name]
                self._metrics.canary_progress.remove(before.name)
                self.snapshot.forget(before.name)
            return
        router = resolved(router)
        # The name may have been another's, whose end is still to be told.
        former = self._uids.get(router.name, uid)
        if former != uid:
            self._drop(former)
        self._forget_uses(uid)
        self._routers[uid], self._uids[router.name] = router, uid
        for model in models_called(router):
            self._users.setdefault(model, set()).add(uid)
        if reads_metrics(router):
            self._measuring.add(uid)
        if rules_on_models(router):
            self._ruling.add(uid)
        self._load(router)

    def model_changed(self, before: Model | None, after: Model | None) -> None:
        """A model is new (None before), changed, or gone (None after)."""
        # The name may be another model's by now, whose news came first.
        if before is not None and self._holds(before):
            self._models.pop(before.name, None)
            if after is None:
                self._pool.forget(before.name)
                self.latencies.forget(before.name)
        if after is not None:
            self._models[after.name] = after
        names = {one.name for one in (before, after) if one is not None}
        self._models_changed(names)

    def health_changed(self, models: Iterable[str]) -> None:
        """These models were ejected or came back, or may be probed: soon, their routers act on it."""
        self._models_changed(models)

    def knowledge_changed(self, models: frozenset[str]) -> None:
        """Metrics or drift of these models are others. Rules may read those of any model."""
        users = set[str]().union(*(self._users.get(model, ()) for model in models))
        self.snapshot.outdate(self._ruling | (self._measuring & users))

    def peers(self, model: str) -> Iterable[str]:
        """The other models of the routers that a model serves in; their helpers do something else."""
        routers = [self._routers[uid] for uid in self._users.get(model, ())]
        return {one.model for router in routers for one in router.variants} - {model}

    def serves(self, model: str) -> bool:
        """Whether a router that is running has the model."""
        return any(self._serving(uid) for uid in self._users.get(model, ()))

    def learnt(self, rewards: RewardSnapshot) -> None:
        """Feedback has published a newer state of a router."""
        self._learnt[rewards.router_uid] = rewards
        router = self._routers.get(rewards.router_uid)
        if router is not None and router.HasField("bandit"):
            self.snapshot.outdate([rewards.router_uid])

    def learners(self) -> Iterable[str]:
        """Uids of the routers whose learnt state is wanted."""
        return [uid for uid, router in self._routers.items() if router.HasField("bandit")]

    def running(self) -> list[tuple[Router, RewardSnapshot | None]]:
        """The routers that serve, each with what is learnt of it. Also another thread may ask."""
        held = list(self._routers.items())
        return [(router, self._learnt.get(uid)) for uid, router in held if self._here(router)]

    def _holds(self, model: Model) -> bool:
        return self._models.get(model.name, model).uid == model.uid

    def _drop(self, uid: str) -> Router | None:
        self._learnt.pop(uid, None)
        self._rules.forget(uid)
        self._forget_uses(uid)
        return self._routers.pop(uid, None)

    def _forget_uses(self, uid: str) -> None:
        self._measuring.discard(uid)
        self._ruling.discard(uid)
        if uid not in self._routers:
            return
        for model in models_called(self._routers[uid]):
            self._users[model].discard(uid)
            if not self._users[model]:
                del self._users[model]

    def _models_changed(self, models: Iterable[str]) -> None:
        for model in models:
            self.snapshot.outdate(self._users.get(model, ()))

    def _serving(self, uid: str) -> Router | None:
        router = self._routers.get(uid)
        return router if router is not None and self._here(router) else None

    def _here(self, router: Router) -> bool:
        return router.state in SERVING and not self.snapshot.elsewhere(router)

    def _load(self, router: Router) -> None:
        if not self._here(router) or not router.HasField("canary"):
            self._metrics.canary_progress.remove(router.name)
        else:
            self._metrics.canary_progress[router.name].set(progress(router.canary))
        if self._here(router):
            self.snapshot.change(router, prove=self.started or router.state == DEPLOYING)
        else:
            self.snapshot.rest(router)
