"""An event and a reply, put together from serialized parts.

A manifest goes into the event of every prediction and into its reply, and most of it is known when the
router is deployed. So what does not depend on the request is serialized then (a `Sheet`), what does is
appended to it while the prediction happens, and the manifest's bytes are used twice. The bytes of two
messages one behind the other are those of both merged, so anything can be said later by appending a message
that says only that. Filling messages in field by field, copying and serializing them cost more than all else
that the router did.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from turnout.inference.v1.event_pb2 import LargeOutput, ParticipantOutput, PredictionEvent
from turnout.inference.v1.manifest_pb2 import Cost, Decision, Manifest
from turnout.router.v1.inference_service_pb2 import PredictResponse

from services.models.framing import delimited, header, moment, number, text

_DECIDED_AT = Decision.TIME_FIELD_NUMBER
# A double is eight bytes behind its tag.
_DRAWN = struct.Struct("<Bd").pack
_U_TAG = Decision.U_FIELD_NUMBER << 3 | 1

_DECISION = Manifest.DECISION_FIELD_NUMBER
_PARTICIPANTS = Manifest.PARTICIPANTS_FIELD_NUMBER
_LATENCY = Manifest.TOTAL_LATENCY_FIELD_NUMBER
_TOTAL_COST = Manifest.TOTAL_COST_FIELD_NUMBER
_GREATEST_COST = Manifest.MOST_EXPENSIVE_MEMBER_COST_FIELD_NUMBER

_MANIFEST = PredictionEvent.MANIFEST_FIELD_NUMBER
_TIME, _EVENT_TIME = PredictionEvent.TIME_FIELD_NUMBER, PredictionEvent.EVENT_TIME_FIELD_NUMBER
_OUTPUTS, _OUTPUT = PredictionEvent.OUTPUTS_FIELD_NUMBER, PredictionEvent.OUTPUT_FIELD_NUMBER
# Ids are ASCII and have one length each, so what precedes them is known, as text like themselves.
_ID_LENGTH, _TRACE_LENGTH = 36, 32
_ID = header(Manifest.PREDICTION_ID_FIELD_NUMBER, _ID_LENGTH).decode()
_TRACE_ID = header(Manifest.TRACE_ID_FIELD_NUMBER, _TRACE_LENGTH).decode()

_PLACE, _SAID = ParticipantOutput.PARTICIPANT_FIELD_NUMBER, ParticipantOutput.OUTPUT_FIELD_NUMBER

_REPLY_OUTPUT = PredictResponse.OUTPUT_FIELD_NUMBER
_REPLY_ID = PredictResponse.PREDICTION_ID_FIELD_NUMBER
_REPLY_MANIFEST = PredictResponse.MANIFEST_FIELD_NUMBER
_REPLY_REQUEST_ID = PredictResponse.REQUEST_ID_FIELD_NUMBER


class Sheet(NamedTuple):
    """What is known of an event before its request comes, serialized: fields of the PredictionEvent beside
    its manifest, of the Manifest beside its decision and participants, and of the Decision."""

    event: bytes
    manifest: bytes
    decision: bytes


def drawn(u: float, now: bytes) -> bytes:
    """The rest of a Decision: the draw, and a Timestamp's body."""
    return _DRAWN(_U_TAG, u) + delimited(_DECIDED_AT, now)


def opened(prediction_id: str, trace_id: str) -> bytes:
    """A Manifest's ids: of a prediction, and of a trace in 32 digits."""
    return f"{_ID}{prediction_id}{_TRACE_ID}{trace_id}".encode()


def closed(head: bytes, decision: bytes, participants: Iterable[bytes], nanoseconds: int) -> bytes:
    """The Manifest: its first fields, its parts, and how long it took."""
    fields = [head, header(_DECISION, len(decision)), decision]
    for one in participants:
        fields += (header(_PARTICIPANTS, len(one)), one)
    fields.append(delimited(_LATENCY, moment(nanoseconds)))
    return b"".join(fields)


def priced(total: Cost | None, greatest: Cost | None) -> bytes:
    """A Manifest's costs, as far as they are known."""
    return Manifest(total_cost=total, most_expensive_member_cost=greatest).SerializeToString()


def stamped(time: bytes, event_time: bytes) -> bytes:
    """A PredictionEvent's times, of two Timestamps' bodies."""
    return delimited(_TIME, time) + delimited(_EVENT_TIME, event_time)


def said(place: int, output: bytes) -> bytes:
    """One of a PredictionEvent's outputs: that of the participant at `place`."""
    # The first place is 0, which need not be said.
    placed = number(_PLACE, place) if place else b""
    return delimited(_OUTPUTS, placed + delimited(_SAID, output))


def known_by(place: int, large: LargeOutput) -> bytes:
    """The same of one that is too large to be logged."""
    return PredictionEvent(
        outputs=[ParticipantOutput(participant=place, large_output=large)]
    ).SerializeToString()


def event(fields: Iterable[bytes], manifest: bytes, output: bytes | None) -> bytes:
    """The PredictionEvent."""
    answer = b"" if output is None else delimited(_OUTPUT, output)
    return b"".join((*fields, header(_MANIFEST, len(manifest)), manifest, answer))


def reply(output: bytes, prediction_id: str, request_id: str, manifest: bytes | None) -> bytes:
    """The PredictResponse."""
    told = b"" if manifest is None else delimited(_REPLY_MANIFEST, manifest)
    return b"".join(
        (
            delimited(_REPLY_OUTPUT, output),
            text(_REPLY_ID, prediction_id),
            told,
            text(_REPLY_REQUEST_ID, request_id),
        )
    )
