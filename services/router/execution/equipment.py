"""What every prediction of a process uses."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from turnout.inference.v1.manifest_pb2 import Manifest
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import TurnoutError
from services.foundation.metrics import Metrics
from services.models.answer import Answer, Failure
from services.router.deciding.choosing import Choice
from services.router.deciding.latencies import Latencies
from services.router.deciding.plan import RoutingPlan
from services.router.execution.ledger import Ledger
from services.router.execution.load import Loads
from services.router.execution.mirrors import Mirrors
from services.router.execution.panel import Panel
from services.router.execution.tails import Tails
from services.router.health.board import HealthBoard
from services.router.health.probe import Probe
from services.state.batcher import EventWriter
from services.state.errors import StateUnavailable
from services.state.ids import new_prediction_id
from services.state.pins import Pins


@dataclass(frozen=True, slots=True)
class Equipment:
    """`clock` is the wall clock in nanoseconds since 1970; `rng` draws variants and ids; `secret` is part of
    the key of what is logged as a hash."""

    writer: EventWriter
    metrics: Metrics
    panel: Panel
    rng: random.Random
    clock: Callable[[], int]
    health: HealthBoard
    latencies: Latencies
    pins: Pins
    mirrors: Mirrors
    loads: Loads = field(default_factory=Loads)
    tails: Tails = field(default_factory=Tails)
    secret: bytes = b""

    def open(self, plan: RoutingPlan, choice: Choice, request: PredictRequest, call: Call) -> Ledger:
        """The account of a prediction that was decided just now, under a new id."""
        now = choice.now
        made = new_prediction_id(plan.partition, now / 1e9, self.rng)
        if call.sampled:
            call.note("turnout.prediction_id", made)
        ledger = Ledger(made, choice.sheet, choice.u, request, call, now)
        if plan.segments is not None:
            ledger.note_segments(plan.segments.of(request, call, now, self._valueless(plan.name)))
        if plan.redactor is not None:
            ledger.redactor = plan.redactor
            ledger.note_content(plan.redactor.content(request.input, self.secret))
        return ledger

    def misruled(self, router: str, rule: str) -> None:
        """Count a rule that could not be evaluated."""
        self.metrics.rule_errors[router, rule].inc()

    def passed_over(self, router: str, rule: str) -> None:
        """Count a rule that holds and leads to nobody."""
        self.metrics.rules_passed_over[router, rule].inc()

    def _valueless(self, router: str) -> Callable[[str], None]:
        """Counts segments that could not be evaluated among the rules that could not."""
        return lambda name: self.metrics.rule_errors[router, f"segments.{name}"].inc()

    def trial(self, probe: Probe | None) -> Probe | None:
        """The probe, if this call may be it."""
        return probe if probe is not None and probe.take() else None

    def observe(self, model: str, result: Answer | Failure, probe: Probe | None = None) -> Answer | Failure:
        """Record how long a model took, or how long we waited for it, and what that says of its health;
        `probe` is that of `trial`. Returns the result: a failure that says nothing of the model, excused."""
        seconds = result.latency
        self.metrics.model_latency_ms[model].observe(seconds * 1e3)
        self.metrics.model_seconds[model].observe(seconds)
        if isinstance(result, Answer):
            self.health.heard(model, "SERVED", "", seconds, probe)
            self.latencies.note(model, "SERVED", "OK", seconds)
            return result
        ok = self.health.heard(model, result.kind, result.code, seconds, probe)
        self.latencies.note(model, result.kind, result.code, seconds)
        if result.error_id:
            self.metrics.errors_unexpected["model call"].inc()
        return result._replace(excused=ok is None)

    async def conclude(
        self, plan: RoutingPlan, ledger: Ledger, result: Answer | Failure, call: Call
    ) -> Ledger:
        """Close the account of a prediction by one model, log it, and return it. Raises the failure, with the
        prediction's id, if that is what came of it."""
        if isinstance(result, Failure):
            raise await self.fail(plan, ledger, result.error, call)
        ledger.serve(result.encoded)
        if plan.synchronous:
            await self.settle(plan, ledger)
        else:
            self.log(plan, ledger)
        return ledger

    async def fail(self, plan: RoutingPlan, ledger: Ledger, error: TurnoutError, call: Call) -> TurnoutError:
        """Close the account of a prediction that failed, and log it. Returns the error for the caller, whose
        details then have the manifest."""
        told = ledger.fail(error)
        call.details(Manifest.FromString(ledger.manifest))
        await self.settle(plan, ledger)
        return told

    def log(self, plan: RoutingPlan, ledger: Ledger) -> None:
        """Put the event into the next batch. Never waits."""
        for amount, currency in ledger.costs:
            self.metrics.cost[plan.name, currency].inc(amount)
        redactor, event = ledger.redactor, ledger.event
        self.writer.put(plan.partition, event if redactor is None else redactor.event(event, self.secret))

    async def settle(self, plan: RoutingPlan, ledger: Ledger) -> None:
        """The same, and wait until Redis has it where the router asks for that. Without Redis the event waits
        on disk, and the reply says so: an answer that was given is not taken back for want of a log."""
        self.log(plan, ledger)
        if not plan.synchronous:
            return
        try:
            await self.writer.flush(plan.partition)
        except StateUnavailable:
            ledger.warn("the event is not in Redis yet: it waits on the replica's disk")
