"""The event of one prediction, written while it happens: what the manifest says and what the stream gets."""

import time
from collections.abc import Callable

from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import TabularInput
from turnout.inference.v1.manifest_pb2 import Manifest
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.inference_service_pb2 import PredictRequest, PredictResponse

from services.foundation.call import Call
from services.foundation.errors import TurnoutError


class Ledger:
    """Keeps `event`, whose manifest is edited in place, until it is served or failed.

    `clock` is the wall clock in nanoseconds: it stamps the event; durations use the monotonic one.
    """

    __slots__ = ("_started", "event", "manifest", "prediction_id")

    def __init__(
        self,
        prediction_id: str,
        template: PredictionEvent,
        request: PredictRequest,
        call: Call,
        clock: Callable[[], int],
    ) -> None:
        self._started = time.perf_counter_ns()
        self.prediction_id = prediction_id
        # A copy of what is known, then field by field: half the time of building it by keyword.
        self.event = event = PredictionEvent()
        event.CopyFrom(template)
        event.request_id = request.request_id or call.request_id
        event.input_kind = request.input.WhichOneof("kind") or ""
        self.manifest = manifest = event.manifest
        manifest.prediction_id = prediction_id
        manifest.trace_id = call.trace_id
        self._name(request)
        self._stamp(request, clock())

    def _name(self, request: PredictRequest) -> None:
        event = self.event
        if request.entity_id:
            event.entity_id = request.entity_id
        if request.external_id:
            event.external_id = request.external_id
        if request.attributes:
            event.attributes.update(request.attributes)

    def _stamp(self, request: PredictRequest, now: int) -> None:
        event = self.event
        seconds, nanoseconds = divmod(now, 1_000_000_000)
        stamps = [event.time, self.manifest.decision.time]
        if request.HasField("event_time"):
            event.event_time.CopyFrom(request.event_time)
        else:
            stamps.append(event.event_time)
        for stamp in stamps:
            stamp.seconds, stamp.nanos = seconds, nanoseconds

    def note_input(self, rows: int, features: TabularInput | None) -> None:
        """Note what was asked."""
        if rows != 1:
            self.event.rows = rows
        if features is not None:
            self.event.features.CopyFrom(features)

    def note_panel(self, reply: InferResponse) -> None:
        """Note what came of a jury."""
        manifest = self.manifest
        manifest.participants.MergeFrom(reply.participants)
        if reply.HasField("aggregation"):
            manifest.aggregation.CopyFrom(reply.aggregation)
        manifest.degraded = reply.degraded
        manifest.warnings.extend(reply.warnings)
        self.event.outputs.MergeFrom(reply.outputs)

    def serve(self, output: Output) -> None:
        """Note the answer, and what it cost."""
        self.event.output.CopyFrom(output)
        if not self.event.outputs:
            self.event.outputs.add(participant=0, output=output)
        _price(self.manifest)
        self.close()

    def fail(self, error: TurnoutError) -> TurnoutError:
        """Note a failure; returns the error as the caller is to see it, with the prediction's id."""
        self.close()
        self.event.error_code = error.code
        self.event.error_message = error.message
        error.message = f"{error.message} (prediction {self.prediction_id})"
        error.facts["prediction_id"] = self.prediction_id
        return error

    def close(self) -> None:
        """Note how long it took."""
        nanoseconds = time.perf_counter_ns() - self._started
        took = self.manifest.total_latency
        took.seconds, took.nanos = divmod(nanoseconds, 1_000_000_000)

    def reply(self, request: PredictRequest) -> PredictResponse:
        """What the caller gets of it, under the view that was asked for."""
        event = self.event
        response = PredictResponse(
            output=event.output, prediction_id=self.prediction_id, request_id=event.request_id
        )
        view = request.manifest_view
        if view in (rpc.MANIFEST_VIEW_FULL, rpc.MANIFEST_VIEW_UNSPECIFIED):
            response.manifest.CopyFrom(self.manifest)
        elif view == rpc.MANIFEST_VIEW_IDS:
            response.manifest.CopyFrom(ids_only(self.manifest))
        return response


def _price(manifest: Manifest) -> None:
    """The known costs, summed, and the greatest of them; nothing where none is known or currencies differ."""
    if len(manifest.participants) == 1:
        (one,) = manifest.participants
        if one.HasField("cost"):
            manifest.total_cost.CopyFrom(one.cost)
            manifest.most_expensive_member_cost.CopyFrom(one.cost)
        return
    costs = [one.cost for one in manifest.participants if one.HasField("cost")]
    if not costs or len({cost.currency for cost in costs}) > 1:
        return
    manifest.total_cost.amount = sum(cost.amount for cost in costs)
    manifest.total_cost.currency = costs[0].currency
    manifest.most_expensive_member_cost.CopyFrom(max(costs, key=lambda cost: cost.amount))


def ids_only(manifest: Manifest) -> Manifest:
    """Who took part, without latencies, costs and candidates."""
    short = Manifest(
        prediction_id=manifest.prediction_id,
        router=manifest.router,
        generation=manifest.generation,
        trace_id=manifest.trace_id,
        degraded=manifest.degraded,
    )
    short.decision.variant, short.decision.model = manifest.decision.variant, manifest.decision.model
    for one in manifest.participants:
        short.participants.add(
            model=one.model, variant=one.variant, role=one.role, outcome=one.outcome, attempt=one.attempt
        )
    return short
