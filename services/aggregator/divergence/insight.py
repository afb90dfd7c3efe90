"""Answers what is asked about a router's panels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

from turnout.aggregator.v1.aggregator_service_pb2 import (
    GetDivergenceRequest,
    GetDivergenceResponse,
    GetRoutingEfficiencyRequest,
    GetRoutingEfficiencyResponse,
)
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.aggregator.divergence.advice import Facts, on_divergence, on_efficiency
from services.aggregator.divergence.collector import Collector
from services.aggregator.divergence.reading import Panels, read_panels
from services.aggregator.divergence.roll import members_of
from services.aggregator.divergence.window import hours_of
from services.aggregator.wire.insights import write_divergence, write_efficiency
from services.state.config_reader import ConfigReader
from services.state.model_metrics import ModelMetricsStore
from services.state.names import id_of, resource_name
from services.state.panel_truths import PanelTruthStore


@dataclass(frozen=True, slots=True)
class Insight:
    """Reads what was counted. `model` knows registered models by name; `now` is in seconds since 1970.

    Everything raises BadName, RouterNotFound, InvalidArgument, StateUnavailable, NewerFormat.
    """

    routers: ConfigReader[Router]
    collector: Collector
    truths: PanelTruthStore
    published: ModelMetricsStore
    model: Callable[[str], Model | None]
    now: Callable[[], float]

    async def divergence(self, request: GetDivergenceRequest) -> GetDivergenceResponse:
        """Who differs from whom, and what to do about it."""
        panels, facts = await self._facts(request)
        return write_divergence(panels, facts.measured, on_divergence(facts))

    async def efficiency(self, request: GetRoutingEfficiencyRequest) -> GetRoutingEfficiencyResponse:
        """What it costs, and what it might."""
        panels, facts = await self._facts(request)
        return write_efficiency(panels.tally, facts.rights, on_efficiency(facts))

    async def _facts(
        self, request: GetDivergenceRequest | GetRoutingEfficiencyRequest
    ) -> tuple[Panels, Facts]:
        start = request.start_time if request.HasField("start_time") else None
        end = request.end_time if request.HasField("end_time") else None
        name = resource_name("routers", request.router, "router")
        hours = hours_of(start, end, self.now())
        router = await self.routers.read(name, field="router")
        # What this process has counted until now; of others, what they have written.
        await self.collector.flush()
        panels = await read_panels(self.collector.store, router.uid, hours)
        rights = await self.truths.read(router.uid, hours)
        models = self._models(router)
        measured = await self._measured(models)
        return panels, Facts(panels.tally, rights, models, _seconds(router, models), measured)

    def _models(self, router: Router) -> Mapping[str, Model]:
        found = {variant: self.model(name) for variant, name in members_of(router).items()}
        return {variant: model for variant, model in found.items() if model is not None}

    async def _measured(self, models: Mapping[str, Model]) -> Mapping[str, ModelMetrics]:
        _, held = await self.published.read()
        return {variant: held[model.uid] for variant, model in models.items() if model.uid in held}


def _seconds(router: Router, models: Mapping[str, Model]) -> Mapping[str, float]:
    """How long each may take that sits in a panel: its model's own timeout, or that of its panels if they are
    shorter."""
    enabled = [one.id or id_of(one.model) for one in router.variants if one.enabled]
    limits: dict[str, float] = {}
    own = [router.ensemble] if router.HasField("ensemble") else []
    for how in (*own, *(policy.ensemble for policy in router.policies if policy.HasField("ensemble"))):
        limit = how.member_timeout.ToNanoseconds() / 1e9 or inf
        limits |= {variant: max(limits.get(variant, 0.0), limit) for variant in how.members or enabled}
    alone = {variant: model.timeout.ToNanoseconds() / 1e9 for variant, model in models.items()}
    return {
        variant: min(limits[variant], seconds)
        for variant, seconds in alone.items()
        if seconds and variant in limits
    }
