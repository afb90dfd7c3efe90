"""Random routers, and all that decides for them: seeded, and as varied as the contract allows."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.feedback.v1.rewards_pb2 import RewardSnapshot
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1 import model_pb2
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool
from services.router.config.defaults import with_defaults
from services.router.config.validate import validate
from services.router.deciding.choosing import Choice, choose
from services.router.deciding.compiling import Ingredients, compile_plan
from services.router.deciding.explaining import told
from services.router.deciding.knowledge import Knowledge
from services.router.deciding.latencies import Latencies
from services.router.deciding.plan import RoutingPlan
from services.router.health.view import HealthView, Out
from services.router.strategies import STRATEGIES

UID = "018bcfe5-69f4-7000-8591-b7582265b1f5"
LINEAR = {"algorithm": "BANDIT_ALGORITHM_LIN_UCB", "context_features": ["amount"]}
HOUR = 3_600_000_000_000
NOW = 1_800_000_000_000_000_000
CONDITIONS = (
    "amount > 500.0",
    "kind == 'gold' && amount < 900.0",
    "attributes['tier'] in ['a', 'b']",
    "attributes['absent'] == 'x'",
    "metrics('models/m0').accuracy < 0.8",
    "metrics('models/m1').latency_p95 > 50.0 || amount > 990.0",
    "now.getSeconds() < 30",
    "entity_id.startsWith('e1')",
    "true",
)


class Dice:
    """Chance and a clock that runs on by itself."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._now = NOW

    def clock(self) -> int:
        self._now += self.rng.randrange(1, HOUR // 40)
        return self._now

    def misruled(self, router: str, rule: str) -> None:
        """Nobody counts."""

    def passed_over(self, router: str, rule: str) -> None:
        """Nobody counts."""


class NoHeaders:
    """A call without headers."""

    def header(self, _name: str) -> str | None:
        return None


@dataclass
class World:
    """A router and everything that decides for it."""

    router: Router
    models: dict[str, Model]
    learnt: RewardSnapshot | None
    metrics: dict[str, ModelMetrics]
    plan: RoutingPlan
    dice: Dice

    def decide(self) -> tuple[PredictRequest, Choice]:
        request = question(self.dice.rng)
        self._be_busy()
        return request, choose(self.plan, request, NoHeaders(), self.dice)

    def _be_busy(self) -> None:
        rng = self.dice.rng
        for arm in self.plan.arms:
            arm.handle.endpoints[0].in_flight = rng.randrange(4)

    def event_of(self, request: PredictRequest, choice: Choice) -> PredictionEvent:
        """The event as it would be logged, through bytes and back."""
        event = PredictionEvent(router_uid=self.router.uid, entity_id=request.entity_id)
        event.attributes.update(request.attributes)
        event.features.CopyFrom(request.input.tabular)
        event.manifest.decision.CopyFrom(told(choice))
        return PredictionEvent.FromString(event.SerializeToString())


def question(rng: random.Random) -> PredictRequest:
    request = PredictRequest(router="world")
    tabular = request.input.tabular
    tabular.numeric_features["amount"] = rng.random() * 1000
    if rng.random() < 0.9:
        tabular.categorical_features["kind"] = rng.choice(["gold", "silver"])
    if rng.random() < 0.5:
        request.attributes["tier"] = rng.choice("abc")
    if rng.random() < 0.6:
        request.entity_id = f"e{rng.randrange(1000)}"
    return request


def strategy(rng: random.Random, ids: list[str]) -> dict[str, Any]:
    name = rng.choice([one for one in STRATEGIES if one != "ensemble"])
    parameters: dict[str, Any] = {
        "canary": {"baseline_model": ids[0], "canary_model": ids[1], "canary_percentage": rng.random() * 100},
        "shadow": {"primary": rng.choice(ids[:2])},
        "feature_based": {
            "rules": [{"condition": rng.choice(CONDITIONS), "model": rng.choice(ids)} for _ in range(2)],
            "default_model": rng.choice(ids[:2]),
        },
        "best_metric": {"metric": rng.choice(["accuracy", "latency_p95", "cost"]), "min_value": 0.5},
        "cost_aware": {"min_quality": 0.7},
        "complexity": {"small": ids[0], "large": ids[1], "threshold": rng.random()},
        "bandit": {"floor": rng.random() / len(ids), "cap": 1.0, **rng.choice([{}, LINEAR])},
    }
    return {name: parameters.get(name, {})}


def policies(rng: random.Random, ids: list[str]) -> list[dict[str, Any]]:
    made = []
    for place in range(rng.randrange(4)):
        own = strategy(rng, ids)
        action: dict[str, Any] = {"variant": rng.choice(ids)}
        if rng.random() < 0.3:
            action = {"subset": {"variants": rng.sample(ids, 2)}}
        elif not own.keys() & {"bandit", "canary", "feature_based", "shadow"} and rng.random() < 0.6:
            action = {"strategy": {**own, "variants": rng.sample(ids, rng.randrange(len(ids)))}}
        made.append(
            {
                "name": f"p{place}",
                "condition": rng.choice(CONDITIONS),
                "priority": rng.randrange(3),
                "enabled": rng.random() < 0.9,
                **action,
            }
        )
    return made


def router_of(rng: random.Random) -> Router:
    count = rng.randrange(3, 7)
    ids = [f"m{number}" for number in range(count)]
    own = strategy(rng, ids)
    (name,) = own
    options: dict[str, Any] = {"policies": policies(rng, ids)}
    if rng.random() < 0.5:
        options["stickiness"] = {"enabled": True, "salt": rng.choice(["", "pepper"])}
    if rng.random() < 0.5:
        options["ramp"] = {"duration": {"seconds": rng.randrange(60, 7200)}, "start": 0.01 + rng.random() / 2}
    if rng.random() < 0.4 and name not in ("canary", "shadow", "feature_based"):
        # As few as two may be enabled, and a floor is meant for as many as there are.
        options["bounds"] = {"floor": rng.random() / count, "cap": 0.5 + rng.random() / 2}
    if rng.random() < 0.3 and name != "shadow":
        options["default_model"] = rng.choice(ids[:2])
    given = Router(name="routers/world", uid=UID, generation=4, **own, **options)
    for place, one in enumerate(ids):
        variant = given.variants.add(model=one, enabled=place < 2 or rng.random() < 0.8)
        if name not in ("round_robin", "random"):
            variant.weight = rng.choice([0, 1, 10, 33.3, 100]) if place else 50
        variant.enable_time.FromNanoseconds(NOW - rng.randrange(HOUR))
    return with_defaults(given)


def models_of(router: Router) -> dict[str, Model]:
    models: dict[str, Model] = {}
    for variant in router.variants:
        model = Model(name=variant.model, uid=f"uid of {variant.model}", protocol=model_pb2.PROTOCOL_OIP_GRPC)
        model.endpoints.add(address="127.0.0.1:9")
        model.timeout.FromSeconds(1)
        if variant.model != "models/m1":
            model.cost.per_call = len(models) / 7
        model.signature.features.add(name="amount", kind=model_pb2.FEATURE_KIND_NUMERIC)
        model.signature.features.add(name="kind", kind=model_pb2.FEATURE_KIND_CATEGORICAL, dtype="BYTES")
        model.signature.layout.kind = model_pb2.LAYOUT_KIND_PER_COLUMN
        models[model.name] = model
    return models


def metrics_of(rng: random.Random, router: Router) -> dict[str, ModelMetrics]:
    found = {}
    for variant in router.variants:
        if rng.random() < 0.8:
            metrics = ModelMetrics(
                model=variant.model, labels=rng.randrange(300), requests=rng.randrange(300)
            )
            metrics.accuracy = rng.choice([0.7, 0.75, 0.9, rng.random()])
            metrics.latency_p95_ms, cost = rng.random() * 100, rng.random()
            if cost < 0.7:
                metrics.cost = cost
            found[variant.model] = metrics
    return found


def learnt_of(rng: random.Random, router: Router) -> RewardSnapshot | None:
    if not router.HasField("bandit") or rng.random() < 0.2:
        return None
    masses = [rng.random() for _ in router.variants]
    arms = [
        {"variant": one.id, "probability": mass / sum(masses), "window_mean": rng.random()}
        for one, mass in zip(router.variants, masses, strict=True)
    ]
    made = RewardSnapshot(router_uid=router.uid, generation=rng.choice([3, 4]), version=9, arms=arms)
    if router.bandit.context_features:
        made.linear.features.append("amount")
        made.linear.exploration = 0.5
        for one in router.variants:
            precision = np.diag([1 + rng.random(), 1 + 1e6 * rng.random()])
            moment = np.array([rng.random(), 9.0])
            made.linear.arms.add(variant=one.id, precision=precision.tobytes(), moment=moment.tobytes())
    return made


def world(seed: int) -> World:
    """The world of a seed. The router is a valid one."""
    rng = random.Random(seed)
    router = router_of(rng)
    models = models_of(router)
    validate(router, models.keys(), models)
    learnt, metrics = learnt_of(rng, router), metrics_of(rng, router)
    pool = ModelPool(Telemetry(rng=rng), rng)
    latencies = Latencies(lambda: rng.random() * 1000)
    for variant in router.variants:
        if rng.random() < 0.8:
            latencies.of(variant.model, 10.0, 1.0).note(rng.random(), 500.0)
    out = {one: Out(rng.random(), 0.0, "5 failures in a row") for one in models if rng.random() < 0.15}
    given = Ingredients(
        models,
        pool.open,
        learnt,
        rng,
        latencies,
        HealthView(3, out),
        Knowledge(metrics.get, lambda _: None, 17),
    )
    return World(router, models, learnt, metrics, compile_plan(router, given), Dice(seed))
