"""What the metrics of a router process say of its routers, read at each scrape."""

from collections.abc import Callable, Iterable, Mapping

from turnout.feedback.v1.rewards_pb2 import Arm, RewardSnapshot
from turnout.router.v1.router_pb2 import Router

from services.foundation.metrics import Metrics
from services.router.health.board import HealthBoard
from services.router.serving.loading import Loader
from services.state.catalog import CatalogFollower
from services.state.verdicts import VerdictReader

Values = Iterable[tuple[tuple[str, ...], float]]
VERDICTS = {"ok": 0.0, "warning": 1.0, "alert": 2.0, "insufficient_data": -1.0}


def show(
    metrics: Metrics,
    loader: Loader,
    health: HealthBoard,
    follower: CatalogFollower,
    verdicts: VerdictReader,
) -> None:
    """Have the instruments read what these hold."""
    standing, snapshot = metrics.standing, loader.snapshot
    metrics.stale_seconds["catalog"].set_function(lambda: follower.lag)
    standing.generations.read = lambda: _by_name(snapshot.served())
    standing.unloaded.read = lambda: _by_name(
        {**dict.fromkeys(snapshot.served(), 0), **dict.fromkeys(list(snapshot.errors), 1)}
    )
    standing.models_enabled.read = lambda: (
        ((router.name,), len(_enabled(router))) for router, _ in loader.running()
    )
    standing.models_out.read = lambda: (
        ((router.name,), len(_enabled(router) & frozenset(health.out))) for router, _ in loader.running()
    )
    standing.shares.read = lambda: _arms(loader, lambda arm: arm.probability)
    standing.pulls.read = lambda: _arms(loader, lambda arm: arm.pulls)
    standing.rewards.read = lambda: _arms(loader, lambda arm: arm.rewards)
    standing.computed.read = lambda: (
        ((name,), learnt.compute_time.ToMilliseconds() / 1000) for name, learnt in _learnt(loader)
    )
    standing.drift.read = lambda: _verdicts(follower, verdicts)


def _by_name(values: Mapping[str, int]) -> Values:
    return (((name,), float(value)) for name, value in values.items())


def _enabled(router: Router) -> set[str]:
    return {one.model for one in router.variants if one.enabled}


def _learnt(loader: Loader) -> Iterable[tuple[str, RewardSnapshot]]:
    return ((router.name, learnt) for router, learnt in loader.running() if learnt is not None)


def _arms(loader: Loader, value: Callable[[Arm], float]) -> Values:
    return (((name, arm.variant), value(arm)) for name, learnt in _learnt(loader) for arm in learnt.arms)


def _verdicts(follower: CatalogFollower, verdicts: VerdictReader) -> Values:
    for model in list(follower.models.by_name):
        status = verdicts.get(model)
        if status is not None:
            yield (model,), VERDICTS[status]
