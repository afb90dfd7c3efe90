"""The account of one prediction, written while it happens: what its manifest says and its event."""

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache

from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import TabularInput
from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED, Manifest, Outcome, Participant
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import TurnoutError
from services.models.answer import Answer, Failure
from services.models.framing import delimited, moment, number, text
from services.models.participation import described
from services.router.execution import frames, pricing
from services.router.execution.frames import Sheet
from services.router.execution.large import LARGEST_KEPT, MOST_KEPT, known_by
from services.router.execution.redacting import Redactor

_FEATURES = PredictionEvent.FEATURES_FIELD_NUMBER
_ROWS = PredictionEvent.ROWS_FIELD_NUMBER
_INPUT_KIND = PredictionEvent.INPUT_KIND_FIELD_NUMBER
_REQUEST_ID = PredictionEvent.REQUEST_ID_FIELD_NUMBER
_ENTITY_ID = PredictionEvent.ENTITY_ID_FIELD_NUMBER
_EXTERNAL_ID = PredictionEvent.EXTERNAL_ID_FIELD_NUMBER
_DEGRADED = Manifest(degraded=True).SerializeToString()
_WHOLE = (rpc.MANIFEST_VIEW_FULL, rpc.MANIFEST_VIEW_UNSPECIFIED)


class Ledger:
    """Collects the serialized parts of an event until it is closed, and is read after that.

    Participants join by `add` (or all at once by `note_panel`), and every way to the end leads through
    `_close`. `event` and `manifest` are serialized, and there once it is closed; `tensors` is what the member
    that serves answered, where it did so in tensors. `costs` are amounts and currencies.
    `redactor` is for whoever writes the event.
    """

    __slots__ = (
        "_decision",
        "_event",
        "_left_out",
        "_manifest",
        "_members",
        "_outputs",
        "_participants",
        "_room",
        "_started",
        "_usages",
        "costs",
        "degraded",
        "event",
        "manifest",
        "output",
        "prediction_id",
        "redactor",
        "request_id",
        "tensors",
    )

    def __init__(
        self, prediction_id: str, sheet: Sheet, u: float, request: PredictRequest, call: Call, now: int
    ) -> None:
        """`u` is the draw in [0, 1); `now` is the wall clock in nanoseconds since 1970: it stamps the event,
        while durations use the monotonic one."""
        self._started = time.perf_counter_ns()
        self.prediction_id = prediction_id
        self.request_id = request.request_id or call.request_id
        stamp = moment(now)
        self._decision = sheet.decision + frames.drawn(u, stamp)
        self._manifest = sheet.manifest + frames.opened(prediction_id, call.trace_id)
        happened = request.event_time.SerializeToString() if request.HasField("event_time") else stamp
        self._event = [sheet.event, frames.stamped(stamp, happened), _named(request, self.request_id)]
        self._participants: list[bytes] = []
        self._outputs: list[bytes] = []
        self._room, self._left_out = MOST_KEPT, 0
        self.costs: list[tuple[float, str]] = []
        self._members: pricing.Prices | None = None
        self._usages: pricing.Usages = {}
        self.event = self.manifest = self.output = self.tensors = b""
        self.redactor: Redactor | None = None
        self.degraded = False

    def note_input(self, rows: int, features: TabularInput | None) -> None:
        """Note what was asked."""
        self._event.append(number(_ROWS, rows))
        if features is not None:
            self._event.append(delimited(_FEATURES, features.SerializeToString()))

    def note_content(self, fields: bytes) -> None:
        """Note what is logged of a text or a conversation: serialized fields of the event."""
        self._event.append(fields)

    def note_segments(self, values: Mapping[str, str]) -> None:
        """Note which parts of the traffic it belongs to, by name of the segment."""
        self._event.append(PredictionEvent(segments=values).SerializeToString())

    def note_warning(self, warning: str) -> None:
        """Say something that costs the answer nothing; nothing if it is empty."""
        if warning:
            self._manifest += Manifest(warnings=[warning]).SerializeToString()

    def add(self, seat: bytes, result: Answer | Failure, outcome: Outcome = OUTCOME_SERVED) -> None:
        """Enter an attempt: `seat` is the serialized Participant as it was known before, `outcome` what
        became of an answer."""
        if isinstance(result, Answer):
            self._say(len(self._participants), result.encoded)
            if result.cost is not None:
                self.costs.append((result.cost, result.currency))
            if outcome == OUTCOME_SERVED:
                self.tensors = result.tensors
        self._participants.append(seat + described(result, outcome))

    def keeps(self, encoded: bytes) -> bool:
        """Whether one more answer, a serialized Output, is logged whole; it then has its room."""
        length = len(encoded)
        if length > LARGEST_KEPT or length > self._room:
            return False
        self._room -= length
        return True

    def join(self, participant: bytes) -> int:
        """Enter somebody who was not asked for the answer, or not yet; returns the index in the manifest."""
        self._participants.append(participant)
        return len(self._participants) - 1

    def note_degraded(self) -> None:
        """Somebody who should have answered did not."""
        self.degraded = True
        self._manifest += _DEGRADED

    def note_members(self, prices: pricing.Prices) -> None:
        """Note who may be asked, each with the price of its model."""
        self._members = prices

    def note_ended(self, participants: Iterable[Participant]) -> None:
        """Enter who has ended of a jury whose reply nobody waits for."""
        for one in participants:
            self._participants.append(one.SerializeToString())
            if one.HasField("cost"):
                self.costs.append((one.cost.amount, one.cost.currency))

    def note_panel(self, reply: InferResponse) -> None:
        """Enter what came of a jury."""
        self.note_ended(reply.participants)
        self._usages = pricing.usages(reply.participants)
        for said in reply.outputs:
            self._say(said.participant, said.output.SerializeToString())
        self.degraded = self.degraded or reply.degraded
        found = Manifest(degraded=reply.degraded, warnings=reply.warnings)
        if reply.HasField("aggregation"):
            found.aggregation.CopyFrom(reply.aggregation)
        self._manifest += found.SerializeToString()

    def serve(self, output: bytes) -> None:
        """Note the answer, a serialized Output, and what it cost; the account is closed."""
        self.output = output
        if len(output) <= LARGEST_KEPT:
            self._close(output)
            return
        self._left_out += 1
        self._event.append(PredictionEvent(large_output=known_by(output)).SerializeToString())
        self._close(None)

    def fail(self, error: TurnoutError) -> TurnoutError:
        """Note a failure; the account is closed. Returns the error as the caller is to see it, with the
        prediction's id."""
        failure = PredictionEvent(error_code=error.code, error_message=error.message)
        self._event.append(failure.SerializeToString())
        self._close(None)
        error.message = f"{error.message} (prediction {self.prediction_id})"
        error.facts["prediction_id"] = self.prediction_id
        return error

    def warn(self, warning: str) -> None:
        """Say in the reply what went wrong after the event was logged."""
        self.degraded = True
        self.manifest += Manifest(degraded=True, warnings=[warning]).SerializeToString()

    def _say(self, place: int, encoded: bytes) -> None:
        if self.keeps(encoded):
            self._outputs.append(frames.said(place, encoded))
        else:
            self._left_out += 1
            self._outputs.append(frames.known_by(place, known_by(encoded)))

    def _close(self, output: bytes | None) -> None:
        if self._members is not None:
            dearest = pricing.dearest(self._members, self._usages)
            self._manifest += pricing.of_panel(self.costs, dearest)
        elif self.costs:
            self._manifest += pricing.of_attempts(self.costs)
        if self._left_out:
            self.note_warning("what is too large to be logged is there as its length and hash")
        took = time.perf_counter_ns() - self._started
        self.manifest = frames.closed(self._manifest, self._decision, self._participants, took)
        self._event += self._outputs
        self.event = frames.event(self._event, self.manifest, output)

    def reply(self, request: PredictRequest) -> bytes:
        """The serialized PredictResponse, under the view of the manifest that was asked for."""
        view, manifest = request.manifest_view, None
        if view in _WHOLE:
            manifest = self.manifest
        elif view == rpc.MANIFEST_VIEW_IDS:
            manifest = ids_only(Manifest.FromString(self.manifest)).SerializeToString()
        return frames.reply(self.output, self.prediction_id, self.request_id, manifest)


def _named(request: PredictRequest, request_id: str) -> bytes:
    """What the request calls itself, and what kind of input it brings."""
    named = text(_REQUEST_ID, request_id) + _kind(request.input.WhichOneof("kind") or "")
    if request.entity_id:
        named += text(_ENTITY_ID, request.entity_id)
    if request.external_id:
        named += text(_EXTERNAL_ID, request.external_id)
    if request.attributes:
        named += PredictionEvent(attributes=request.attributes).SerializeToString()
    return named


@lru_cache(32)
def _kind(kind: str) -> bytes:
    return text(_INPUT_KIND, kind)


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
