"""States of drift in words: the same in tables and in reports."""

from collections.abc import Mapping

from turnout.drift.v1 import result_pb2 as drift

STATUS: Mapping[int, str] = {
    drift.DRIFT_STATUS_UNSPECIFIED: "unknown",
    drift.DRIFT_STATUS_OK: "ok",
    drift.DRIFT_STATUS_WARNING: "warning",
    drift.DRIFT_STATUS_ALERT: "alert",
    drift.DRIFT_STATUS_INSUFFICIENT_DATA: "too few rows",
}


def status(value: int) -> str:
    """The state in a word or three; one that a newer server has is shown by its number."""
    return STATUS.get(value, f"status {value}")
