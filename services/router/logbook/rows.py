"""A prediction as rows of a table: what is the same for all of its rows, and then each row's own."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent, PredictionRecord, TruthEntry
from turnout.inference.v1.manifest_pb2 import Decision, Participant
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1.router_service_pb2 import PredictionOutcome

from services.router.logbook.wanted import outcome_of

Row = dict[str, Any]


def rows_of(
    record: PredictionRecord,
    truths: Mapping[tuple[str, int], TruthEntry],
    earned: Mapping[tuple[str, int], Mapping[str, float]],
) -> Iterator[Row]:
    """The rows of a prediction, from 0; what is unknown is None. Times are nanoseconds since 1970."""
    event = record.event
    name, rows = event.manifest.prediction_id, max(1, event.rows)
    shared = _identity(event) | _asked(event) | _decided(event.manifest.decision) | _outcome(event)
    for row in range(rows):
        place = name, row
        yield {
            **shared,
            "row": row,
            "rows": rows,
            **_answer(event.output if event.HasField("output") else None, row),
            "participants": [
                _participant(event, index, row) for index in range(len(event.manifest.participants))
            ],
            **_truth(truths.get(place)),
            "rewards": {metric: _number(value) for metric, value in earned.get(place, {}).items()},
        }


def _identity(event: PredictionEvent) -> Row:
    return {
        "prediction_id": event.manifest.prediction_id,
        "time": _time(event.time),
        "event_time": _time(event.event_time),
        "entity_id": event.entity_id or None,
        "external_id": event.external_id or None,
        "request_id": event.request_id or None,
        "trace_id": event.manifest.trace_id or None,
        "router": event.manifest.router,
        "router_uid": event.router_uid or None,
        "generation": event.manifest.generation,
    }


def _asked(event: PredictionEvent) -> Row:
    features = event.features
    return {
        "input_kind": event.input_kind or None,
        "attributes": dict(event.attributes),
        "numeric_features": {name: _number(value) for name, value in features.numeric_features.items()},
        "categorical_features": dict(features.categorical_features),
        "missing_features": list(features.missing),
    }


def _decided(decision: Decision) -> Row:
    return {
        "mode": _word(manifest.DecisionMode.Name, decision.mode, "DECISION_MODE_"),
        "strategy": decision.strategy or None,
        "policy": decision.policy or None,
        "variant": decision.variant or None,
        "model": decision.model or None,
        "propensity": decision.propensity,
        "held": decision.held,
        "draw": _word(manifest.DrawSource.Name, decision.draw, "DRAW_SOURCE_"),
        "u": decision.u if decision.draw else None,
        "salt": decision.salt or None,
        "unit_hash": decision.unit_hash or None,
        "displaced": decision.displaced or None,
        "request_score": _number(decision.request_score) if decision.HasField("request_score") else None,
        "context": list(decision.context) or None,
        "candidates": [
            {
                "variant": one.variant,
                "model": one.model,
                "probability": one.probability,
                "eligible": one.eligible,
                "score": _number(one.score) if one.HasField("score") else None,
                "reason": one.reason or None,
            }
            for one in decision.candidates
        ],
        "rule_errors": list(decision.rule_errors),
        "learner_version": decision.versions.learner or None,
        "metrics_version": decision.versions.metrics or None,
        "decided_at": _time(decision.time),
    }


def _outcome(event: PredictionEvent) -> Row:
    told = event.manifest
    priced = told.HasField("total_cost")
    return {
        "outcome": PredictionOutcome.Name(outcome_of(event)).removeprefix("PREDICTION_OUTCOME_"),
        "error_code": event.error_code or None,
        "error_message": event.error_message or None,
        "warnings": list(told.warnings),
        "latency_ms": told.total_latency.ToNanoseconds() / 1e6,
        "cost": _number(told.total_cost.amount) if priced else None,
        "currency": told.total_cost.currency if priced else None,
    }


def _participant(event: PredictionEvent, index: int, row: int) -> Row:
    one: Participant = event.manifest.participants[index]
    said = next((given.output for given in event.outputs if given.participant == index), None)
    answer = _answer(said, row)
    return {
        "model": one.model,
        "version": one.version or None,
        "variant": one.variant or None,
        "role": _word(manifest.ParticipantRole.Name, one.role, "PARTICIPANT_ROLE_"),
        "outcome": _word(manifest.Outcome.Name, one.outcome, "OUTCOME_"),
        "attempt": one.attempt,
        "weight": one.weight if one.HasField("weight") else None,
        "latency_ms": one.latency.ToNanoseconds() / 1e6 if one.HasField("latency") else None,
        "cost": _number(one.cost.amount) if one.HasField("cost") else None,
        "error_code": one.error_code or None,
        "confidence": one.confidence if one.HasField("confidence") else None,
        "agrees": one.agrees if one.HasField("agrees") else None,
        "label": answer["label"],
        "value": answer["value"],
        "text": answer["text"],
    }


def _answer(output: Output | None, row: int) -> Row:
    """What an output says of one row; what has no column of its own comes as JSON, with the first row."""
    told: Row = {"label": None, "probabilities": {}, "value": None, "text": None, "output": None}
    kind = output.WhichOneof("kind") if output is not None else None
    if output is None or kind is None:
        return told
    if kind == "classification":
        told["label"], told["probabilities"] = _classified(output, row)
    elif kind == "regression":
        values = output.regression.values
        told["value"] = _number(values[row]) if row < len(values) else None
    elif row == 0:
        if kind == "text":
            told["text"] = output.text.content
        else:
            said = MessageToDict(getattr(output, kind), preserving_proto_field_name=True)
            told["output"] = json.dumps(said, separators=(",", ":"))
    return told


def _classified(output: Output, row: int) -> tuple[str | None, dict[str, float | None]]:
    found = output.classification
    classes = [one.label for one in found.probabilities]
    if found.rows:
        if row >= len(found.rows):
            return None, {}
        mine = found.rows[row]
        chances = list(mine.probabilities) or (
            [one.probability for one in found.probabilities] if row == 0 else []
        )
        return mine.label, {name: _number(chance) for name, chance in zip(classes, chances, strict=False)}
    if row:
        return None, {}
    return found.label, {one.label: _number(one.probability) for one in found.probabilities}


def _truth(entry: TruthEntry | None) -> Row:
    told: Row = dict.fromkeys(("truth_label", "truth_number", "truth_text", "truth_json", "truth_time"))
    kind = entry.truth.WhichOneof("value") if entry is not None else None
    if entry is None or kind is None:
        return told
    value = getattr(entry.truth, kind)
    if kind == "json":
        value = json.dumps(MessageToDict(value), separators=(",", ":"))
    told[f"truth_{kind}"] = _number(value) if kind == "number" else value
    told["truth_time"] = _time(entry.observed_at)
    return told


def _time(stamp: Timestamp) -> int | None:
    return stamp.seconds * 1_000_000_000 + stamp.nanos if stamp.seconds else None


def _number(value: float) -> float | None:
    # JSON has no word for the others, and both formats shall say the same.
    return value if math.isfinite(value) else None


def _word(name: Any, value: int, prefix: str) -> str | None:
    try:
        return str(name(value)).removeprefix(prefix) if value else None
    except ValueError:
        # Logged by a newer version: its number says more than nothing.
        return str(value)
