"""The columns of an export: one table that both formats and docs/export.md follow."""

from collections.abc import Mapping

TEXT, INTEGER, NUMBER, FLAG, TIME = "string", "int64", "double", "bool", "timestamp"
TEXTS, NUMBERS = "list<string>", "list<double>"
TEXT_MAP, NUMBER_MAP = "map<string, string>", "map<string, double>"
CANDIDATES, PARTICIPANTS = "list<candidate>", "list<participant>"

COLUMNS: Mapping[str, str] = {
    # Which row of which prediction.
    "prediction_id": TEXT,
    "row": INTEGER,
    "rows": INTEGER,
    "time": TIME,
    "event_time": TIME,
    "entity_id": TEXT,
    "external_id": TEXT,
    "request_id": TEXT,
    "trace_id": TEXT,
    # What was asked.
    "input_kind": TEXT,
    "attributes": TEXT_MAP,
    "numeric_features": NUMBER_MAP,
    "categorical_features": TEXT_MAP,
    "missing_features": TEXTS,
    # What was decided.
    "router": TEXT,
    "router_uid": TEXT,
    "generation": INTEGER,
    "mode": TEXT,
    "strategy": TEXT,
    "policy": TEXT,
    "variant": TEXT,
    "model": TEXT,
    "propensity": NUMBER,
    "held": FLAG,
    "draw": TEXT,
    "u": NUMBER,
    "salt": TEXT,
    "unit_hash": TEXT,
    "displaced": TEXT,
    "request_score": NUMBER,
    "context": NUMBERS,
    "candidates": CANDIDATES,
    "rule_errors": TEXTS,
    "learner_version": INTEGER,
    "metrics_version": INTEGER,
    "decided_at": TIME,
    # What came of it.
    "outcome": TEXT,
    "error_code": TEXT,
    "error_message": TEXT,
    "warnings": TEXTS,
    "label": TEXT,
    "probabilities": NUMBER_MAP,
    "value": NUMBER,
    "text": TEXT,
    "output": TEXT,
    "participants": PARTICIPANTS,
    "latency_ms": NUMBER,
    "cost": NUMBER,
    "currency": TEXT,
    # What turned out to be true, and what it was worth.
    "truth_label": TEXT,
    "truth_number": NUMBER,
    "truth_text": TEXT,
    "truth_json": TEXT,
    "truth_time": TIME,
    "rewards": NUMBER_MAP,
}

CANDIDATE: Mapping[str, str] = {
    "variant": TEXT,
    "model": TEXT,
    "probability": NUMBER,
    "eligible": FLAG,
    "score": NUMBER,
    "reason": TEXT,
}

PARTICIPANT: Mapping[str, str] = {
    "model": TEXT,
    "version": TEXT,
    "variant": TEXT,
    "role": TEXT,
    "outcome": TEXT,
    "attempt": INTEGER,
    "weight": NUMBER,
    "latency_ms": NUMBER,
    "cost": NUMBER,
    "error_code": TEXT,
    "confidence": NUMBER,
    "agrees": FLAG,
    "label": TEXT,
    "value": NUMBER,
    "text": TEXT,
}
